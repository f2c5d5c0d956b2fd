"""Public metadata: the signing keys (RFC 7517) and the authorization server's description (RFC 8414)."""

import hashlib
from collections.abc import Callable, Sequence

import orjson
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from fastapi import APIRouter, Request
from fastapi.responses import Response

from token_service.clock import Clock
from token_service.token.keyring import KeyRing

JWKS_MAX_AGE_SECONDS = 300


def metadata(issuer: str, token_url: str) -> dict[str, object]:
    """The document of RFC 8414. Endpoints that do not exist are not listed.

    Raises ValueError where Authlib finds it not conforming, which a plain-http issuer is not: it is for tests and
    local use only, so that one finding is let pass.
    """
    document: dict[str, object] = {
        "issuer": issuer,
        "token_endpoint": token_url,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "grant_types_supported": ["password"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
    }
    if issuer.startswith("https:"):
        # Authlib takes the empty list, which is all that a service without an authorization endpoint can say, for a
        # missing one.
        AuthorizationServerMetadata({**document, "response_types_supported": ["none"]}).validate()
    return document


def router(keyring: Callable[[], KeyRing], clock: Clock, document: dict[str, object]) -> APIRouter:
    routes = APIRouter(prefix="/.well-known")

    @routes.api_route("/jwks.json", methods=["GET", "HEAD"])
    async def jwks(request: Request) -> Response:
        return _cached(request, orjson.dumps(keyring().jwks(clock())), "application/jwk-set+json")

    @routes.api_route("/oauth-authorization-server", methods=["GET", "HEAD"])
    async def authorization_server(request: Request) -> Response:
        return _cached(request, orjson.dumps(document), "application/json")

    return routes


def _cached(request: Request, body: bytes, media_type: str) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"public, max-age={JWKS_MAX_AGE_SECONDS}",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
    }
    if _has(request.headers.getlist("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _has(if_none_match: Sequence[str], etag: str) -> bool:
    """RFC 9110 section 13.1.2: a list, compared weakly, because proxies that compress make our tag a weak one."""
    known = {tag.strip().removeprefix("W/") for value in if_none_match for tag in value.split(",")}
    return etag in known or "*" in known
