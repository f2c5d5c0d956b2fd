"""Referrers: who names a manifest as its `subject` (distribution-spec end-12, "Listing Referrers").

Each referrer is one small file, `_referrers/<subject>/<referrer>`, added with the manifest and removed with it; what
the list says is read from the manifest. On a volume that a registry without this API wrote, clients kept the list
in an index under the tag `<algorithm>-<hex>` of the subject; the specification wants that one listed as well.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from anyio.to_thread import run_sync
from starlette.responses import Response

from token_service.registry.call import Call
from token_service.registry.digest import Digest, parse_digest
from token_service.registry.document import OCI_INDEX, Document, DocumentError, read_document
from token_service.registry.layout import Layout, Repository, names_in, remove_file, write_file
from token_service.registry.pages import MAX_ENTRIES, next_link

_MAX_PAGE_BYTES = 4 * 1024 * 1024


async def get(call: Call) -> Response:
    return await run_sync(_list, call)


def add_referrer(repository: Repository, subject: Digest, digest: Digest) -> None:
    write_file(repository.referrers(subject) / _file_name(digest), b"")


def remove_referrer(repository: Repository, content: Path, names: frozenset[Digest]) -> None:
    """Take the manifest in `content` out of its subject's list, under each of its names."""
    document = _document(content)
    if document is not None and document.subject is not None:
        for digest in names:
            remove_file(repository.referrers(document.subject) / _file_name(digest))


def _list(call: Call) -> Response:
    """One page of the list, no longer than a manifest. Unknown subjects and repositories have an empty one."""
    wanted = call.query.one("artifactType")
    page: list[dict[str, object]] = []
    size, last, headers = 0, "", {"OCI-Filters-Applied": "artifactType"} if wanted else {}
    for name, descriptor in _descriptors(call, call.query.one("last") or ""):
        if wanted and descriptor.get("artifactType") != wanted:
            continue
        size += len(json.dumps(descriptor))
        if page and (size > _MAX_PAGE_BYTES or len(page) == MAX_ENTRIES):
            headers |= next_link(call.request.url.path, ({"artifactType": wanted} if wanted else {}) | {"last": last})
            break
        page.append(descriptor)
        last = name
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page}
    return Response(json.dumps(body), 200, headers, OCI_INDEX)


def _descriptors(call: Call, after: str) -> Iterator[tuple[str, dict[str, object]]]:
    """What still is there of both lists, in the order of the file names."""
    names = {*names_in(call.repository.referrers(call.digest)), *_fallback(call.layout, call.repository, call.digest)}
    for name in sorted(names):
        digest = parse_digest(name.replace("-", ":", 1))
        stored = call.repository.manifests.resolve(digest) if digest and name > after else None
        document = _document(call.layout.content(stored)) if stored else None
        if digest and stored and document and document.subject == call.digest:
            yield name, document.descriptor(digest, call.layout.content(stored).stat().st_size)


def _fallback(layout: Layout, repository: Repository, subject: Digest) -> Iterator[str]:
    tagged = repository.tagged(f"{subject.algorithm[:32]}-{subject.encoded[:64]}")
    stored = repository.manifests.resolve(tagged) if tagged else None
    index = _document(layout.content(stored)) if stored else None
    if index is not None:
        yield from map(_file_name, index.children)


def _file_name(digest: Digest) -> str:
    return f"{digest.algorithm}-{digest.encoded}"


def _document(content: Path) -> Document | None:
    """A stored manifest; None for one that would not be accepted today, or that is gone."""
    try:
        return read_document(content.read_bytes(), "")
    except (FileNotFoundError, DocumentError):
        return None
