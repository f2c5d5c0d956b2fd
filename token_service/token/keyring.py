"""The keys that sign: one active leaf, those that come and go beside it, and one fixed key for each zot.

Values only. Reading and writing key files is `keyfiles.py`'s job, and signing is `issuer.py`'s.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from token_service.token.public_key import Algorithm, PublicKey, algorithm_of, public_jwk, thumbprint

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A private key with its certificate chain, leaf first and without the issuing CA.

    `signs_from` and `retires_at` are seconds since the epoch; a key signs from the first and is published until
    the second (0: for good).
    """

    private_key: PrivateKey = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    signs_from: int
    retires_at: int = 0

    @cached_property
    def public_key(self) -> PublicKey:
        return self.private_key.public_key()

    @cached_property
    def algorithm(self) -> Algorithm:
        return algorithm_of(self.public_key)

    @cached_property
    def key_id(self) -> str:
        return thumbprint(self.public_key)

    @cached_property
    def x5c(self) -> list[str]:
        """The header parameter of RFC 7515 section 4.1.6: standard base64 of DER, the leaf alone."""
        return [b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode("ascii")]

    @cached_property
    def expires_at(self) -> int:
        return int(self.certificate.not_valid_after_utc.timestamp())


class NoSigningKeyError(Exception):
    """No key may sign now: none is there, all are expired, or none has begun. The message names the fix."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The issuing CA's certificate, the leaves under it, and fixed keys by service name (profile `zot`)."""

    authority: x509.Certificate = field(repr=False)
    leaves: tuple[SigningKey, ...]
    fixed: Mapping[str, SigningKey]

    def active(self, now: int) -> SigningKey:
        """The newest leaf that may sign at `now`, of two that begin at once the one that was added last. Only what
        is published signs: nobody could check the rest. Raises NoSigningKeyError where there is none."""
        usable = [leaf for leaf in self._published(now) if leaf.signs_from <= now < leaf.expires_at]
        if not usable:
            raise NoSigningKeyError("no signing key is valid now: run `token-service keys rotate`")
        return max(reversed(usable), key=lambda leaf: leaf.signs_from)

    def published(self, now: int) -> tuple[SigningKey, ...]:
        """Next, active and retiring leaves, the newest first: what JWKS and bundle list."""
        return tuple(sorted(self._published(now), key=lambda leaf: leaf.signs_from, reverse=True))

    def _published(self, now: int) -> list[SigningKey]:
        return [leaf for leaf in self.leaves if not leaf.retires_at or now < leaf.retires_at]

    def jwks(self, now: int) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JWK Set (RFC 7517 section 5). Each leaf stands under its RFC 7638 id."""
        return {
            "keys": [
                {**public_jwk(leaf.public_key), "alg": leaf.algorithm.value, "kid": leaf.key_id, "use": "sig"}
                for leaf in self.published(now)
            ]
        }

    def bundle(self, now: int) -> bytes:
        """PEM for Distribution's `rootcertbundle`: the CA, which vouches for every later leaf, and the leaves.

        The leaves are there for registries and verifiers that go by `kid`. Ed25519 leaves are left out, since a
        single one stops Distribution 2.x from starting; 3.x finds them through the CA and `x5c`.
        """
        leaves = [leaf for leaf in self.published(now) if leaf.algorithm is not Algorithm.EDDSA]
        certificates = [self.authority, *(leaf.certificate for leaf in leaves)]
        return b"".join(cert.public_bytes(serialization.Encoding.PEM) for cert in certificates)
