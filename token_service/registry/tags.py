"""The lists of names: a repository's tags (distribution-spec end-8) and Distribution's catalogue of repositories."""

import json
from collections.abc import Iterator

from anyio.to_thread import run_sync
from starlette.responses import Response

from token_service.registry import errors
from token_service.registry.call import Call
from token_service.registry.layout import Layout, Repository, names_in
from token_service.registry.limits import shown_names
from token_service.registry.manifests import is_tag
from token_service.registry.pages import page_size, take_page


async def get(call: Call) -> Response:
    return await run_sync(_tags, call)


async def catalog(call: Call) -> Response:
    return await run_sync(_catalog, call)


def _tags(call: Call) -> Response:
    size, after = page_size(call.query), call.query.one("last") or ""
    if not call.repository.exists:
        raise errors.name_unknown()
    page, headers = take_page(_tags_after(call.repository, after), size, f"/v2/{call.name}/tags/list")
    return _json({"name": call.name, "tags": page}, headers)


def _tags_after(repository: Repository, after: str) -> Iterator[str]:
    """In ASCII order. A folder without its link is a tag that a crash left half made or half removed."""
    for tag in sorted(names_in(repository.tags)):
        if tag > after and is_tag(tag) and repository.tagged(tag) is not None:
            yield tag


def _catalog(call: Call) -> Response:
    size, after = page_size(call.query), call.query.one("last") or ""
    shown = shown_names(call)
    names = (name for name in _repositories_after(call.layout, after) if shown is None or shown.shows(name))
    page, headers = take_page(names, size, "/v2/_catalog")
    return _json({"repositories": page}, headers)


def _repositories_after(layout: Layout, after: str) -> Iterator[str]:
    """In the order of the folders: `a/b` before `a-b`, whatever their characters, so that paging misses none."""
    last = after.split("/") if after else []
    for name in layout.folders():
        if name.split("/") > last and layout.repository(name).exists:
            yield name


def _json(body: object, headers: dict[str, str]) -> Response:
    return Response(json.dumps(body), 200, headers, "application/json")
