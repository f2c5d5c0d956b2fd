"""Errors that cross rooms: what each says, and that they behave as exceptions must."""

import contextlib
import string
from collections.abc import Iterator

import pytest

from token_service.errors import (
    LoadError,
    OAuthError,
    ServiceError,
    bad_credentials,
    invalid_request,
    too_busy,
    unavailable,
)

RFC_6749 = set(map(chr, range(0x20, 0x7F))) - {'"', "\\"}


@pytest.mark.parametrize(
    ("error", "status", "code", "registry_code", "retry_after"),
    [
        (invalid_request("no"), 400, "invalid_request", "UNSUPPORTED", None),
        (invalid_request("no", 413), 413, "invalid_request", "UNSUPPORTED", None),
        (bad_credentials(), 401, "invalid_grant", "UNAUTHORIZED", None),
        (too_busy("no", 3), 429, "temporarily_unavailable", "TOOMANYREQUESTS", 3),
        (unavailable("no"), 503, "temporarily_unavailable", "UNAVAILABLE", 5),
    ],
)
def test_both_vocabularies(
    error: OAuthError, status: int, code: str, registry_code: str, retry_after: int | None
) -> None:
    assert (error.status, error.code, error.registry_code, error.retry_after) == (
        status,
        code,
        registry_code,
        retry_after,
    )
    assert set(error.description) <= RFC_6749
    assert set(error.code) <= set(string.ascii_lowercase + "_")
    assert str(error) == f"{status} {code}: {error.description}"
    assert isinstance(error, ServiceError)


def test_a_load_error_is_one_line_with_place_problem_and_fix() -> None:
    assert str(LoadError("users.yaml:3", "duplicate key", "remove it")) == "users.yaml:3: duplicate key (remove it)"
    assert str(LoadError("users.yaml", "is empty")) == "users.yaml: is empty"


def test_errors_are_equal_by_what_they_say() -> None:
    assert invalid_request("no") == invalid_request("no")
    assert invalid_request("no") != invalid_request("yes")
    assert len({invalid_request("no"), invalid_request("no")}) == 1


@contextlib.contextmanager
def passing_through() -> Iterator[None]:
    yield


@pytest.mark.parametrize("error", [invalid_request("no"), LoadError("a", "b")], ids=["OAuthError", "LoadError"])
def test_an_error_passes_through_a_context_manager(error: ServiceError) -> None:
    """contextlib sets `__traceback__` from Python, which a frozen dataclass refuses."""
    with pytest.raises(type(error)) as raised, passing_through():
        raise error
    assert raised.value is error
    error.add_note("may be noted")
