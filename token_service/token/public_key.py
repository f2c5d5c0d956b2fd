"""Public keys: the one algorithm each is used with, its JWK, and the two key ids that registries compute."""

import hashlib
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Mapping
from enum import StrEnum

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

MIN_RSA_BITS = 2048
_CURVES: Mapping[str, tuple[str, str]] = {"secp256r1": ("P-256", "ES256"), "secp384r1": ("P-384", "ES384")}


class Algorithm(StrEnum):
    """The signature algorithms on offer. ES256 unless a registry needs another one."""

    ES256 = "ES256"
    ES384 = "ES384"
    RS256 = "RS256"
    EDDSA = "EdDSA"


def algorithm_of(key: PublicKey) -> Algorithm:
    """The one algorithm a key is used with. Raises ValueError for a foreign curve or a short RSA key."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise ValueError(f"curve {key.curve.name} is not P-256 or P-384")
        return Algorithm(_CURVES[key.curve.name][1])
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise ValueError(f"an RSA key needs at least {MIN_RSA_BITS} bits")
        return Algorithm.RS256
    return Algorithm.EDDSA


def public_jwk(key: PublicKey) -> dict[str, str]:
    """The required members of a public JWK (RFC 7518 section 6, RFC 8037), EC coordinates in full length."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        numbers, size = key.public_numbers(), (key.key_size + 7) // 8
        curve = _CURVES[key.curve.name][0]
        return {"crv": curve, "kty": "EC", "x": _base64url(numbers.x, size), "y": _base64url(numbers.y, size)}
    if isinstance(key, rsa.RSAPublicKey):
        rsa_numbers = key.public_numbers()
        size = (key.key_size + 7) // 8
        return {"e": _base64url(rsa_numbers.e, 3), "kty": "RSA", "n": _base64url(rsa_numbers.n, size)}
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")}


def thumbprint(key: PublicKey) -> str:
    """The key id of RFC 7638: SHA-256 over the JWK's required members in lexical order, base64url."""
    canonical = orjson.dumps(public_jwk(key), option=orjson.OPT_SORT_KEYS)
    return urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode("ascii")


def libtrust_id(key: PublicKey) -> str:
    """The key id that Distribution 2.x computes (docker/libtrust `util.go`): 12 groups of 4 base32 characters."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = b32encode(hashlib.sha256(spki).digest()[:30]).decode("ascii")
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def _base64url(number: int, size: int) -> str:
    return urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode("ascii")
