"""Passwords at their edges, and stored hashes that must be found out when a file is loaded.

Two laws: what `hash_problem` lets pass, `matches` can work with; and no password whatever makes `matches` raise.
"""

import warnings
from base64 import b64encode
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounts.hashes import argon2_of, bcrypt_of
from token_service.accounts.passwords import MAX_PASSWORD_BYTES, hash_password, hash_problem, matches

SALT, CHECKSUM = "v8Xn.n9aMly2aBuX3iT0bu", "JZpZtTQiKeQPSlKraLkTMbouAFCADMi"
GOOD_ARGON2 = argon2_of("hunter2")

SCHEMES: list[Callable[[str], str]] = [bcrypt_of, argon2_of]
BY_SCHEME = pytest.mark.parametrize("hash_of", SCHEMES, ids=["bcrypt", "argon2"])


@BY_SCHEME
@pytest.mark.parametrize(
    "password",
    ["x", "p" * 64, "p" * 71, "p" * 72, "with: colon", " spaces ", "Größe", "é" * 36, "🔑", "\x7f\x01", "e\u0301"],
)
def test_a_password_matches_exactly_as_it_was_set(hash_of: Callable[[str], str], password: str) -> None:
    stored = hash_of(password)
    assert matches(password, stored)
    for other in (password + "x", password[:-1], password.swapcase() + ".", " " + password):
        assert not matches(other, stored)


def test_unicode_is_compared_byte_for_byte() -> None:
    stored = argon2_of("e\u0301")
    assert matches("e\u0301", stored)
    assert not matches("\u00e9", stored)


def test_bcrypt_reads_72_bytes_so_a_longer_password_never_matches() -> None:
    """What bcrypt itself would take for the same password (73 bytes against a hash of the first 72)."""
    stored = bcrypt_of("p" * 72)
    assert matches("p" * 72, stored)
    assert not matches("p" * 73, stored)
    assert not matches("p" * 71, stored)
    assert not matches("p" * 72 + "\u00e9", stored)
    assert not matches("é" * 37, bcrypt_of("é" * 36))


def test_argon2_takes_up_to_4096_bytes() -> None:
    longest = "p" * MAX_PASSWORD_BYTES
    assert matches(longest, argon2_of(longest))
    for longer in ("p" * 4097, "é" * 2048 + "p"):  # hashed by argon2-cffi, which has no such limit
        stored = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(longer)
        assert hash_problem(stored) is None
        assert not matches(longer, stored)


@BY_SCHEME
@pytest.mark.parametrize(
    "password",
    ["", "\0", "hunter2\0", "\0hunter2", "hun\0ter2", "\ud800", "hunter2\udcff", "p" * 4097, "p" * 10**5, "é" * 2049],
    ids=["empty", "NUL", "NUL after", "NUL before", "NUL within", "surrogate", "surrogate after", "4097 bytes",
         "100000 bytes", "4098 bytes in 2049 characters"],
)  # fmt: skip
def test_a_password_that_cannot_be_right_is_wrong(hash_of: Callable[[str], str], password: str) -> None:
    assert matches(password, hash_of("hunter2")) is False


@BY_SCHEME
def test_the_stand_in_for_impossible_passwords_opens_nothing(hash_of: Callable[[str], str]) -> None:
    """What is compared in place of a password that cannot be right may even be somebody's password."""
    stored = hash_of("the password that nobody has")
    assert matches("the password that nobody has", stored)
    for impossible in ("", "\0", "\ud800", "p" * 5000):
        assert matches(impossible, stored) is False


@pytest.mark.parametrize("variant", ["2a", "2b", "2y"])
@pytest.mark.parametrize("kind", ["argon2id", "argon2i", "argon2d"])
def test_every_variant_of_both_schemes_is_known(variant: str, kind: str) -> None:
    assert matches("hunter2", bcrypt_of("hunter2").replace("$2b$", f"${variant}$"))
    assert hash_problem(f"${variant}$10${SALT}{CHECKSUM}") is None
    assert hash_problem(GOOD_ARGON2.replace("$argon2id$", f"${kind}$")) is None
    assert matches("hunter2", GOOD_ARGON2.replace("$argon2id$", f"${kind}$")) is (kind == "argon2id")


