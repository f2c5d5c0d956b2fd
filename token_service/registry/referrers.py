"""Referrers: who names a manifest as its `subject` (distribution-spec end-12, "Listing Referrers").

Each referrer is one small file with its descriptor, `_referrers/<subject>/<referrer>`, written with the manifest
and removed with it. On a volume that a registry without this API wrote, clients kept the list in an index under the
tag `<algorithm>-<hex>` of the subject; the specification wants that one listed as well.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from anyio.to_thread import run_sync
from starlette.responses import Response

from token_service.registry.call import Call
from token_service.registry.digest import ALGORITHMS, Digest, digest_of, parse_digest
from token_service.registry.document import OCI_INDEX, Document, DocumentError, read_document
from token_service.registry.layout import Layout, Repository, names_in, remove_file, write_file
from token_service.registry.pages import next_link

_MAX_ENTRIES = 1000
_MAX_PAGE_BYTES = 4 * 1024 * 1024


async def get(call: Call) -> Response:
    return await run_sync(_list, call)


def add_referrer(repository: Repository, subject: Digest, descriptor: Mapping[str, object]) -> None:
    digest = str(descriptor["digest"]).replace(":", "-")
    write_file(repository.referrers(subject) / digest, json.dumps(descriptor).encode("ascii"))


def remove_referrer(repository: Repository, content: Path) -> None:
    """Take a manifest out of its subject's list, under each of its digests."""
    document = _document(content)
    if document is not None and document.subject is not None:
        for algorithm in ALGORITHMS:
            digest = digest_of(content.read_bytes(), algorithm)
            remove_file(repository.referrers(document.subject) / f"{digest.algorithm}-{digest.encoded}")


def _list(call: Call) -> Response:
    """One page of the list, as long as a manifest may be. Unknown subjects and repositories have an empty one."""
    wanted, after = call.query.one("artifactType"), call.query.one("last") or ""
    page: list[dict[str, object]] = []
    size, last, more = 0, "", False
    for name, descriptor in _referrers(call.layout, call.repository, call.digest, after):
        if wanted and descriptor.get("artifactType") != wanted:
            continue
        size += len(json.dumps(descriptor))
        if page and (size > _MAX_PAGE_BYTES or len(page) == _MAX_ENTRIES):
            more = True
            break
        page.append(descriptor)
        last = name
    headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
    if more:
        filters = {"artifactType": wanted} if wanted else {}
        headers |= next_link(call.request.url.path, filters | {"last": last})
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page}
    return Response(json.dumps(body), 200, headers, OCI_INDEX)


def _referrers(
    layout: Layout, repository: Repository, subject: Digest, after: str
) -> Iterator[tuple[str, dict[str, object]]]:
    own = {name for name in names_in(repository.referrers(subject)) if not name.startswith(".")}
    older = set(_fallback(layout, repository, subject))
    for name in sorted(own | older):
        if name > after:
            descriptor = _descriptor(layout, repository, subject, name)
            if descriptor is not None:
                yield name, descriptor


def _descriptor(layout: Layout, repository: Repository, subject: Digest, name: str) -> dict[str, object] | None:
    try:
        read: dict[str, object] = json.loads((repository.referrers(subject) / name).read_bytes())
        return read
    except FileNotFoundError:
        pass
    digest = parse_digest(name.replace("-", ":", 1))
    stored = repository.manifests.resolve(digest) if digest else None
    document = _document(layout.content(stored)) if stored else None
    if stored is None or digest is None or document is None or document.subject != subject:
        return None
    return document.descriptor(digest, layout.content(stored).stat().st_size)


def _fallback(layout: Layout, repository: Repository, subject: Digest) -> Iterator[str]:
    tagged = repository.tagged(f"{subject.algorithm[:32]}-{subject.encoded[:64]}")
    stored = repository.manifests.resolve(tagged) if tagged else None
    index = _document(layout.content(stored)) if stored else None
    if index is not None:
        for digest in index.children:
            yield f"{digest.algorithm}-{digest.encoded}"


def _document(content: Path) -> Document | None:
    """A stored manifest; None for one that would not be accepted today, or that is gone."""
    try:
        return read_document(content.read_bytes(), "")
    except (FileNotFoundError, DocumentError):
        return None
