"""Login names, and what a policy and a log may see of an account."""

import pytest

from token_service.accounts.account import Account, name_problem
from token_service.principal import Kind, Principal


@pytest.mark.parametrize(
    "name", ["a", "alice", "alice@example.com", "Alice Smith", "ålice", "a/b", "x" * 128, "-", "#alice", "$oauth"]
)
def test_any_visible_text_without_a_colon_is_a_login_name(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "empty"),
        ("x" * 129, "longer than 128"),
        ("a:b", "colon"),
        (" alice", "space at an end"),
        ("alice\t", "cannot be seen"),
        ("alice\u00a0", "cannot be seen"),
        ("al\nice", "cannot be seen"),
        ("al\0ice", "cannot be seen"),
        ("al\x1b[31mice", "cannot be seen"),
        ("alice\u202e", "cannot be seen"),
        ("\ufeffalice", "cannot be seen"),
        ("alice\u200b", "cannot be seen"),
        ("\ud800", "cannot be seen"),
    ],
)
def test_a_name_that_cannot_be_typed_or_would_deceive_is_none(name: str, problem: str) -> None:
    found = name_problem(name)
    assert found is not None
    assert problem in found


def test_an_account_is_a_principal_without_its_hash() -> None:
    account = Account("ci", "$2b$hash", Kind.SERVICE_ACCOUNT, frozenset({"robots"}), {"team": ("core",)})
    assert account.principal() == Principal("ci", Kind.SERVICE_ACCOUNT, frozenset({"robots"}), {"team": ("core",)})
    assert "$2b$hash" not in repr(account) + repr(account.principal())