def changed_argon2(old: str, new: str) -> str:
    assert old in GOOD_ARGON2
    return GOOD_ARGON2.replace(old, new, 1)


_, _, _, _, ARGON2_SALT, ARGON2_DIGEST = GOOD_ARGON2.split("$")
MALFORMED: list[tuple[str, str, str]] = [
    ("empty", "", "not a bcrypt"),
    ("plain text", "hunter2", "not a bcrypt"),
    ("SHA-1", "{SHA}9sO4zXr2Zq2aHFEzZy8yI9y0nFE=", "not a bcrypt"),
    ("apr1", "$apr1$Zs1Zs1Zs$0Zs1Zs1Zs1Zs1Zs1Zs1Zs/", "not a bcrypt"),
    ("crypt", "rqXexS6ZhobKA", "not a bcrypt"),
    ("SHA-512 crypt", "$6$saltsalt$" + "a" * 86, "not a bcrypt"),
    ("MD5 crypt", "$1$saltsalt$" + "a" * 22, "not a bcrypt"),
    ("scrypt", "$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA", "not a bcrypt"),
    ("PBKDF2", "$pbkdf2-sha256$29000$c2FsdA$aGFzaA", "not a bcrypt"),
    ("bcrypt 2x", f"$2x$10${SALT}{CHECKSUM}", "not a bcrypt"),
    ("bcrypt 2", f"$2$10${SALT}{CHECKSUM}", "not a bcrypt"),
    ("bcrypt cost 15", f"$2b$15${SALT}{CHECKSUM}", "bcrypt cost 15 is not within 4 and 14"),
    ("bcrypt cost 31", f"$2b$31${SALT}{CHECKSUM}", "bcrypt cost 31"),
    ("bcrypt cost 99", f"$2b$99${SALT}{CHECKSUM}", "bcrypt cost 99"),
    ("bcrypt cost 3", f"$2b$03${SALT}{CHECKSUM}", "bcrypt cost 3"),
    ("bcrypt cost of one digit", f"$2b$4${SALT}{CHECKSUM}", "not a bcrypt"),
    ("bcrypt cost in Arabic digits", f"$2b$\u0661\u0660${SALT}{CHECKSUM}", "not a bcrypt"),
    ("bcrypt cut off", f"$2b$10${SALT}{CHECKSUM[:-1]}", "not a bcrypt"),
    ("bcrypt too long", f"$2b$10${SALT}{CHECKSUM}A", "not a bcrypt"),
    ("bcrypt with a newline", f"$2b$10${SALT}{CHECKSUM}\n", "not a bcrypt"),
    ("bcrypt with another alphabet", f"$2b$10${SALT}{CHECKSUM[:-2]}+i", "not a bcrypt"),
    ("bcrypt with bits left over in the salt", f"$2b$10${SALT[:-1]}v{CHECKSUM}", "not a bcrypt"),
    ("bcrypt with bits left over in the checksum", f"$2b$10${SALT}{CHECKSUM[:-1]}j", "not a bcrypt"),
    ("argon2 without a version", changed_argon2("$v=19", ""), "not a bcrypt"),
    ("argon2 of version 16", changed_argon2("v=19", "v=16"), "not a bcrypt"),
    ("argon2 of an unknown kind", changed_argon2("argon2id", "argon2x"), "not a bcrypt"),
    ("argon2 with a key id", changed_argon2(",p=1", ",p=1,keyid=AAAA"), "not a bcrypt"),
    ("argon2 with a leading zero", changed_argon2("m=8", "m=08"), "not a bcrypt"),
    ("argon2 without memory", changed_argon2("m=8", "m=0"), "not a bcrypt"),
    ("argon2 with less memory than lanes need", changed_argon2("m=8,t=1,p=1", "m=15,t=1,p=2"), "out of bounds"),
    ("argon2 with over a gigabyte", changed_argon2("m=8", "m=1048577"), "out of bounds"),
    ("argon2 with four terabytes", changed_argon2("m=8", "m=4294967295"), "not a bcrypt"),
    ("argon2 with too many passes", changed_argon2("t=1", "t=21"), "out of bounds"),
    ("argon2 with no pass", changed_argon2("t=1", "t=0"), "not a bcrypt"),
    ("argon2 with too many lanes", changed_argon2("m=8,t=1,p=1", "m=1024,t=1,p=17"), "out of bounds"),
    ("argon2 without a digest", GOOD_ARGON2.rpartition("$")[0], "not a bcrypt"),
    ("argon2 with an empty digest", GOOD_ARGON2.rpartition("$")[0] + "$", "too short or too long"),
    ("argon2 with a short digest", GOOD_ARGON2.rpartition("$")[0] + "$AAAAAAAA", "too short or too long"),
    ("argon2 with a short salt", GOOD_ARGON2.replace(ARGON2_SALT, "AAAA"), "too short or too long"),
    ("argon2 with a huge salt", GOOD_ARGON2.replace(ARGON2_SALT, "A" * 10_000), "too short or too long"),
    ("argon2 with a salt of impossible length", GOOD_ARGON2.replace(ARGON2_SALT, "A" * 13), "not a bcrypt"),
    ("argon2 with bits left over", GOOD_ARGON2.replace(ARGON2_SALT, "A" * 10 + "B"), "not a bcrypt"),
    ("argon2 with padding", GOOD_ARGON2 + "=", "not a bcrypt"),
    ("argon2 with a space", GOOD_ARGON2 + " ", "not a bcrypt"),
]


