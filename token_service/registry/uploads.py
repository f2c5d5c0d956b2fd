"""Blob uploads over HTTP: distribution-spec end-4 to end-6, end-11, end-13 and end-14. What lies on disk is
`sessions.py`'s matter.

Bodies are streamed in pieces of a megabyte and never held whole. A chunk with Content-Range is taken whole or not
at all; of a stream without one, what came before the connection broke is kept, and a status request tells how much.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from token_service.registry import errors
from token_service.registry.call import Call
from token_service.registry.digest import ALGORITHMS, Digest, parse_digest
from token_service.registry.required_access import mount_source
from token_service.registry.sessions import Upload, create_upload, open_upload, upload_size

_PIECE_BYTES = 1024 * 1024
_CONTENT_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


async def start(call: Call) -> Response:
    """POST: mount, upload in one request, or begin a session. What cannot be mounted begins a session."""
    if call.query.one("digest-algorithm") not in (None, *ALGORITHMS):
        raise errors.digest_invalid()
    mounted = await run_sync(_mount, call)
    if mounted is not None:
        return _created(call, mounted)
    digest = _wanted(call) if call.query.one("digest") is not None else None
    limit = call.options.max_uploads_per_repository
    upload_id = await run_sync(create_upload, call.repository, call.token.subject, call.clock(), limit)
    if digest is None:
        return Response(status_code=202, headers=_state(call, upload_id, 0))
    with open_upload(call.repository, upload_id, call.token.subject) as upload:
        try:
            await _receive(call, upload, None)
            return await _keep(call, upload, digest)
        except BaseException:
            upload.discard()
            raise


async def append(call: Call) -> Response:
    with open_upload(call.repository, call.text, call.token.subject) as upload:
        await _receive(call, upload, _announced(call, upload))
        return Response(status_code=202, headers=_state(call, call.text, upload.size))


async def finish(call: Call) -> Response:
    digest = _wanted(call)
    with open_upload(call.repository, call.text, call.token.subject) as upload:
        await _receive(call, upload, _announced(call, upload))
        return await _keep(call, upload, digest)


async def status(call: Call) -> Response:
    size = await run_sync(upload_size, call.repository, call.text, call.token.subject)
    return Response(status_code=204, headers=_state(call, call.text, size))


async def cancel(call: Call) -> Response:
    with open_upload(call.repository, call.text, call.token.subject) as upload:
        await run_sync(upload.discard)
        return Response(status_code=204)


def _mount(call: Call) -> Digest | None:
    """Link a blob of another repository, whose `pull` the token has proven. None where that is not possible.

    Without `from` the registry would have to search repositories that the token may not read: left out on purpose.
    """
    source, digest = mount_source(call.query), parse_digest(call.query.one("mount") or "")
    stored = call.layout.find(call.layout.repository(source).layers, digest) if source and digest else None
    if stored is None or digest is None:
        return None
    call.repository.layers.add(stored, digest)
    return digest


def _wanted(call: Call) -> Digest:
    digest = parse_digest(call.query.one("digest") or "")
    if digest is None:
        raise errors.digest_invalid("the parameter digest is no sha256 or sha512 digest in lower-case hex")
    return digest


def _announced(call: Call, upload: Upload) -> int | None:
    """The length of a chunk that says where it belongs, or None for a stream. Chunks come strictly in order."""
    header = call.request.headers.get("content-range")
    if header is None:
        return None
    here = _state(call, call.text, upload.size)
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None:
        raise errors.upload_range_invalid("Content-Range is not first-last", here)
    first, last = int(match[1]), int(match[2])
    if first != upload.size or last < first:
        raise errors.upload_range_invalid("the chunk does not continue where the upload ends", here)
    length = last - first + 1
    if call.request.headers.get("content-length", str(length)) != str(length):
        raise errors.upload_size_invalid()
    return length


async def _receive(call: Call, upload: Upload, announced: int | None) -> None:
    """Append the body. On failure the file is as long as before, unless a stream broke off."""
    start = upload.size
    try:
        await _append_body(call, upload, call.options.max_upload_bytes - start)
        if announced not in (None, upload.size - start):
            raise errors.upload_size_invalid()  # noqa: TRY301 - undone like every other failure
    except ClientDisconnect:
        if announced is not None:
            upload.truncate(start)
        raise
    except BaseException:
        upload.truncate(start)
        raise


async def _append_body(call: Call, upload: Upload, room: int) -> None:
    """Piece by piece in their order; one is written and hashed while the next one arrives."""
    writing: asyncio.Future[None] | None = None
    try:
        async for piece in _pieces(call.request.stream()):
            room -= len(piece)
            if room < 0:
                raise errors.upload_too_large(call.options.max_upload_bytes)
            if writing is not None:
                await writing
            writing = asyncio.ensure_future(run_sync(upload.append, piece))
    finally:
        if writing is not None:
            await writing


async def _pieces(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in pieces worth a thread's while; also what had come when the stream broke."""
    held: list[bytes] = []
    size = 0
    try:
        async for part in stream:
            held.append(part)
            size += len(part)
            if size >= _PIECE_BYTES:
                yield b"".join(held)
                held, size = [], 0
    except ClientDisconnect:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


async def _keep(call: Call, upload: Upload, wanted: Digest) -> Response:
    stored, actual = await run_sync(upload.digests, wanted.algorithm, limiter=call.hashing)
    if actual != wanted:
        await run_sync(upload.discard)
        raise errors.digest_invalid("the upload does not have this digest: it was dropped, begin again")
    await run_sync(partial(upload.keep, call.layout, call.repository, stored, wanted))
    return _created(call, wanted)


def _created(call: Call, digest: Digest) -> Response:
    headers = {"Location": f"/v2/{call.name}/blobs/{digest}", "Docker-Content-Digest": str(digest)}
    return Response(status_code=201, headers=headers)


def _state(call: Call, upload_id: str, size: int) -> dict[str, str]:
    """Where an upload stands. An empty one is `0-0`: docker reads `0--1` as an error."""
    return {
        "Location": f"/v2/{call.name}/blobs/uploads/{upload_id}",
        "Docker-Upload-UUID": upload_id,
        "Range": f"0-{max(size - 1, 0)}",
    }
