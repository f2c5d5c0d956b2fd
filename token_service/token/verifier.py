"""The verifier: a token in, a `VerifiedToken` out, or `InvalidToken`.

Rules of this module:

* Keys come from configuration only (`TrustedKeys`). A token's `kid` is a look-up in a dictionary and nothing else;
  `jwk`, `jku`, `x5u` and `x5c` are never read (RFC 8725bis section 3.10, CVE-2025-24976).
* A key has exactly one algorithm, and the header must name it (RFC 8725 section 3.1). There is no HMAC here.
* What is not the one canonical spelling of a compact JWS is refused before any arithmetic.
* It knows nothing of the issuer's side, so it can be used alone.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import jwt

from token_service.clock import Clock
from token_service.errors import ServiceError
from token_service.token.claims import ClaimError, VerifiedToken, check
from token_service.token.public_key import PublicKey, algorithm_of

MAX_TOKEN_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 16 * 1024
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MAX_KEY_ID_LENGTH = 128
_MAX_DEPTH = 16


class InvalidToken(ServiceError):
    """The token is not to be believed. The message says why, for logs; clients get `error="invalid_token"`."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key and the one algorithm it may be used with (`ES256`, `ES384`, `RS256`, `EdDSA`).

    Raises ValueError for a key that is not public, or where the two do not belong together: what cannot be checked
    must fail when it is loaded and not when a token comes.
    """

    algorithm: str
    key: PublicKey = field(repr=False)

    def __post_init__(self) -> None:
        public = isinstance(self.key, PublicKey)  # `algorithm_of` trusts its caller, and ours may not use mypy
        if not public or algorithm_of(self.key) != self.algorithm:
            raise ValueError(f"no public key for {self.algorithm}")


TrustedKeys = Mapping[str, TrustedKey]
"""Trusted keys by `kid`. One key may stand under several ids (RFC 7638 and libtrust)."""


class Verifier:
    """Checks tokens of one issuer for one audience.

    `keys` is called for each token, so that a reloaded key file takes effect at once; it must be cheap.
    """

    def __init__(self, keys: Callable[[], TrustedKeys], issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def verify(self, token: str) -> VerifiedToken:
        """Raises InvalidToken for anything but a good token of our issuer, for our audience, at this time."""
        if len(token) > MAX_TOKEN_BYTES or not _COMPACT.fullmatch(token):
            raise InvalidToken("not a compact JWS")
        head, body, tail = token.split(".")
        if len(head) > _MAX_HEADER_BYTES:
            raise InvalidToken("the header is too long")
        trusted = self._trusted_key(_json_object(_decode(head), "header"))
        algorithm = jwt.get_algorithm_by_name(trusted.algorithm)
        payload, signature = _decode(body), _decode(tail)
        if not algorithm.verify(f"{head}.{body}".encode("ascii"), trusted.key, signature):
            raise InvalidToken("the signature is wrong")
        claims = _json_object(payload, "claims")
        try:
            return check(claims, issuer=self._issuer, audience=self._audience, now=self._clock())
        except ClaimError as error:
            raise InvalidToken(str(error)) from error

    def _trusted_key(self, header: Mapping[str, object]) -> TrustedKey:
        if "crit" in header or "b64" in header:
            raise InvalidToken("the header uses an extension")
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.upper() != "JWT":
            raise InvalidToken("typ is not JWT")
        key_id = header.get("kid")
        if not isinstance(key_id, str) or len(key_id) > _MAX_KEY_ID_LENGTH:
            raise InvalidToken("kid is missing or not a short string")
        trusted = self._keys().get(key_id)
        if trusted is None:
            raise InvalidToken("kid is not one of the trusted keys")
        if header.get("alg") != trusted.algorithm:
            raise InvalidToken("alg is not the key's algorithm")
        return trusted


def _decode(segment: str) -> bytes:
    """Base64url without padding, in its one canonical spelling (RFC 7515 section 2; unused bits are zero)."""
    try:
        decoded = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("not base64url") from error
    if urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") != segment:
        raise InvalidToken("not the canonical base64url spelling")
    return decoded


def _json_object(raw: bytes, what: str) -> dict[str, object]:
    """A JSON object in UTF-8, without duplicate members, NaN or Infinity (RFC 8725 section 3.7)."""
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_no_float,
        )
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"the {what} are not strict JSON") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"the {what} are not an object")
    if _is_deeper_than(value, _MAX_DEPTH):
        raise InvalidToken(f"the {what} are not strict JSON: nested too deep")
    return value


def _is_deeper_than(value: object, limit: int) -> bool:
    """Whether a JSON value nests deeper. What Python's parser stops at by itself differs from version to version."""
    level = [value]
    for _ in range(limit):
        below = [one for one in level if isinstance(one, dict | list) and one]
        level = [part for one in below for part in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return True


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _no_float(_text: str) -> float:
    # A float nowhere occurs in a token of ours; as NumericDate every Distribution version refuses it.
    raise ValueError("a number is not an integer")