@pytest.mark.parametrize(("stored", "problem"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_stored_hash_that_cannot_be_used_has_a_problem(stored: str, problem: str) -> None:
    found = hash_problem(stored)
    assert found is not None
    assert problem in found


BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
SMALL_COSTS = st.sampled_from(["m=8,t=1,p=1", "m=08,t=1,p=1", "m=9,t=2,p=1", "m=16,t=01,p=2", "m=64,t=3,p=1"])


def encoded(least: int, most: int) -> st.SearchStrategy[str]:
    whole = st.binary(min_size=least, max_size=most).map(lambda raw: b64encode(raw).rstrip(b"=").decode())
    return whole | st.text(BASE64, min_size=least, max_size=most * 4 // 3)


BCRYPT_LIKE = st.builds(
    "$2{}$04${}".format, st.sampled_from("aby"), st.text(BASE64[:-2] + "./", min_size=53, max_size=53)
)
ARGON2_LIKE = st.builds(
    "$argon2{}$v=19${}${}${}".format, st.sampled_from(["id", "i", "d"]), SMALL_COSTS, encoded(8, 64), encoded(12, 96)
)


@settings(max_examples=400)
@given(stored=BCRYPT_LIKE | ARGON2_LIKE, password=st.text(st.characters(), max_size=80))
def test_no_hash_without_a_problem_makes_a_comparison_raise_or_warn(stored: str, password: str) -> None:
    if hash_problem(stored) is None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert matches(password, stored) is False


@settings(max_examples=150)
@given(st.text(st.characters(), max_size=200) | st.text("\0\ud800a", max_size=100))
def test_no_text_whatever_makes_a_comparison_raise(password: str) -> None:
    for stored in (bcrypt_of("hunter2"), GOOD_ARGON2):
        assert matches(password, stored) is (password == "hunter2")


@given(st.text(max_size=200))
def test_hash_problem_never_raises(text: str) -> None:
    assert hash_problem(text) is None or "\n" not in str(hash_problem(text))


def test_a_new_hash_is_argon2id_salted_and_matches() -> None:
    first, second = hash_password("hunter2"), hash_password("hunter2")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hash_problem(first) is None
    assert matches("hunter2", first)
    assert not matches("hunter3", first)


@pytest.mark.parametrize("password", ["", "a\0b", "\ud800", "p" * 4097])
def test_a_password_that_would_never_match_is_not_hashed(password: str) -> None:
    with pytest.raises(ValueError, match="1 to 4096 bytes and no NUL"):
        hash_password(password)
