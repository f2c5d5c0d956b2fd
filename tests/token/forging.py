"""Makes tokens by hand, good ones and all but good ones, without the code under test.

Every forgery in these tests is a good token with exactly one thing changed, so that a row can only be refused for the
reason that it is about. Signatures are made with `cryptography` alone.
"""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from token_service.token.claims import VerifiedToken
from token_service.token.verifier import TrustedKey, TrustedKeys, Verifier

NOW = 1_800_000_000
ISSUER = "https://tokens.example.com"
AUDIENCE = "registry.example.com"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "sub": "alice",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "nbf": NOW - 10,
    "iat": NOW - 10,
    "jti": "token-1",
    "access": [{"type": "repository", "name": "a/b", "actions": ["pull"]}],
}


@dataclass(frozen=True)
class Key:
    """A private key with the name and the algorithm under which its public half is trusted."""

    kid: str
    algorithm: str
    private: PrivateKey

    @property
    def header(self) -> dict[str, object]:
        return {"typ": "JWT", "alg": self.algorithm, "kid": self.kid}


@cache
def trusted() -> dict[str, Key]:
    """One trusted key of each algorithm, and a second one for ES256."""
    keys = [
        Key("es256", "ES256", ec.generate_private_key(ec.SECP256R1())),
        Key("es256-next", "ES256", ec.generate_private_key(ec.SECP256R1())),
        Key("es384", "ES384", ec.generate_private_key(ec.SECP384R1())),
        Key("rs256", "RS256", rsa.generate_private_key(65537, 2048)),
        Key("eddsa", "EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ]
    return {key.kid: key for key in keys}


@cache
def attacker() -> Key:
    """A key that nobody trusts, under the name of one that is trusted."""
    return Key("es256", "ES256", ec.generate_private_key(ec.SECP256R1()))


def trusted_keys() -> TrustedKeys:
    return {kid: TrustedKey(key.algorithm, key.private.public_key()) for kid, key in trusted().items()}


def verify(token: str, now: int = NOW) -> VerifiedToken:
    """What every test here asks: our verifier, which trusts `trusted()`, at `now`."""
    return Verifier(trusted_keys, ISSUER, AUDIENCE, lambda: now).verify(token)


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def as_bytes(part: object) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part).encode("utf-8")


def raw_signature(private: PrivateKey, signing_input: bytes, algorithm: str = "") -> bytes:
    """A JWS signature (RFC 7518 section 3), by the key's own algorithm or by another one that the key can do."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(signing_input)
    digest: hashes.HashAlgorithm = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(
        algorithm[2:], hashes.SHA256() if private.key_size != 384 else hashes.SHA384()
    )
    if isinstance(private, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return private.sign(signing_input, pss if algorithm.startswith("PS") else padding.PKCS1v15(), digest)
    r, s = decode_dss_signature(private.sign(signing_input, ec.ECDSA(digest)))
    size = (private.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def sign_text(head: str, body: str, key: Key | None = None, algorithm: str = "") -> str:
    """A token of segments that are spelled already, with a good signature over exactly that spelling."""
    key = key or trusted()["es256"]
    signature = raw_signature(key.private, f"{head}.{body}".encode(), algorithm or key.algorithm)
    return f"{head}.{body}.{base64url(signature)}"


def token(header: object = None, payload: object = None, key: Key | None = None, algorithm: str = "") -> str:
    """A good token, but for what is said. `header` and `payload` may be bytes that are no JSON at all."""
    key = key or trusted()["es256"]
    head = base64url(as_bytes(key.header if header is None else header))
    body = base64url(as_bytes(CLAIMS if payload is None else payload))
    return sign_text(head, body, key, algorithm)


def with_claims(**claims: Any) -> str:
    """A good token in which these claims are changed, or left out where they are `...`."""
    return token(payload={name: value for name, value in {**CLAIMS, **claims}.items() if value is not ...})


def with_header(key: Key | None = None, algorithm: str = "", /, **members: Any) -> str:
    """A good token in whose header these members are changed, or left out where they are `...`."""
    key = key or trusted()["es256"]
    header = {name: value for name, value in {**key.header, **members}.items() if value is not ...}
    return token(header, key=key, algorithm=algorithm)
