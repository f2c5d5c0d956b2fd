"""The issuer: claims in, a signed token out. It decides nothing; what it is given is what it signs.

A registry `profile` chooses the header, because no single one suits every registry
(`docs/reference/profiles.md`):

* `distribution`: `x5c` and an RFC 7638 `kid`. Distribution 2.7 to 3.x with a `rootcertbundle`.
* `distribution-jwks`: `kid` alone. Distribution 3.x with only `jwks` refuses a token that carries `x5c`.
* `distribution-2-kid`: libtrust `kid` alone, for Distribution 2.x deployments that go by key id.
* `zot`: one fixed key a service, because zot knows one key, checks no audience and cannot follow a rotation.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import jwt
import orjson

from token_service.access import Access
from token_service.clock import Clock
from token_service.token.claims import build
from token_service.token.keyring import KeyRing, NoSigningKeyError, SigningKey
from token_service.token.public_key import libtrust_id


class Profile(StrEnum):
    DISTRIBUTION = "distribution"
    DISTRIBUTION_JWKS = "distribution-jwks"
    DISTRIBUTION_2_KID = "distribution-2-kid"
    ZOT = "zot"


@dataclass(frozen=True, slots=True)
class Audience:
    """A registry that tokens are issued for: its `service` name, which becomes `aud`, and what it understands."""

    name: str
    profile: Profile = Profile.DISTRIBUTION
    filters_catalogue: bool = False


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A signed token. `issued_at` is the true time of issue in seconds, although `iat` is back-dated."""

    raw: str
    token_id: str
    issued_at: int
    lifetime: int

    def __repr__(self) -> str:
        return f"IssuedToken(token_id={self.token_id!r}, issued_at={self.issued_at}, lifetime={self.lifetime})"


class Issuer:
    """Signs tokens in the name of `issuer`. `keyring` is called for each token, so that a rotation is followed."""

    def __init__(
        self, keyring: Callable[[], KeyRing], issuer: str, clock: Clock, new_token_id: Callable[[], str]
    ) -> None:
        self._keyring = keyring
        self._issuer = issuer
        self._clock = clock
        self._new_token_id = new_token_id
        self._headers: dict[tuple[int, Profile], str] = {}

    def issue(self, subject: str, audience: Audience, access: Iterable[Access], lifetime: int) -> IssuedToken:
        """Sign one token. The lifetime is cut to what is left of the signing certificate.

        Raises NoSigningKeyError where no key may sign, or a zot service has no key of its own.
        """
        now = self._clock()
        key = self._key(audience, now)
        token_id = self._new_token_id()
        if audience.profile is not Profile.DISTRIBUTION_JWKS and audience.profile is not Profile.ZOT:
            lifetime = min(lifetime, max(key.expires_at - now, 60))
        claims = build(
            issuer=self._issuer,
            subject=subject,
            audience=audience.name,
            access=access,
            now=now,
            lifetime=lifetime,
            token_id=token_id,
        )
        signing_input = f"{self._header(key, audience.profile)}.{_segment(orjson.dumps(claims))}"
        signature = jwt.get_algorithm_by_name(key.algorithm.value).sign(
            signing_input.encode("ascii"), key.private_key
        )
        return IssuedToken(f"{signing_input}.{_segment(signature)}", token_id, now, lifetime)

    def _key(self, audience: Audience, now: int) -> SigningKey:
        ring = self._keyring()
        if audience.profile is not Profile.ZOT:
            return ring.active(now)
        key = ring.fixed.get(audience.name)
        if key is None:
            raise NoSigningKeyError(
                f"no key for the zot {audience.name}: run `token-service keys generate --service {audience.name}`"
            )
        return key

    def _header(self, key: SigningKey, profile: Profile) -> str:
        """The encoded header, made once for a certificate and a profile: with `x5c` it is most of the token."""
        serial = key.certificate.serial_number
        cached = self._headers.get((serial, profile))
        if cached is None:
            cached = _segment(orjson.dumps(header(key, profile)))
            self._headers[serial, profile] = cached
        return cached


def header(key: SigningKey, profile: Profile) -> dict[str, object]:
    """The JOSE header that registries of this profile accept."""
    base: dict[str, object] = {"typ": "JWT", "alg": key.algorithm.value}
    match profile:
        case Profile.DISTRIBUTION:
            return {**base, "kid": key.key_id, "x5c": key.x5c}
        case Profile.DISTRIBUTION_2_KID:
            return {**base, "kid": libtrust_id(key.public_key)}
        case Profile.DISTRIBUTION_JWKS | Profile.ZOT:
            return {**base, "kid": key.key_id}


def _segment(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
