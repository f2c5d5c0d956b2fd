"""What tests of the token endpoint send again and again, and the shape that every refusal must have."""

import re

from tests.server.house import ALICE, BOB, MARK, REGISTRY, Answer, basic

AS_ALICE, AS_BOB = basic("alice", ALICE), basic("bob", BOB)
PATHS = ("/token", "/token/")
FORM = ("content-type", "application/x-www-form-urlencoded")


def form(name: str = "alice", password: str = ALICE, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """What containerd posts."""
    return [
        ("grant_type", "password"),
        ("service", REGISTRY),
        ("client_id", "containerd-client"),
        ("username", name),
        ("password", password),
        *more,
    ]


def refused(answer: Answer, status: int, code: str = "invalid_request", registry_code: str = "UNSUPPORTED") -> str:
    """Checks that every client can show this error; its message."""
    body = answer.json()
    message = body["error_description"]
    assert answer.status == status, answer.body
    assert body == {
        "errors": [{"code": registry_code, "message": message, "detail": None}],
        "error": code,
        "error_description": message,
    }
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", message)  # RFC 6749 section 5.2
    assert answer.header("cache-control") == "no-store"
    assert answer.header("pragma") == "no-cache"
    assert answer.header("content-length") == str(len(answer.body))
    assert MARK not in repr(answer)
    return str(message)
