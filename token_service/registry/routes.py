"""The table of paths, and what happens to every request before and after its handler.

The order is: syntax (400), token (401), switches (405), existence (404, the handler). So a stranger learns of no
repository whether it exists. A method without an entry in `required_access.ACTIONS` stops the start.
"""

import errno
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from token_service.access import Access
from token_service.clock import Clock
from token_service.registry import blobs, errors, manifests, referrers, tags, uploads
from token_service.registry.auth import Gate
from token_service.registry.call import Call, RegistryOptions
from token_service.registry.digest import Digest, parse_digest
from token_service.registry.errors import RegistryError
from token_service.registry.layout import Layout
from token_service.registry.metrics import Audit
from token_service.registry.query import Query
from token_service.registry.required_access import Kind, mount_source, required_access
from token_service.scope import is_path
from token_service.token.claims import VerifiedToken
from token_service.token.verifier import InvalidToken

Handler = Callable[[Call], Awaitable[Response]]


async def check_version(_call: Call) -> Response:
    return Response("{}", media_type="application/json")


@dataclass(frozen=True, slots=True)
class PathShape:
    """One path shape. `{name:path}` takes as much as it can, so a repository may be called `a/manifests/b`."""

    template: str
    kind: Kind
    handlers: Mapping[str, Handler]


_UPLOADS = {"POST": uploads.start}

PATHS = (
    PathShape("/v2/", Kind.BASE, {"GET": check_version}),
    PathShape("/v2", Kind.BASE, {"GET": check_version}),
    PathShape("/v2/_catalog", Kind.CATALOG, {"GET": tags.catalog}),
    PathShape("/v2/{name:path}/tags/list", Kind.TAGS, {"GET": tags.get}),
    PathShape("/v2/{name:path}/referrers/{reference}", Kind.REFERRERS, {"GET": referrers.get}),
    PathShape(
        "/v2/{name:path}/manifests/{reference}",
        Kind.MANIFEST,
        {"GET": manifests.get, "PUT": manifests.put, "DELETE": manifests.delete},
    ),
    PathShape("/v2/{name:path}/blobs/uploads/", Kind.UPLOADS, _UPLOADS),
    PathShape("/v2/{name:path}/blobs/uploads", Kind.UPLOADS, _UPLOADS),
    PathShape(
        "/v2/{name:path}/blobs/uploads/{reference}",
        Kind.UPLOAD,
        {"GET": uploads.status, "PATCH": uploads.append, "PUT": uploads.finish, "DELETE": uploads.cancel},
    ),
    PathShape("/v2/{name:path}/blobs/{reference}", Kind.BLOB, {"GET": blobs.get, "DELETE": blobs.delete}),
)
"""In the order in which they are tried: the longer shape before the one that would swallow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What all requests share."""

    options: RegistryOptions
    layout: Layout
    gate: Gate
    audit: Audit
    clock: Clock
    hashing: CapacityLimiter
    """Threads that hash uploads: a blob takes seconds, and reads must not wait until one is done."""


@dataclass(slots=True)
class _Trace:
    """What the audit line will say, filled in as it becomes known."""

    required: tuple[Access, ...] = ()
    token: VerifiedToken | None = None
    name: str = ""
    reference: str = ""
    error: str = ""


def build_routes(context: Context, paths: tuple[PathShape, ...] = PATHS) -> list[Route]:
    """Raises KeyError where a path has a method that declares no required access."""
    for path in paths:
        for method in path.handlers:
            required_access(path.kind, method, "a")
    return [Route(path.template, _endpoint(context, path), methods=list(path.handlers)) for path in paths]


def _endpoint(context: Context, path: PathShape) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        trace = _Trace()
        status = 500
        digest = ""
        try:
            response = await _answer(context, path, request, trace)
            response.headers.update(errors.API_VERSION)
            status, digest = response.status_code, response.headers.get("docker-content-digest", "")
            return response
        finally:
            context.audit(_audit_line(path.kind, request, trace, status, digest))

    return serve


async def _answer(context: Context, path: PathShape, request: Request, trace: _Trace) -> Response:
    try:
        return await _call_handler(context, path, request, trace)
    except RegistryError as error:
        refusal = error
    except ClientDisconnect:
        refusal = errors.body_broken()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        refusal = errors.disk_full()
    # Why a token is not valid is for the operator; the client is told only that it is not.
    cause = refusal.__cause__
    trace.error = f"{refusal.code}: {cause if isinstance(cause, InvalidToken) else refusal.message}"
    return errors.render(refusal)


async def _call_handler(context: Context, path: PathShape, request: Request, trace: _Trace) -> Response:
    query = Query(request.scope["query_string"])
    name, reference = _parse_path(path.kind, request)
    trace.name, trace.reference = name, str(reference)
    source = mount_source(query) if path.kind is Kind.UPLOADS else None
    trace.required = required_access(path.kind, request.method, name, source)
    trace.token = context.gate.authenticate(request.headers.getlist("authorization"), trace.required)
    context.gate.check(trace.token, trace.required)
    _check_switches(context.options, path.kind, request.method)
    call = Call(
        request=request,
        query=query,
        name=name,
        reference=reference,
        token=trace.token,
        options=context.options,
        layout=context.layout,
        clock=context.clock,
        hashing=context.hashing,
    )
    return await path.handlers["GET" if request.method == "HEAD" else request.method](call)


def _parse_path(kind: Kind, request: Request) -> tuple[str, Digest | str]:
    """The one reading of the path, before anything is decided or opened."""
    name, reference = request.path_params.get("name", ""), request.path_params.get("reference", "")
    if kind not in (Kind.BASE, Kind.CATALOG) and not is_path(name):
        raise errors.name_invalid()
    if kind in (Kind.BLOB, Kind.REFERRERS) or (kind is Kind.MANIFEST and ":" in reference):
        digest = parse_digest(reference)
        if digest is None:
            raise errors.digest_invalid()
        return name, digest
    if kind is Kind.MANIFEST and request.method == "PUT" and not manifests.is_tag(reference):
        raise errors.tag_invalid()
    return name, reference


def _check_switches(options: RegistryOptions, kind: Kind, method: str) -> None:
    """The one place for both switches, tags included (CVE-2026-41888 was a tag route that forgot)."""
    if options.read_only and method not in ("GET", "HEAD"):
        raise errors.switched_off("this registry is read-only")
    if not options.delete_enabled and method == "DELETE" and kind in (Kind.MANIFEST, Kind.BLOB):
        raise errors.switched_off("deleting is switched off in this registry")


def _audit_line(kind: Kind, request: Request, trace: _Trace, status: int, digest: str) -> dict[str, object]:
    """One line a request. Of the token only its id; of the query only what a mount names."""
    mounted = len(trace.required) > 1
    return {
        "event": "registry.request",
        "method": request.method,
        "kind": str(kind),
        "action": "mount" if mounted else ",".join(trace.required[0].actions) if trace.required else "",
        "repository": trace.name,
        "source": trace.required[1].name if mounted else "",
        "reference": trace.reference,
        "digest": digest,
        "subject": trace.token.subject if trace.token else "",
        "token_id": trace.token.token_id if trace.token else "",
        "status": status,
        "error": trace.error,
    }
