"""`users.yaml`: what is read, and for each thing that is wrong its line, the reason and the fix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accounts.hashes import argon2_of, bcrypt_of
from token_service.accounts.account import Account
from token_service.accounts.users_file import parse_users
from token_service.errors import LoadError
from token_service.principal import Kind

HASH = bcrypt_of("alice's")
OTHER = argon2_of("ci's")


def test_everything_that_an_account_may_say_is_read() -> None:
    content = f"""\
users:
  alice:
    password_hash: "{HASH}"
    groups: [developers, "on call"]
    labels: {{team: [core, web], site: berlin}}
  ci:
    kind: service-account
    password_hash: '{OTHER}'
    disabled: true
    expires: "2027-01-15T09:00:00+01:00"
"""
    assert parse_users(content.encode(), "f") == {
        "alice": Account(
            "alice",
            HASH,
            groups=frozenset({"developers", "on call"}),
            labels={"team": ("core", "web"), "site": ("berlin",)},
        ),
        "ci": Account("ci", OTHER, Kind.SERVICE_ACCOUNT, disabled=True, expires_at=1_800_000_000),
    }


def test_a_hash_needs_no_quotes() -> None:
    assert parse_users(f"users: {{alice: {{password_hash: {HASH}}}}}".encode(), "f")["alice"].password_hash == HASH


def test_disabled_false_is_enabled() -> None:
    content = f"users:\n  alice:\n    password_hash: {HASH}\n    disabled: false\n    kind: user\n"
    assert parse_users(content.encode(), "f")["alice"] == Account("alice", HASH)


def test_no_users_are_a_file_all_the_same() -> None:
    assert parse_users(b"users: {}", "f") == {}


GOOD = f"    password_hash: {HASH}\n"
BAD: list[tuple[str, str, int, str, str]] = [
    ("empty", "", 1, "empty", "mapping"),
    ("a list", "- alice\n", 1, "the file is a list", "mapping"),
    ("another key", "user: {}\n", 1, "no key `user`", "did you mean `users`?"),
    ("an empty mapping", "{}", 1, "there is no `users`", "write `users:`"),
    ("users as a list", "users:\n  - alice\n", 2, "`users` is a list", "mapping"),
    ("users as nothing", "users:\n", 1, "`users` is a text", "mapping"),
    ("a user as a text", "users:\n  alice: hunter2-secret\n", 2, "`alice` is a text", "mapping"),
    ("no hash", "users:\n  alice:\n    groups: [x]\n", 2, "no `password_hash`", "hash-password"),
    ("a plain password", "users:\n  alice:\n    password_hash: hunter2-secret\n", 3, "not a bcrypt", "hash-password"),
    ("a password of digits", "users:\n  alice:\n    password_hash: 31415926535\n", 3, "not a bcrypt", "hash-"),
    ("an empty hash", "users:\n  alice:\n    password_hash:\n", 3, "not a bcrypt", "hash-password"),
    ("a list of hashes", "users:\n  alice:\n    password_hash: [hunter2]\n", 3, "`password_hash` is a list", "text"),
    ("a hash that takes days", f"users:\n  alice:\n    password_hash: {HASH.replace('$04$', '$31$')}\n", 3, "cost 31",
     "hash-password"),
    ("a misspelt key", f"users:\n  alice:\n{GOOD}    group: [x]\n", 4, "no key `group`", "did you mean `groups`?"),
    ("an unknown kind", f"users:\n  alice:\n{GOOD}    kind: workload\n", 4, "not one that a file can hold",
     "user or service-account"),
    ("the anonymous kind", f"users:\n  alice:\n{GOOD}    kind: anonymous\n", 4, "not one that a file", "user or"),
    ("an end without a time", f"users:\n  alice:\n{GOOD}    expires: '2027-01-15'\n", 4,
     "`expires` `2027-01-15` is not", "RFC 3339"),
    ("an end that is no day", f"users:\n  alice:\n{GOOD}    expires: '2027-02-30T00:00:00Z'\n", 4,
     "calendar", "correct"),
    ("a switch in words", f"users:\n  alice:\n{GOOD}    disabled: soon\n", 4, "is a switch", "true or false"),
    ("a switch that tools disagree about", f"users:\n  alice:\n{GOOD}    disabled: yes\n", 4, "is a switch",
     "true or false"),
    ("a switch as a number", f"users:\n  alice:\n{GOOD}    disabled: 1\n", 4, "`disabled` is a switch", "true"),
    ("a group as a mapping", f"users:\n  alice:\n{GOOD}    groups: {{a: b}}\n", 4, "a group is a mapping", "text"),
    ("a group of digits", f"users:\n  alice:\n{GOOD}    groups: [007]\n", 4, "a group `007`", "quote"),
    ("labels as a list", f"users:\n  alice:\n{GOOD}    labels: [a]\n", 4, "`labels` is a list", "mapping"),
    ("a label as a mapping", f"users:\n  alice:\n{GOOD}    labels: {{a: {{}}}}\n", 4, "`a` is a mapping", "text"),
    ("a name with a colon", f'users:\n  "a:b":\n{GOOD}', 2, "holds a colon", "rename"),
    ("an empty name", f'users:\n  "":\n{GOOD}', 2, "the name is empty", "rename"),
    ("a name that is no", f"users:\n  no:\n{GOOD}", 2, "`no`", "quote"),
    ("a name twice", f"users:\n  alice:\n{GOOD}  alice:\n{GOOD}", 4, "twice", "line 2"),
    ("an anchor", f"users:\n  alice: &a\n{GOOD}", 2, "anchor", "write the value out"),
    ("not YAML", "users: [\n", 1, "not valid YAML", "check"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "line", "problem", "fix"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_file_is_named_by_line_with_a_fix_and_without_its_secret(
    content: str, line: int, problem: str, fix: str
) -> None:
    with pytest.raises(LoadError) as caught:
        parse_users(content.encode(), "/etc/users.yaml")
    place = caught.value.place
    assert place == f"/etc/users.yaml:{line}" or (
        problem == "not valid YAML" and place.startswith("/etc/users.yaml:")
    )
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert all(secret not in str(caught.value) for secret in ("hunter2", "31415926535", HASH[7:]))


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: f"users: {text}".encode("utf-8", "surrogatepass"))
)
def test_no_content_raises_anything_but_a_load_error(content: bytes) -> None:
    try:
        outcome = str(parse_users(content, "f"))
    except LoadError as error:
        outcome = error.place
    assert outcome == "{}" or outcome.startswith("f:")
