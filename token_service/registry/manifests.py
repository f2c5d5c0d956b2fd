"""Manifests: distribution-spec end-3, end-7 and end-9. Stored and served byte for byte.

`Accept` is not looked at: a digest has one type, nothing is converted, so there is nothing to confuse. What a
document may hold is `document.py`'s matter, and who refers to whom is `referrers.py`'s.
"""

import re
import shutil
from functools import lru_cache
from pathlib import Path

from anyio.to_thread import run_sync
from starlette.responses import Response

from token_service.registry import errors
from token_service.registry.blobs import content_headers, is_known
from token_service.registry.call import Call
from token_service.registry.digest import Digest, digest_of
from token_service.registry.document import Document, DocumentError, read_document, stored_media_type
from token_service.registry.layout import Layout, Repository, names_in, remove_file, write_file
from token_service.registry.limits import check_delete, check_push
from token_service.registry.referrers import add_referrer, remove_referrer

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)
_MAX_TAGS_AT_ONCE = 100


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


async def get(call: Call) -> Response:
    return await run_sync(_read, call)


async def put(call: Call) -> Response:
    tags = _asked_tags(call)
    content = await _body(call)
    return await run_sync(_store, call, content, tags)


async def delete(call: Call) -> Response:
    await run_sync(_remove, call)
    return Response(status_code=202)


def _read(call: Call) -> Response:
    digest = _named(call)
    stored = call.repository.manifests.resolve(digest) if digest else None
    if digest is None or stored is None:
        raise errors.manifest_unknown()
    file = call.layout.content(stored)
    try:
        size, media_type = file.stat().st_size, _type_of(file)
        if is_known(call, digest):
            return Response(status_code=304, headers={"ETag": f'"{digest}"'})
        content = b"" if call.request.method == "HEAD" else file.read_bytes()
    except FileNotFoundError:
        raise errors.manifest_unknown() from None
    return Response(content, 200, content_headers(digest, size), media_type)


@lru_cache(maxsize=4096)
def _type_of(file: Path) -> str:
    """The type of stored content. Remembered, since the path is the content's digest."""
    return stored_media_type(file.read_bytes())


def _named(call: Call) -> Digest | None:
    if isinstance(call.reference, Digest):
        return call.reference
    return call.repository.tagged(call.reference) if is_tag(call.reference) else None


def _asked_tags(call: Call) -> tuple[str, ...]:
    """The tags that a push sets: the one in the path, or with a digest in the path those of `?tag=`."""
    tags = call.query.all("tag")
    if not isinstance(call.reference, Digest):
        if tags:
            raise errors.request_invalid("the parameter tag goes with a digest in the path, not with a tag")
        tags = (call.reference,)
    if len(tags) > _MAX_TAGS_AT_ONCE:
        raise errors.RegistryError(414, "UNSUPPORTED", f"at most {_MAX_TAGS_AT_ONCE} tags at once")
    if not all(is_tag(tag) for tag in tags):
        raise errors.tag_invalid()
    return tags


async def _body(call: Call) -> bytes:
    """The body, read no further than the limit."""
    limit = call.options.max_manifest_bytes
    content = bytearray()
    async for part in call.request.stream():
        content += part
        if len(content) > limit:
            raise errors.manifest_too_large(limit)
    return bytes(content)


def _store(call: Call, content: bytes, tags: tuple[str, ...]) -> Response:
    """Bytes, then links, then the entry in the referrers list, tags last: a crash leaves no tag without its
    manifest, and no manifest without its content."""
    wanted = call.reference if isinstance(call.reference, Digest) else digest_of(content)
    if digest_of(content, wanted.algorithm) != wanted:
        raise errors.digest_invalid("the manifest does not have this digest")
    try:
        document = read_document(content, call.request.headers.get("content-type", ""))
    except DocumentError as error:
        raise errors.manifest_invalid(str(error)) from error
    repository = call.repository
    with repository.locked():
        check_push(call, tags, content)
        _check_references(call.layout, repository, document)
        stored = call.layout.add_bytes(content)
        repository.manifests.add(stored, wanted)
        if document.subject is not None:
            add_referrer(repository, document.subject, wanted)
        for tag in tags:
            link = str(wanted).encode("ascii")
            write_file(repository.tags / tag / "index" / wanted.algorithm / wanted.encoded / "link", link)
            write_file(repository.tags / tag / "current/link", link)
    return _created(call, document, wanted, tags if call.query.all("tag") else ())


def _check_references(layout: Layout, repository: Repository, document: Document) -> None:
    layers, manifests = repository.layers, repository.manifests
    missing = [str(digest) for digest in document.blobs if layout.find(layers, digest) is None]
    # An index may list blobs, too: BuildKit's cache does, and Distribution lets it.
    missing += [
        str(digest)
        for digest in document.children
        if layout.find(manifests, digest) is None and layout.find(layers, digest) is None
    ]
    if missing:
        raise errors.references_unknown(missing)


def _created(call: Call, document: Document, digest: Digest, tags: tuple[str, ...]) -> Response:
    headers = {"Location": f"/v2/{call.name}/manifests/{digest}", "Docker-Content-Digest": str(digest)}
    if document.subject is not None:
        headers["OCI-Subject"] = str(document.subject)
    response = Response(status_code=201, headers=headers)
    for tag in tags:
        response.headers.append("OCI-Tag", tag)
    return response


def _remove(call: Call) -> None:
    repository, reference = call.repository, call.reference
    found = repository.manifests.resolve(reference) if isinstance(reference, Digest) else _named(call)
    if found is None:
        raise errors.manifest_unknown()
    with repository.locked():
        if isinstance(reference, Digest):
            _remove_manifest(call, repository.manifests.names(reference))
        else:
            check_delete(call, [reference])
            _remove_tag(repository, reference)


def _remove_manifest(call: Call, names: frozenset[Digest]) -> None:
    """A manifest with all its tags: tags first, then the entry in the referrers list, then the links."""
    repository = call.repository
    tags = [tag for tag in names_in(repository.tags) if repository.tagged(tag) in names]
    check_delete(call, tags)
    for tag in tags:
        _remove_tag(repository, tag)
    for stored in names:
        remove_referrer(repository, call.layout.content(stored), names)
    repository.manifests.remove(names)


def _remove_tag(repository: Repository, tag: str) -> None:
    remove_file(repository.tags / tag / "current/link")
    shutil.rmtree(repository.tags / tag, ignore_errors=True)
