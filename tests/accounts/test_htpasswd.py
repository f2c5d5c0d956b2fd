"""Apache's htpasswd files: what is read, and for each thing that is wrong its line, the reason and the fix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accounts.hashes import argon2_of, bcrypt_of
from token_service.accounts.account import Account
from token_service.accounts.htpasswd import parse_htpasswd
from token_service.accounts.passwords import matches
from token_service.errors import LoadError

ALICE, BOB = bcrypt_of("alice's"), argon2_of("bob's")


def test_comments_blank_lines_and_either_line_end_are_read() -> None:
    text = f"# users\r\n\r\nalice:{ALICE}\r\n  \n\t# bob\n bob:{BOB} \n"
    assert parse_htpasswd(text.encode(), "f") == {"alice": Account("alice", ALICE), "bob": Account("bob", BOB)}


def test_an_empty_file_has_no_accounts() -> None:
    assert parse_htpasswd(b"", "f") == {}
    assert parse_htpasswd(b"# nobody yet\n", "f") == {}


def test_apaches_2y_hashes_are_read() -> None:
    stored = ALICE.replace("$2b$", "$2y$")
    account = parse_htpasswd(f"alice:{stored}".encode(), "f")["alice"]
    assert matches("alice's", account.password_hash)


def test_names_are_kept_as_written_in_utf_8() -> None:
    assert set(parse_htpasswd(f"Ålice B:{ALICE}\nålice b:{ALICE}\n".encode(), "f")) == {"Ålice B", "ålice b"}


BAD: list[tuple[str, bytes, int, str, str]] = [
    ("no colon", b"alice", 1, "no colon", "hash-password"),
    ("no name", f":{ALICE}".encode(), 1, "the name is empty", "rename"),
    ("no hash", b"alice:", 1, "not a bcrypt", "htpasswd -nB"),
    ("plain text", b"# x\nalice:hunter2-secret", 2, "not a bcrypt", "htpasswd -nB"),
    ("SHA-1", b"alice:{SHA}hunter2-secret=", 1, "not a bcrypt", "htpasswd -nB"),
    ("apr1", b"alice:$apr1$hunter2-$secret", 1, "not a bcrypt", "htpasswd -nB"),
    ("a cost that takes days", f"\n\nalice:{ALICE.replace('$04$', '$31$')}".encode(), 3, "cost 31", "hash-password"),
    ("a third field", f"alice:{ALICE}:Alice".encode(), 1, "not a bcrypt", "htpasswd -nB"),
    ("the same name twice", f"alice:{ALICE}\nbob:{BOB}\nalice:{BOB}\n".encode(), 3, "twice", "remove"),
    ("an invisible character", f"bob:{BOB}\nal\u200bice:{ALICE}".encode(), 2, "cannot be seen", "rename"),
    ("a BOM", f"\ufeffalice:{ALICE}".encode(), 1, "cannot be seen", "rename"),
    ("a long name", b"x" * 129 + f":{ALICE}".encode(), 1, "longer than 128", "rename"),
    ("not UTF-8", f"bob:{BOB}\nal".encode() + b"\xff" + f"ce:{ALICE}".encode(), 2, "not UTF-8", "save it"),
    ("UTF-16", f"bob:{BOB}\n".encode("utf-16"), 1, "not UTF-8", "save it"),
    ("NUL in the name", f"al\0ice:{ALICE}".encode(), 1, "cannot be seen", "rename"),
]


@pytest.mark.parametrize(("content", "line", "problem", "fix"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_line_is_named_with_a_fix_and_without_its_secret(
    content: bytes, line: int, problem: str, fix: str
) -> None:
    with pytest.raises(LoadError) as caught:
        parse_htpasswd(content, "/etc/htpasswd")
    assert caught.value.place == f"/etc/htpasswd:{line}"
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    shown = str(caught.value)
    assert "\n" not in shown
    assert all(secret not in shown for secret in ("hunter2", "secret", ALICE[7:], BOB[20:]))


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_content_raises_anything_but_a_load_error(content: bytes) -> None:
    try:
        outcome = str(parse_htpasswd(content, "f"))
    except LoadError as error:
        outcome = error.place
    assert outcome == "{}" or outcome.startswith("f:")
