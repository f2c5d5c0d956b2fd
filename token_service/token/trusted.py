"""What a verifier trusts, read from a file: a PEM bundle or a JWK Set. Public keys only; issues nothing.

In a bundle, CA certificates vouch for others but sign no tokens, so they are passed over. A key stands under its
RFC 7638 id and under its libtrust id, so that tokens of every profile are found.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.exceptions import PyJWTError

from token_service.errors import LoadError
from token_service.files import read_bytes
from token_service.token.public_key import PublicKey, algorithm_of, libtrust_id, thumbprint
from token_service.token.verifier import TrustedKey, TrustedKeys

_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MAX_FILE_BYTES = 1024 * 1024


def load_trusted_keys(path: Path) -> TrustedKeys:
    """Read `bundle.pem` or `jwks.json`. Raises LoadError for a file that gives no usable key."""
    content = read_bytes(path, _MAX_FILE_BYTES, "export it with `token-service keys export`")
    try:
        keys = _from_jwks(content) if content.lstrip()[:1] == b"{" else _from_bundle(content)
    except (ValueError, UnsupportedAlgorithm, RecursionError) as error:
        raise LoadError(
            str(path), f"is no usable certificate bundle or JWK Set: {error}", "export it again"
        ) from None
    if not keys:
        raise LoadError(
            str(path),
            "holds no key that signs tokens",
            "a CA certificate alone is not enough: export the bundle again",
        )
    return keys


def trusted_keys(public_keys: Iterable[PublicKey]) -> TrustedKeys:
    """Public keys under both of their ids. Raises ValueError for a key that signs no tokens."""
    keys: dict[str, TrustedKey] = {}
    for key in public_keys:
        trusted = TrustedKey(algorithm_of(key).value, key)
        keys[thumbprint(key)] = trusted
        keys[libtrust_id(key)] = trusted
    return keys


def _from_bundle(content: bytes) -> TrustedKeys:
    certificates = x509.load_pem_x509_certificates(content)
    return trusted_keys(_public(cert.public_key()) for cert in certificates if not _is_authority(cert))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return constraints.value.ca


def _from_jwks(content: bytes) -> TrustedKeys:
    document = json.loads(content.decode("utf-8"))
    _refuse_secrets(document)
    try:
        jwks = jwt.PyJWKSet.from_dict(document)
    except PyJWTError:
        raise ValueError("the JWK Set holds no key that can be used") from None
    keys = dict(trusted_keys(_public(entry.key) for entry in jwks.keys))
    for entry in jwks.keys:
        if entry.key_id:
            trusted = TrustedKey(algorithm_of(_public(entry.key)).value, entry.key)
            if keys.setdefault(entry.key_id, trusted).key != trusted.key:
                raise ValueError("two keys have the same kid")
    return keys


def _refuse_secrets(document: Mapping[str, object]) -> None:
    """A secret in a file for registries has leaked, whatever stands beside it, and PyJWT passes over broken ones."""
    entries = document.get("keys")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and not _SECRET_MEMBERS.isdisjoint(entry):
            raise ValueError("a key is private or secret")


def _public(key: object) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        return key
    raise ValueError("a key is of a kind that signs no tokens")
