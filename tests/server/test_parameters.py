"""Queries and forms, read strictly: every way of writing the same thing, and every thing that is refused."""

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.errors import OAuthError
from token_service.server.parameters import MAX_PARAMETERS, parse

SINGLE = ("service", "account", "grant_type", "username", "password", "client_id", "refresh_token", "anything")


@pytest.mark.parametrize(
    "query",
    [
        b"scope=repository:a/b:pull,push",
        b"scope=repository%3Aa%2Fb%3Apull%2Cpush",
        b"scope=repository%3aa%2fb%3apull%2cpush",
        b"%73cope=repository:a/b:pull,push",
        b"&&scope=repository:a/b:pull,push&",
    ],
)
def test_every_spelling_of_a_scope_is_the_same(query: bytes) -> None:
    assert parse(query).scopes == ("repository:a/b:pull,push",)


@pytest.mark.parametrize("space", [b"+", b"%20"])
def test_a_plus_is_a_space_and_an_escaped_plus_is_a_plus(space: bytes) -> None:
    assert parse(b"scope=a" + space + b"b&username=x%2By").scopes == ("a b",)
    assert parse(b"username=x%2By").get("username") == "x+y"


def test_scopes_are_kept_in_order_from_query_and_form() -> None:
    assert parse(b"scope=a&scope=b&scope=a", b"scope=c&x=1&scope=").scopes == ("a", "b", "a", "c", "")


def test_an_absent_an_empty_and_a_bare_parameter_are_one() -> None:
    for query in (b"", b"service=", b"service", b"&"):
        assert parse(query).get("service") == ""


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(
    ("query", "form"),
    [
        (b"N=a&N=a", b""),
        (b"N=a&N=b", b""),
        (b"N=&N=b", b""),
        (b"", b"N=a&N=a"),
        (b"N=a", b"N=a"),
        (b"N=a&%4E=b", b""),
    ],
    ids=["twice", "differing", "empty and full", "twice in the form", "in query and form", "escaped"],
)
def test_any_other_parameter_that_stands_twice_is_refused(name: str, query: bytes, form: bytes) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in name.encode()).encode()
    sources = [source.replace(b"%4E", escaped).replace(b"N", name.encode()) for source in (query, form)]
    with pytest.raises(OAuthError, match="repeated"):
        parse(*sources)


BAD: list[tuple[str, bytes, str]] = [
    ("half an escape at the end", b"service=a%", "percent-encoded"),
    ("one digit at the end", b"service=a%4", "percent-encoded"),
    ("no digits", b"service=a%zzb", "percent-encoded"),
    ("a digit and a letter", b"service=%4g", "percent-encoded"),
    ("an escape like JavaScript's", b"service=%u0041", "percent-encoded"),
    ("a broken escape in a name", b"ser%vice=a", "percent-encoded"),
    ("a byte that begins nothing", b"service=%ff", "UTF-8"),
    ("a raw byte", b"service=\xff", "UTF-8"),
    ("Latin-1", b"username=%e5lice", "UTF-8"),
    ("a long form of a slash", b"scope=repository:a%c0%afb:pull", "UTF-8"),
    ("a surrogate", b"password=%ed%a0%80", "UTF-8"),
    ("a sequence cut off", b"service=%e2%82", "UTF-8"),
    ("bad UTF-8 in a name", b"%ff=a", "UTF-8"),
    ("NUL", b"service=a%00", "control character"),
    ("a line end", b"client_id=a%0d%0aSet-Cookie", "control character"),
    ("a raw tab", b"service=a\tb", "control character"),
    ("DEL", b"scope=%7f", "control character"),
    ("an escape character", b"account=%1b[31m", "control character"),
    ("a control character in what nobody reads", b"anything=%01", "control character"),
]


@pytest.mark.parametrize(("query", "problem"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
@pytest.mark.parametrize("where", ["query", "form"])
def test_what_is_malformed_is_refused_and_not_repeated(query: bytes, problem: str, where: str) -> None:
    with pytest.raises(OAuthError) as caught:
        parse(query) if where == "query" else parse(b"", query)
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")
    assert problem in caught.value.description
    assert "alice" not in caught.value.description


@pytest.mark.parametrize("name", ["username", "password"])
def test_a_control_character_in_a_credential_is_left_for_the_comparison_to_refuse(name: str) -> None:
    assert parse(f"{name}=a%00b%0a".encode()).get(name) == "a\0b\n"


def test_a_semicolon_separates_nothing() -> None:
    assert parse(b"service=a;account=b").get("service") == "a;account=b"


def test_only_the_first_equals_sign_separates() -> None:
    assert parse(b"password=a=b==").get("password") == "a=b=="


def test_a_thousand_parameters_fit_and_no_more() -> None:
    assert len(parse(b"&".join([b"scope=x"] * MAX_PARAMETERS)).scopes) == MAX_PARAMETERS
    for surplus in (b"scope=x", b""):
        with pytest.raises(OAuthError, match="too many"):
            parse(b"&".join([b"scope=x"] * MAX_PARAMETERS + [surplus]))


VISIBLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)
NAMES = VISIBLE.filter(lambda name: name != "scope")


@given(
    st.dictionaries(NAMES, VISIBLE, max_size=5), st.lists(VISIBLE, max_size=5), st.sampled_from([quote, quote_plus])
)
def test_what_an_honest_client_encodes_comes_back(
    single: dict[str, str], scopes: list[str], encode: type[str]
) -> None:
    pairs = [*single.items(), *(("scope", scope) for scope in scopes)]
    query = "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)
    found = parse(query.encode())
    assert found.scopes == tuple(scopes)
    assert {name: found.get(name) for name in single} == single


@given(st.lists(st.binary(max_size=80) | st.text("ab=&%+;0f", max_size=40).map(str.encode), min_size=1, max_size=2))
def test_no_bytes_raise_anything_but_an_oauth_error_or_slip_in_a_control_character(sources: list[bytes]) -> None:
    try:
        scopes = parse(*sources).scopes
    except OAuthError:
        scopes = ()
    assert all(character >= " " and character != "\x7f" for scope in scopes for character in scope)
