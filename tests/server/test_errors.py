"""How an error is written: in both vocabularies, with the headers of its status, and in no framework's way."""

import json

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from tests.server.house import call
from token_service.errors import OAuthError, bad_credentials, invalid_request, too_busy, unavailable
from token_service.server import errors

NAMED = [
    bad_credentials(),
    invalid_request("x"),
    too_busy("x", 7),
    unavailable("x"),
    errors.NOT_FOUND,
    errors.INTERNAL,
]


@pytest.mark.parametrize("error", NAMED, ids=str)
def test_both_vocabularies_say_the_same(error: OAuthError) -> None:
    status, headers, body = errors.render(error)
    assert status == error.status
    assert json.loads(body) == {
        "errors": [{"code": error.registry_code, "message": error.description, "detail": None}],
        "error": error.code,
        "error_description": error.description,
    }
    found = dict(headers)
    assert len(found) == len(headers)
    assert found[b"content-type"] == b"application/json"
    assert found[b"content-length"] == str(len(body)).encode()
    assert found[b"cache-control"] == b"no-store"
    assert found[b"x-content-type-options"] == b"nosniff"
    assert found.get(b"retry-after") == (str(error.retry_after).encode() if error.retry_after else None)
    assert b"www-authenticate" not in found
    assert b"allow" not in found


def test_only_a_401_carries_a_challenge() -> None:
    for error in NAMED:
        headers = dict(errors.render(error, realm="https://t.example.com")[1])
        expected = b'Basic realm="https://t.example.com",charset="UTF-8"' if error.status == 401 else None
        assert headers.get(b"www-authenticate") == expected


def broken_app() -> ASGIApp:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    errors.install(app)

    @app.get("/number")
    async def number(value: int) -> int:
        return value

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("hunter2-secret")

    return app


@pytest.mark.parametrize(
    ("method", "path", "query", "status", "code"),
    [
        ("GET", "/nothing", b"", 404, "NAME_UNKNOWN"),
        ("POST", "/number", b"", 405, "UNSUPPORTED"),
        ("GET", "/number", b"value=hunter2-secret", 400, "UNSUPPORTED"),
        ("GET", "/number", b"", 400, "UNSUPPORTED"),
        ("GET", "/number/", b"", 404, "NAME_UNKNOWN"),
    ],
)
async def test_the_frameworks_own_pages_never_show(
    method: str, path: str, query: bytes, status: int, code: str
) -> None:
    """FastAPI's 422 repeats what was sent, which here may be a password."""
    answer = await call(broken_app(), method, path, query=query)
    assert answer.status == status
    assert answer.json()["errors"][0]["code"] == code
    assert answer.json()["error"] == "invalid_request"
    assert b"hunter2" not in answer.body
    assert (answer.header("allow") is not None) is (status == 405)


async def test_an_exception_is_a_500_that_says_nothing_and_still_reaches_the_servers_log() -> None:
    messages = []

    async def send(message: dict[str, object]) -> None:
        messages.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/broken", "query_string": b"", "headers": []}
    with pytest.raises(RuntimeError, match="hunter2-secret"):
        await broken_app()(scope, receive, send)  # type: ignore[arg-type]
    assert messages[0]["status"] == 500
    assert json.loads(bytes(messages[1]["body"]))["error"] == "server_error"  # type: ignore[call-overload]
    assert "hunter2" not in repr(messages)
