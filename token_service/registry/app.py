"""The registry as an ASGI application: options in, application out.

Rooms above this one give it a verifier; it never learns how tokens are issued.
"""

import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from token_service.clock import Clock, system_clock
from token_service.registry import errors
from token_service.registry.auth import Gate
from token_service.registry.call import RegistryOptions
from token_service.registry.layout import Layout
from token_service.registry.metrics import Audit, RequestMetrics
from token_service.registry.routes import Context, build_routes
from token_service.token.verifier import Verifier

_audit_log = logging.getLogger("token_service.registry.audit")


def log_audit_line(line: Mapping[str, object]) -> None:
    """The audit sink where none is given: one JSON object a line, on the logger `token_service.registry.audit`."""
    _audit_log.info("%s", json.dumps(line))


def build_registry(
    options: RegistryOptions, verifier: Verifier, audit: Audit = log_audit_line, clock: Clock = system_clock
) -> Starlette:
    """An application for one volume and one audience. Give it a `CachingVerifier`, unless tokens are rarely reused.

    Raises ValueError for a realm or service that no header can carry, and KeyError for a route without access.
    """
    metrics = RequestMetrics()
    context = Context(
        options=options,
        layout=Layout(options.root),
        gate=Gate(options.realm, options.service, verifier),
        audit=metrics.counting(audit),
        clock=clock,
        hashing=CapacityLimiter(max(2, os.cpu_count() or 2)),
    )
    app = Starlette(
        routes=[*build_routes(context), *_open_routes(options, metrics)],
        exception_handlers={HTTPException: _refuse(context), Exception: _crashed},
    )
    app.router.redirect_slashes = False
    return app


def _open_routes(options: RegistryOptions, counted: RequestMetrics) -> list[Route]:
    """The only routes that ask for no token. They tell nothing about what the registry holds."""

    async def health(_request: Request) -> Response:
        if await run_sync(options.root.is_dir):
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the volume is not there\n", 503)

    async def metrics(_request: Request) -> Response:
        return counted.response()

    routes = [Route("/healthz", health)]
    if options.metrics_enabled:
        routes.append(Route("/metrics", metrics))
    return routes


def _refuse(context: Context) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What matches no route: also in the OCI's words, and in the audit log, though nobody was asked for a token."""

    async def refuse(request: Request, error: Exception) -> Response:
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
        context.audit({"event": "registry.request", "method": request.method, "kind": "", "status": status})
        return errors.render(errors.of_status(status, headers))

    return refuse


async def _crashed(_request: Request, _error: Exception) -> Response:
    return errors.render(errors.of_status(500))
