"""The token service as one ASGI application: `/token` in front, FastAPI behind it for everything else."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from token_service.server import errors

_TOKEN_PATHS = ("/token", "/token/")


class TokenServiceApp:
    """Routes on `scope["path"]` alone: never on a URL rebuilt from Host (CVE-2026-48710).

    `admin` is a second application, for a listener that is not public.
    """

    def __init__(self, token: ASGIApp, rest: FastAPI, admin: FastAPI) -> None:
        self._token = token
        self.rest = rest
        self.admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in _TOKEN_PATHS:
            await self._token(scope, receive, send)
        else:
            await self.rest(scope, receive, send)


def build(
    token: ASGIApp, *, public: Sequence[APIRouter], admin: Sequence[APIRouter], lifespan: Lifespan[FastAPI]
) -> TokenServiceApp:
    return TokenServiceApp(token, _application(public, lifespan), _application(admin))


def _application(routers: Sequence[APIRouter], lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """No documentation pages and no slash redirects: nothing is public that was not put here on purpose."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    errors.install(app)
    for router in routers:
        app.include_router(router)
    return app
