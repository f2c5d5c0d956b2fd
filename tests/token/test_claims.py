"""The claims of a token: what is built, what is refused, and the seconds at the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token.forging import AUDIENCE, CLAIMS, ISSUER, NOW
from token_service.access import Access
from token_service.token.claims import (
    BACKDATE_SECONDS,
    LEEWAY_SECONDS,
    MAX_NUMERIC_DATE,
    MIN_LIFETIME_SECONDS,
    ClaimError,
    VerifiedToken,
    build,
    check,
)

ACCESS = (Access("repository", "a/b", ("push", "pull")), Access("repository", "c", ()))


def built(now: int = NOW, lifetime: int = 300, subject: str = "alice") -> dict[str, object]:
    return build(
        issuer=ISSUER, subject=subject, audience=AUDIENCE, access=ACCESS, now=now, lifetime=lifetime, token_id="id"
    )


def checked(claims: dict[str, object], now: int = NOW) -> VerifiedToken:
    return check(claims, issuer=ISSUER, audience=AUDIENCE, now=now)


def test_what_is_built() -> None:
    assert built() == {
        "iss": ISSUER,
        "sub": "alice",
        "aud": AUDIENCE,
        "exp": NOW + 300,
        "nbf": NOW - BACKDATE_SECONDS,
        "iat": NOW - BACKDATE_SECONDS,
        "jti": "id",
        "access": [{"type": "repository", "name": "a/b", "actions": ["pull", "push"]}],
    }


@pytest.mark.parametrize("lifetime", [MIN_LIFETIME_SECONDS - 1, 0, -1])
def test_a_token_lives_at_least_a_minute(lifetime: int) -> None:
    with pytest.raises(ValueError, match="60 seconds"):
        built(lifetime=lifetime)


@given(
    st.integers(BACKDATE_SECONDS, MAX_NUMERIC_DATE - 86_400),
    st.integers(MIN_LIFETIME_SECONDS, 86_400),
    st.text(),
    st.integers(0, 86_399),
)
def test_what_is_built_holds_for_its_lifetime(now: int, lifetime: int, subject: str, later: int) -> None:
    token = checked(built(now, lifetime, subject), now + later % lifetime)
    assert token == VerifiedToken(
        subject, "id", (Access("repository", "a/b", ("pull", "push")),), now - BACKDATE_SECONDS, now + lifetime
    )


@pytest.mark.parametrize(
    ("claim", "first", "last"),
    [
        ("exp", None, NOW + LEEWAY_SECONDS - 1),
        ("nbf", NOW - LEEWAY_SECONDS, None),
        ("iat", NOW - LEEWAY_SECONDS, None),
    ],
)
def test_the_leeway_is_a_minute_to_the_second(claim: str, first: int | None, last: int | None) -> None:
    """`exp`, `nbf` and `iat` at NOW are taken from `first` to `last`, as Distribution takes them."""
    claims = {**CLAIMS, "nbf": 0, "iat": 0, "exp": NOW * 2, claim: NOW}
    for inside, outside in ((first, -1), (last, 1)):
        if inside is not None:
            checked(claims, inside)
            with pytest.raises(ClaimError, match=claim):
                checked(claims, inside + outside)


@pytest.mark.parametrize("value", [0, MAX_NUMERIC_DATE])
def test_dates_have_a_first_and_a_last(value: int) -> None:
    checked({**CLAIMS, "nbf": 0, "iat": 0, "exp": MAX_NUMERIC_DATE}, value)
    for outside in (-1, MAX_NUMERIC_DATE + 1):
        with pytest.raises(ClaimError, match="1970"):
            checked({**CLAIMS, "exp": outside})


def test_nobody_in_particular_may_hold_a_token() -> None:
    assert checked({**CLAIMS, "sub": ""}).subject == ""


@pytest.mark.parametrize("access", [..., None, []])
def test_a_token_without_access_is_good_for_nothing_but_itself(access: object) -> None:
    claims = {name: value for name, value in {**CLAIMS, "access": access}.items() if value is not ...}
    assert checked(claims).access == ()


def test_a_misshapen_access_keeps_its_reason() -> None:
    with pytest.raises(ClaimError, match="access entry is not an object"):
        checked({**CLAIMS, "access": ["repository:a:pull"]})


def test_claims_that_we_do_not_know_are_ignored() -> None:
    assert checked({**CLAIMS, "scope": "repository:x:*", "admin": True, "client_id": 1}) == checked(CLAIMS)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), json_values))
def test_any_claims_are_checked_or_refused(changed: dict[str, object]) -> None:
    try:
        token = checked({**CLAIMS, **changed})
    except ClaimError:
        return
    assert isinstance(token.subject, str)
    assert isinstance(token.token_id, str)
    assert type(token.issued_at) is type(token.expires_at) is int
