"""Public keys: published vectors for both key ids, one algorithm a key, and coordinates in full length."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.token.rings import ring_of
from token_service.token.public_key import Algorithm, PublicKey, algorithm_of, libtrust_id, public_jwk, thumbprint


def number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def p256(x: str, y: str) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicNumbers(number(x), number(y), ec.SECP256R1()).public_key()


LIBTRUST_X, LIBTRUST_Y = "m7zUpx3b-zmVE5cymSs64POG9QcyEpJaYCD82-549_Q", "dU3biz8sZ_8GPB-odm8Wxz3lNDr1xcAQQPQaOcr1fmc"
RFC_7638_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
    "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha"
    "jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
RFC_8037_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


def test_both_ids_of_the_key_that_docker_documents() -> None:
    key = p256(LIBTRUST_X, LIBTRUST_Y)
    assert libtrust_id(key) == "PYYO:TEWU:V7JH:26JV:AQTZ:LJC3:SXVJ:XGHA:34F2:2LAQ:ZRMK:Z7Q6"
    assert thumbprint(key) == "8qjioA3ZA7ti2JIE7c-U8smBFuZolQZvhSHDPU3hhB8"


def test_the_thumbprint_of_rfc_7638_section_3_1() -> None:
    key = rsa.RSAPublicNumbers(65537, number(RFC_7638_N)).public_key()
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert public_jwk(key) == {"kty": "RSA", "n": RFC_7638_N, "e": "AQAB"}


def test_the_thumbprint_of_rfc_8037_appendix_a_3() -> None:
    raw = urlsafe_b64decode(RFC_8037_X + "=")
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    assert thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert public_jwk(key) == {"kty": "OKP", "crv": "Ed25519", "x": RFC_8037_X}


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_joserfc_computes_the_same_thumbprint(algorithm: Algorithm) -> None:
    key = ring_of(algorithm).leaves[0].public_key
    kinds: dict[str, type[ECKey | RSAKey | OKPKey]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
    jwk = public_jwk(key)
    assert kinds[jwk["kty"]].import_key(dict(jwk)).thumbprint() == thumbprint(key)
    assert algorithm_of(key) is algorithm


@given(st.integers(min_value=1, max_value=2**128))
def test_coordinates_of_any_point_are_written_in_full_length(secret: int) -> None:
    point = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    jwk = public_jwk(point)
    assert len(jwk["x"]) == len(jwk["y"]) == 43
    assert (number(jwk["x"]), number(jwk["y"])) == (point.public_numbers().x, point.public_numbers().y)


def test_a_coordinate_that_begins_with_a_zero_byte_keeps_it() -> None:
    """The case in which Distribution 3.1 drops the byte and computes another id."""
    secret = next(s for s in range(1, 5000) if _begins_with_zero(s))
    point = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    jwk = public_jwk(point)
    canonical = b'{"crv":"P-256","kty":"EC","x":"%b","y":"%b"}' % (jwk["x"].encode(), jwk["y"].encode())
    assert orjson.loads(canonical) == jwk
    assert urlsafe_b64decode(jwk["x"] + "=")[0] == 0
    assert thumbprint(point) == urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


def _begins_with_zero(secret: int) -> bool:
    return ec.derive_private_key(secret, ec.SECP256R1()).public_key().public_numbers().x < 2**248


FOREIGN: list[tuple[PublicKey, str]] = [
    (ec.generate_private_key(ec.SECP256K1()).public_key(), "secp256k1"),
    (ec.generate_private_key(ec.SECP521R1()).public_key(), "secp521r1"),
    (rsa.RSAPublicNumbers(65537, 2**1023 + 2**1022 + 1).public_key(), "2048 bits"),
]


@pytest.mark.parametrize(("key", "reason"), FOREIGN, ids=[reason for _, reason in FOREIGN])
def test_foreign_curves_and_short_keys_have_no_algorithm(key: PublicKey, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        algorithm_of(key)
