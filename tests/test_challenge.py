"""`WWW-Authenticate`: what we say, that strict clients can read it, and that we read others' as RFC 9110 has it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.access import Access
from token_service.challenge import (
    INSUFFICIENT_SCOPE,
    INVALID_TOKEN,
    Challenge,
    basic,
    from_accesses,
    parse,
    scope_text,
)

REALM, SERVICE = "https://tokens.example.com/token", "registry.example.com"
PULL = Access("repository", "a/b", ("pull",))
BOTH = Access("repository", "c", ("push", "pull"))
TWO = "repository:c:pull,push repository:a/b:pull"


@pytest.mark.parametrize(
    ("challenge", "header"),
    [
        (Challenge(REALM, SERVICE), f'Bearer realm="{REALM}",service="{SERVICE}"'),
        (
            Challenge(REALM, SERVICE, (PULL,)),
            f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:a/b:pull"',
        ),
        (
            Challenge(REALM, SERVICE, (BOTH, PULL), INSUFFICIENT_SCOPE),
            f'Bearer realm="{REALM}",service="{SERVICE}",scope="{TWO}",error="insufficient_scope"',
        ),
        (
            Challenge(REALM, SERVICE, (), INVALID_TOKEN),
            f'Bearer realm="{REALM}",service="{SERVICE}",error="invalid_token"',
        ),
        (
            from_accesses(REALM, SERVICE, iter([PULL])),
            f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:a/b:pull"',
        ),
        (from_accesses(REALM, SERVICE, []), f'Bearer realm="{REALM}",service="{SERVICE}"'),
    ],
)
def test_the_header(challenge: Challenge, header: str) -> None:
    assert str(challenge) == header


def test_no_space_stands_beside_a_comma_and_no_value_is_empty() -> None:
    header = str(Challenge(REALM, SERVICE, (BOTH, PULL), INVALID_TOKEN))
    assert not re.search(r",\s|\s,|=\"\"", header)
    assert header.count("Bearer") == 1


@pytest.mark.parametrize(
    "bad", ["", 'a"b', "a\\b", "a\r\nSet-Cookie: b", "a\n", "caf\u00e9", "a\x00", "a\x7f", "\ud800"]
)
def test_what_cannot_stand_between_quotes_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        Challenge(bad, SERVICE)
    with pytest.raises(ValueError, match="ASCII"):
        Challenge(REALM, bad)
    with pytest.raises(ValueError, match="ASCII"):
        basic(bad)


@pytest.mark.parametrize("bad", ['a"b', "a\\b", "a\r\nSet-Cookie: b", "a\n", "caf\u00e9", "a\x00", "\ud800"])
def test_a_name_that_a_client_made_up_cannot_break_out_of_the_header(bad: str) -> None:
    """A registry takes the name from its path or from `?from=`."""
    for entry in (
        Access("repository", bad, ("pull",)),
        Access(bad, "a", ("pull",)),
        Access("repository", "a", (bad,)),
    ):
        with pytest.raises(ValueError, match="ASCII"):
            Challenge(REALM, SERVICE, (entry,))
    with pytest.raises(ValueError, match="ASCII"):
        Challenge(REALM, SERVICE, (), bad)


def test_pull_stands_before_push() -> None:
    assert scope_text(BOTH) == "repository:c:pull,push"
    assert scope_text(Access("repository", "c", ("push", "delete", "pull"))) == "repository:c:delete,pull,push"


def test_basic() -> None:
    assert basic("tokens.example.com") == 'Basic realm="tokens.example.com",charset="UTF-8"'
    assert parse(basic("x")) == ("basic", {"realm": "x", "charset": "UTF-8"})


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ("Bearer", "bearer", {}),
        ("bearer realm=x", "bearer", {"realm": "x"}),
        ('BEARER Realm="x"', "bearer", {"realm": "x"}),
        ('Bearer realm="x", service="y"', "bearer", {"realm": "x", "service": "y"}),
        ('Bearer  realm = "x" , service\t=y', "bearer", {"realm": "x", "service": "y"}),
        (r'Bearer realm="a\"b\\c"', "bearer", {"realm": 'a"b\\c'}),
        ('Bearer realm="a,b=c"', "bearer", {"realm": "a,b=c"}),
        ('Bearer scope=""', "bearer", {"scope": ""}),
        ('  Bearer realm="x"', "bearer", {"realm": "x"}),
    ],
)
def test_others_challenges_are_read(header: str, scheme: str, parameters: dict[str, str]) -> None:
    assert parse(header) == (scheme, parameters)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '"Bearer"',
        "Bearer realm",
        "Bearer realm=",
        'Bearer realm="x',
        'Bearer realm="x\\"',
        'Bearer realm="x" service="y"',
        'Bearer realm="x";service="y"',
        'Bearer realm="x",,service="y"',
        'Bearer realm="x",realm="y"',
        'Bearer realm="x",Realm="y"',
        "Bearer =x",
        'Bearer realm="x", Basic realm="y"',
        "Bearer a/b=c",
    ],
)
def test_anything_but_one_challenge_raises(header: str) -> None:
    with pytest.raises(ValueError, match=r"scheme|parameters"):
        parse(header)


plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)
accesses = st.builds(
    Access,
    st.sampled_from(["repository", "registry"]),
    st.from_regex(r"[a-z0-9]{1,9}(/[a-z0-9]{1,9}){0,3}", fullmatch=True),
    st.lists(st.sampled_from(["pull", "push", "delete", "*"]), min_size=1).map(tuple),
)


@given(plain, plain, st.lists(accesses, max_size=3), st.sampled_from(["", INVALID_TOKEN, INSUFFICIENT_SCOPE]))
def test_build_and_parse_are_inverse(realm: str, service: str, required: list[Access], error: str) -> None:
    expected = {"realm": realm, "service": service}
    if required:
        expected["scope"] = " ".join(map(scope_text, required))
    if error:
        expected["error"] = error
    assert parse(str(from_accesses(realm, service, required, error))) == ("bearer", expected)


@given(st.text(), st.text())
def test_a_challenge_is_one_line_of_ascii_or_none(realm: str, name: str) -> None:
    try:
        header = str(Challenge(realm, SERVICE, (Access("repository", name, ("pull",)),)))
    except ValueError:
        return
    assert header.isascii()
    assert header.isprintable()
    assert parse(header)[1] == {"realm": realm, "service": SERVICE, "scope": f"repository:{name}:pull"}


@given(st.one_of(st.text(), st.text('Bearr =",\\x \t')))
def test_parsing_returns_or_raises_value_error(header: str) -> None:
    try:
        scheme, parameters = parse(header)
    except ValueError:
        return
    assert scheme == scheme.lower()
    assert all(key == key.lower() for key in parameters)


@pytest.mark.parametrize("header", ['Bearer a="' + "\\" * 999_999, "Bearer " + "a" * 999_999])
def test_a_megabyte_of_junk_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match=r"scheme|parameters"):
        parse(header)
