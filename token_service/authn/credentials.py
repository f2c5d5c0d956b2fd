"""Credentials as they arrive: the `Authorization` header (RFC 7617) and what a form says. Pure.

Parsed by hand, because frameworks read Basic as ASCII and guess where we must not (`docs/adr/0004`).
"""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field

from token_service.errors import bad_credentials, invalid_request


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a secret, exactly as sent. The secret stays out of `repr`, logs and errors."""

    name: str
    secret: str = field(repr=False)


def parse_authorization(values: Sequence[bytes]) -> Credentials | None:
    """The credentials of all `Authorization` headers of a request; None where there are none (anonymous).

    `Basic Og==`, an empty name with an empty password, is what clients without credentials send: anonymous, too.
    An empty name with a password is not: containerd sends refresh tokens so, and they must not turn anonymous.
    Raises OAuthError: 400 for two headers, 401 for anything that is not well-formed Basic.
    """
    if not values:
        return None
    if len(values) > 1:
        raise invalid_request("more than one Authorization header")
    # By hand: an expression that trims both ends takes quadratic time on a header full of spaces.
    scheme, _, rest = values[0].partition(b" ")
    if scheme.lower() != b"basic":
        raise bad_credentials("only HTTP Basic credentials are accepted here")
    try:
        decoded = b64decode(rest.strip(b" \t"), validate=True)
    except (binascii.Error, ValueError):
        raise bad_credentials("the Basic credentials are malformed") from None
    name, colon, secret = _text(decoded).partition(":")
    if not colon:
        raise bad_credentials("the Basic credentials are malformed")
    if not name and not secret:
        return None
    return Credentials(name, secret)


def _text(raw: bytes) -> str:
    """UTF-8, else Latin-1: RFC 7617 leaves it open, and old clients on Windows send the latter."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
