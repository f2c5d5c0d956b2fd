"""Which access a request needs: one table, pure. How a token proves it is `auth.py`'s matter.

The table is Distribution's (`registry/handlers/app.go`, appendAccessRecords) but for two lines: reading the state
of an upload and cancelling it are part of pushing. Distribution asks `pull` for the one, which tells readers about
other people's pushes, and `delete` for the other, so that whoever pushes without that right could never clean up.

A pair that is not in the table has no access that would suffice: `routes.py` does not start with such a route.
"""

from collections.abc import Mapping
from enum import StrEnum

from token_service.access import ANY_ACTION, Access
from token_service.registry.query import Query
from token_service.scope import is_path


class Kind(StrEnum):
    """The kinds of resource below /v2/, one for each path shape of distribution-spec's "Endpoints"."""

    BASE = "base"
    CATALOG = "catalog"
    TAGS = "tags"
    REFERRERS = "referrers"
    MANIFEST = "manifest"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    BLOB = "blob"


_PULL, _PUSH, _DELETE = ("pull",), ("pull", "push"), ("delete",)

ACTIONS: Mapping[tuple[Kind, str], tuple[str, ...]] = {
    (Kind.TAGS, "GET"): _PULL,
    (Kind.REFERRERS, "GET"): _PULL,
    (Kind.MANIFEST, "GET"): _PULL,
    (Kind.MANIFEST, "PUT"): _PUSH,
    (Kind.MANIFEST, "DELETE"): _DELETE,
    (Kind.BLOB, "GET"): _PULL,
    (Kind.BLOB, "DELETE"): _DELETE,
    (Kind.UPLOADS, "POST"): _PUSH,
    (Kind.UPLOAD, "GET"): _PUSH,
    (Kind.UPLOAD, "PATCH"): _PUSH,
    (Kind.UPLOAD, "PUT"): _PUSH,
    (Kind.UPLOAD, "DELETE"): _PUSH,
}
"""HEAD needs what GET needs."""

NAMELESS: Mapping[Kind, tuple[Access, ...]] = {
    Kind.BASE: (),
    Kind.CATALOG: (Access("registry", "catalog", (ANY_ACTION,)),),
}
"""The only two resources without a repository. An empty tuple asks for a valid token and nothing more."""


def required_access(kind: Kind, method: str, name: str, source: str | None = None) -> tuple[Access, ...]:
    """What a token must grant; all of it. `source` is the repository that a mount copies from.

    Raises KeyError for a pair that declares nothing, and ValueError for a named kind without a name.
    """
    if kind in NAMELESS:
        if method not in ("GET", "HEAD"):
            raise KeyError((kind, method))
        return NAMELESS[kind]
    actions = ACTIONS[kind, "GET" if method == "HEAD" else method]
    if not name:
        raise ValueError(f"{kind} without a repository name")
    target = Access("repository", name, actions)
    if source is None or source == name:
        return (target,)
    return (target, Access("repository", source, _PULL))


def mount_source(query: Query) -> str | None:
    """The repository that a POST asks to mount from. None where there is none, or where it is no repository name."""
    if query.one("mount") is None:
        return None
    source = query.one("from")
    return source if source is not None and is_path(source) else None
