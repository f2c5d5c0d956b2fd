"""The `Authorization` header, by hand: what is Basic, what is nobody, and what is refused."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.authn.credentials import Credentials, parse_authorization
from token_service.errors import OAuthError


def basic(name: str, secret: str, encoding: str = "utf-8") -> bytes:
    return b"Basic " + b64encode(f"{name}:{secret}".encode(encoding))


GOOD: list[tuple[str, bytes, Credentials | None]] = [
    ("plain", basic("alice", "secret"), Credentials("alice", "secret")),
    ("colons in the password", basic("alice", "a:b::c:"), Credentials("alice", "a:b::c:")),
    ("a colon as the password", basic("alice", ":"), Credentials("alice", ":")),
    ("UTF-8", basic("ålice", "pässwörd€🔑"), Credentials("ålice", "pässwörd€🔑")),
    ("Latin-1", basic("ålice", "pässwörd", "latin-1"), Credentials("ålice", "pässwörd")),
    ("spaces are kept", basic(" alice ", " secret "), Credentials(" alice ", " secret ")),
    ("an empty password", basic("alice", ""), Credentials("alice", "")),
    ("an empty name", basic("", "refresh-token"), Credentials("", "refresh-token")),
    ("neither name nor password", b"Basic Og==", None),
    ("3 kB", basic("alice", "x" * 3000), Credentials("alice", "x" * 3000)),
    ("NUL", basic("alice", "a\0b"), Credentials("alice", "a\0b")),
    ("line ends", basic("alice", "a\r\nb"), Credentials("alice", "a\r\nb")),
    ("scheme in lower case", basic("a", "b").replace(b"Basic", b"basic"), Credentials("a", "b")),
    ("scheme in upper case", basic("a", "b").replace(b"Basic", b"BASIC"), Credentials("a", "b")),
    ("spaces around", basic("a", "b").replace(b" ", b" \t  ") + b" \t", Credentials("a", "b")),
]


@pytest.mark.parametrize(("header", "credentials"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_basic_is_read_exactly_as_sent(header: bytes, credentials: Credentials | None) -> None:
    assert parse_authorization([header]) == credentials


def test_no_header_is_nobody() -> None:
    assert parse_authorization([]) is None


BAD: list[tuple[str, list[bytes], int]] = [
    ("two headers", [basic("alice", "a"), basic("alice", "a")], 400),
    ("two empty headers", [b"", b""], 400),
    ("Basic and Bearer", [basic("alice", "a"), b"Bearer CANARY"], 400),
    ("Bearer", [b"Bearer CANARY"], 401),
    ("Negotiate", [b"Negotiate CANARY"], 401),
    ("Digest", [b'Digest username="CANARY"'], 401),
    ("nothing", [b""], 401),
    ("a space", [b" "], 401),
    ("the scheme alone", [b"Basic"], 401),
    ("the scheme and a space", [b"Basic "], 401),
    ("no scheme", [b64encode(b"alice:CANARY")], 401),
    # An expression that trims both ends took 2.6 s for this one.
    ("thirty thousand spaces inside", [b"Basic a" + b" " * 30_000 + b"b"], 401),
    ("a space before", [b" " + basic("alice", "CANARY")], 401),
    ("another scheme that begins alike", [b"Basics " + b64encode(b"alice:CANARY")], 401),
    ("a colon after the scheme", [b"Basic: " + b64encode(b"alice:CANARY")], 401),
    ("not base64", [b"Basic alice:CANARY"], 401),
    ("base64 without padding", [b"Basic Og"], 401),
    ("too much padding", [b"Basic Og==="], 401),
    ("padding within", [b"Basic Og==Og=="], 401),
    ("padding alone", [b"Basic ===="], 401),
    ("base64url", [b"Basic " + b64encode(b"\xfb\xff:x").replace(b"+", b"-").replace(b"/", b"_")], 401),
    ("white space within", [b"Basic YWxp Y2U6YQ=="], 401),
    ("a line end within", [b"Basic YWxp\nY2U6YQ=="], 401),
    ("not ASCII", ["Basic ålice".encode()], 401),
    ("no colon", [b"Basic " + b64encode(b"CANARY")], 401),
    ("empty", [b"Basic " + b64encode(b"") + b"="], 401),
    ("parameters", [basic("alice", "a") + b', charset="UTF-8"'], 401),
]


@pytest.mark.parametrize(("headers", "status"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_anything_else_is_refused_and_not_repeated(headers: list[bytes], status: int) -> None:
    with pytest.raises(OAuthError) as caught:
        parse_authorization(headers)
    assert caught.value.status == status
    assert "CANARY" not in f"{caught.value!r} {caught.value}"
    if status == 401:
        assert (caught.value.code, caught.value.registry_code) == ("invalid_grant", "UNAUTHORIZED")


@given(st.text(st.characters(codec="utf-8"), max_size=50), st.text(st.characters(codec="utf-8"), max_size=50))
def test_any_name_without_a_colon_and_any_password_come_back(name: str, secret: str) -> None:
    name = name.replace(":", ".")
    expected = Credentials(name, secret) if name or secret else None
    assert parse_authorization([basic(name, secret)]) == expected


@given(st.binary(max_size=60))
def test_any_bytes_in_base64_are_credentials_or_refused(raw: bytes) -> None:
    if b":" in raw:
        found = parse_authorization([b"Basic " + b64encode(raw)])
        assert (found is None) is (raw == b":")
    else:
        with pytest.raises(OAuthError):
            parse_authorization([b"Basic " + b64encode(raw)])


@given(st.lists(st.binary(max_size=60) | st.binary(max_size=40).map(lambda raw: b"Basic " + raw), max_size=3))
def test_no_headers_raise_anything_but_an_oauth_error(headers: list[bytes]) -> None:
    try:
        found = parse_authorization(headers)
    except OAuthError as error:
        status: int | None = error.status
    else:
        status = None
        assert found is None or isinstance(found, Credentials)
    assert status in (None, 400, 401)


def test_a_secret_is_not_in_the_repr_of_credentials() -> None:
    assert repr(Credentials("alice", "CANARY")) == "Credentials(name='alice')"
