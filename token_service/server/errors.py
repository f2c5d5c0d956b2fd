"""The one place that writes errors of the token service as HTTP.

Every body speaks both vocabularies, `{"errors":[{"code","message"}],"error":…,"error_description":…}`, because docker
shows the first and OAuth clients read the second. Nothing of the request is repeated in it.
"""

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from token_service import challenge
from token_service.errors import OAuthError, invalid_request

NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))

NOT_FOUND = OAuthError("invalid_request", "there is nothing here", 404, "NAME_UNKNOWN")
INTERNAL = OAuthError("server_error", "the service failed; its log says why", 500, "UNKNOWN")

Headers = list[tuple[bytes, bytes]]


def body_of(error: OAuthError) -> bytes:
    return orjson.dumps(
        {
            "errors": [{"code": error.registry_code, "message": error.description, "detail": None}],
            "error": error.code,
            "error_description": error.description,
        }
    )


def render(error: OAuthError, *, realm: str | None = None, allow: str | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body. A 401 carries a Basic challenge where `realm` is given (on GET: RFC 7235 3.1)."""
    body = body_of(error)
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        *NO_STORE,
    ]
    if error.status == 401 and realm is not None:
        headers.append((b"www-authenticate", challenge.basic(realm).encode("ascii")))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode("ascii")))
    if allow is not None:
        headers.append((b"allow", allow.encode("ascii")))
    return error.status, headers, body


def install(app: FastAPI) -> None:
    """Replace the framework's own error pages."""

    async def answer(error: OAuthError, allow: str | None = None) -> Response:
        status, headers, body = render(error, allow=allow)
        response = Response(body, status)
        response.raw_headers = headers
        return response

    async def http_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for this class
        if error.status_code == 404:
            return await answer(NOT_FOUND)
        allow = (error.headers or {}).get("Allow")
        return await answer(invalid_request("this method is not allowed here", error.status_code), allow)

    async def bad_input(_request: Request, _error: Exception) -> Response:
        return await answer(invalid_request("the request is malformed"))

    async def failure(_request: Request, _error: Exception) -> Response:
        return await answer(INTERNAL)

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, failure)
    app.add_exception_handler(RequestValidationError, bad_input)
