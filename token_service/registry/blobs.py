"""Blobs: distribution-spec end-2 and end-10. A blob is served to a repository only where that one links it.

The framework's file response is not used: it answers some ranges with 400 where the specification has 416, and
serves several ranges at once (CVE-2025-62727). Here one range is served; anything else gets the whole blob.
"""

import os
import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from anyio.to_thread import run_sync
from starlette.responses import Response, StreamingResponse

from token_service.registry import errors
from token_service.registry.call import Call
from token_service.registry.digest import Digest
from token_service.registry.limits import check_delete_blob

_PIECE_BYTES = 1024 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


async def get(call: Call) -> Response:
    file = await run_sync(_open, call)
    try:
        response = _respond(call, file)
    except BaseException:
        file.close()
        raise
    if not isinstance(response, StreamingResponse):
        file.close()
    return response


async def delete(call: Call) -> Response:
    """Removes the links only: other repositories may hold the same bytes. Distribution's collector frees the disk."""
    await run_sync(_remove, call)
    return Response(status_code=202)


def content_headers(digest: Digest | str, size: int) -> dict[str, str]:
    """What all content carries. `nosniff` and the type keep an uploaded page from running in a browser."""
    return {
        "Docker-Content-Digest": str(digest),
        "Content-Length": str(size),
        "ETag": f'"{digest}"',
        "X-Content-Type-Options": "nosniff",
    }


def is_known(call: Call, digest: Digest | str) -> bool:
    """Whether the client says that it has this content already (RFC 9110 section 13.1.2)."""
    held = call.request.headers.get("if-none-match", "")
    return any(tag.strip().removeprefix("W/") in ("*", f'"{digest}"') for tag in held.split(",") if tag.strip())


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """The first byte of one range and the one after its last; None where the whole is to be sent.

    Raises ValueError for a range that lies outside of the content (416).
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, end = max(size - int(match[2]), 0), size
    else:
        first, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
    if first >= end:
        raise ValueError("the range holds no byte of the content")
    return first, end


def _open(call: Call) -> BinaryIO:
    stored = call.repository.layers.resolve(call.digest)
    if stored is None:
        raise errors.blob_unknown()
    try:
        return call.layout.content(stored).open("rb", buffering=0)
    except FileNotFoundError:
        raise errors.blob_unknown() from None


def _remove(call: Call) -> None:
    check_delete_blob(call)
    layers = call.repository.layers
    if layers.resolve(call.digest) is None:
        raise errors.blob_unknown()
    with call.repository.locked():
        layers.remove(layers.names(call.digest))


def _respond(call: Call, file: BinaryIO) -> Response:
    size = os.fstat(file.fileno()).st_size
    headers = content_headers(call.digest, size) | {"Accept-Ranges": "bytes"}
    if is_known(call, call.digest):
        return Response(status_code=304, headers={"ETag": headers["ETag"]})
    if call.request.method == "HEAD":
        return Response(headers=headers, media_type="application/octet-stream")
    try:
        part = _asked_range(call, size)
    except ValueError:
        message = "the range lies outside of the blob"
        raise errors.RegistryError(
            416, "SIZE_INVALID", message, headers={"Content-Range": f"bytes */{size}"}
        ) from None
    if part is None:
        return StreamingResponse(_pieces(file, 0, size), 200, headers, "application/octet-stream")
    first, end = part
    headers |= {"Content-Range": f"bytes {first}-{end - 1}/{size}", "Content-Length": str(end - first)}
    return StreamingResponse(_pieces(file, first, end), 206, headers, "application/octet-stream")


def _asked_range(call: Call, size: int) -> tuple[int, int] | None:
    headers = call.request.headers
    if headers.get("if-range", f'"{call.digest}"') != f'"{call.digest}"':
        return None
    return byte_range(headers.get("range", ""), size)


async def _pieces(file: BinaryIO, first: int, end: int) -> AsyncIterator[bytes]:
    with file:
        while first < end:
            piece = await run_sync(os.pread, file.fileno(), min(_PIECE_BYTES, end - first), first)
            if not piece:
                return  # the file was cut short under us; the server breaks off, and the client sees too few bytes
            yield piece
            first += len(piece)
