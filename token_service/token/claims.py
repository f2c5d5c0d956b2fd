"""The claims of an access token: built for the issuer, checked for the verifier. Pure; time is an argument.

Source: Distribution's `docs/content/spec/auth/jwt.md`; RFC 7519 section 4.1. Signatures are not this module's matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from token_service.access import Access, from_claim, to_claim

BACKDATE_SECONDS = 10
"""How far `iat` and `nbf` lie in the past: a registry whose clock is behind must accept a fresh token at once, and
zot allows no leeway at all."""

LEEWAY_SECONDS = 60
"""What a verifier forgives, as Distribution does. A token's real life is its lifetime plus this."""

MIN_LIFETIME_SECONDS = 60
"""docker, containers/image and regclient raise a smaller `expires_in` to 60 and would then use a dead token."""

MAX_NUMERIC_DATE = 253_402_300_799
"""The last second of the year 9999. A later one is no date to a `datetime`, and no honest issuer's mistake either."""


class ClaimError(Exception):
    """A claim is missing, misshapen or does not hold. The message is for logs, not for the client."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What is proven: these claims stood under a good signature, for this audience, at this time."""

    subject: str
    token_id: str
    access: tuple[Access, ...]
    issued_at: int
    expires_at: int


def build(
    *,
    issuer: str,
    subject: str,
    audience: str,
    access: Iterable[Access],
    now: int,
    lifetime: int,
    token_id: str,
) -> dict[str, object]:
    """The claim set of a token issued at `now` (seconds since the epoch) for `lifetime` seconds.

    `aud` is a string, since Distribution 2.x refuses a list, and times are integers, since every version refuses a
    float. Raises ValueError for a lifetime below 60 seconds.
    """
    if lifetime < MIN_LIFETIME_SECONDS:
        raise ValueError(f"a token must live at least {MIN_LIFETIME_SECONDS} seconds")
    return {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "exp": now + lifetime,
        "nbf": now - BACKDATE_SECONDS,
        "iat": now - BACKDATE_SECONDS,
        "jti": token_id,
        "access": to_claim(access),
    }


def check(claims: Mapping[str, object], *, issuer: str, audience: str, now: int) -> VerifiedToken:
    """Check a claim set whose signature is good. Raises ClaimError.

    Stricter than Distribution where that costs no honest token: every registered claim must be there with its
    own type (a boolean is not a number, a list is not an audience), `iat` may not lie in the future, and `jti`, which
    is what a token is revoked by, may not be empty. `sub` may be: that is nobody in particular.
    """
    if _text(claims, "iss") != issuer:
        raise ClaimError("iss is another issuer")
    if _text(claims, "aud") != audience:
        raise ClaimError("aud is another audience")
    expires_at, not_before, issued_at = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
    if now >= expires_at + LEEWAY_SECONDS:
        raise ClaimError("exp is past")
    if now < max(not_before, issued_at) - LEEWAY_SECONDS:
        raise ClaimError("nbf or iat is in the future")
    try:
        access = from_claim(claims.get("access"))
    except ValueError as error:
        raise ClaimError(str(error)) from error
    token_id = _text(claims, "jti")
    if not token_id:
        raise ClaimError("jti is empty")
    return VerifiedToken(_text(claims, "sub"), token_id, access, issued_at, expires_at)


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise ClaimError(f"{name} is missing or not a string")
    return value


def _seconds(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ClaimError(f"{name} is missing or not an integer")
    if not 0 <= value <= MAX_NUMERIC_DATE:
        raise ClaimError(f"{name} is no date between 1970 and 9999")
    return value
