"""What a registry is made to trust by a file, and the files that are refused because they would not do."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.token.rings import NOW, ring_of
from token_service.errors import LoadError
from token_service.token.public_key import Algorithm, libtrust_id, public_jwk, thumbprint
from token_service.token.trusted import load_trusted_keys, trusted_keys

RING = ring_of(Algorithm.ES256)
LEAF = RING.leaves[0]
JWK = RING.jwks(NOW)["keys"][0]
OTHER_JWK = ring_of(Algorithm.ES384).jwks(NOW)["keys"][0]
CA_PEM = RING.authority.public_bytes(Encoding.PEM)
KEY_PEM = LEAF.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_of(key: ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey, *, ca: bool | None = None) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    begin = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=1))
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ES384, Algorithm.RS256])
def test_a_bundle_gives_each_leaf_under_both_of_its_ids(file: Path, algorithm: Algorithm) -> None:
    leaf = ring_of(algorithm).leaves[0]
    file.write_bytes(ring_of(algorithm).bundle(NOW))
    keys = load_trusted_keys(file)
    assert keys.keys() == {thumbprint(leaf.public_key), libtrust_id(leaf.public_key)}
    assert [(key.algorithm, key.key) for key in keys.values()] == [(algorithm.value, leaf.public_key)] * 2


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_jwk_set_gives_each_key_under_both_of_its_ids(file: Path, algorithm: Algorithm) -> None:
    leaf = ring_of(algorithm).leaves[0]
    file.write_text(json.dumps(ring_of(algorithm).jwks(NOW)))
    keys = load_trusted_keys(file)
    assert keys.keys() == {thumbprint(leaf.public_key), libtrust_id(leaf.public_key)}
    assert {key.algorithm for key in keys.values()} == {algorithm.value}


def test_a_jwk_set_may_name_its_keys_as_it_likes(file: Path) -> None:
    file.write_text(json.dumps({"keys": [{**JWK, "kid": "our-key"}]}))
    assert load_trusted_keys(file)["our-key"].key == LEAF.public_key


def test_a_jwk_set_may_begin_with_white_space_and_leave_ids_out(file: Path) -> None:
    file.write_text("\n  " + json.dumps({"keys": [public_jwk(LEAF.public_key)]}))
    assert load_trusted_keys(file)[LEAF.key_id].key == LEAF.public_key


def test_a_key_that_stands_twice_is_one_key(file: Path) -> None:
    leaf_pem = LEAF.certificate.public_bytes(Encoding.PEM)
    file.write_bytes(CA_PEM + leaf_pem + leaf_pem)
    assert len(load_trusted_keys(file)) == 2
    file.write_text(json.dumps({"keys": [JWK, JWK]}))
    assert len(load_trusted_keys(file)) == 2


def test_a_certificate_without_constraints_is_a_leaf(file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(certificate_of(key))
    assert thumbprint(key.public_key()) in load_trusted_keys(file)


def test_an_unknown_kind_of_key_beside_a_good_one_is_passed_over(file: Path) -> None:
    """RFC 7517 section 5: a set may hold keys that its reader does not know."""
    file.write_text(json.dumps({"keys": [{"kty": "AKP", "kid": "pq", "pub": "AAAA"}, JWK]}))
    assert LEAF.key_id in load_trusted_keys(file)


PRIVATE_JWK = {**JWK, "d": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}
REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "no usable certificate bundle"),
    ("white space", b"\n \n", "no usable certificate bundle"),
    ("text", b"hello", "no usable certificate bundle"),
    ("a CA alone", CA_PEM, "holds no key that signs tokens"),
    ("an Ed25519 ring's bundle", ring_of(Algorithm.EDDSA).bundle(NOW), "holds no key that signs tokens"),
    ("a private key", KEY_PEM, "no usable"),
    ("a damaged certificate", CA_PEM.replace(b"M", b"N"), "no usable"),
    ("a foreign curve", certificate_of(ec.generate_private_key(ec.SECP521R1())), "secp521r1"),
    ("a key of another use", certificate_of(dsa.generate_private_key(1024)), "signs no tokens"),
    ("broken JSON", b'{"keys": [', "no usable"),
    ("JSON that is not UTF-8", b'{"keys": ["\xff"]}', "no usable"),
    ("JSON too deep", b'{"keys":' + b"[" * 200_000, "no usable"),
    ("no keys member", b"{}", "no usable"),
    ("no keys", b'{"keys": []}', "no usable"),
    ("keys that are no list", b'{"keys": "x"}', "no usable"),
    ("a private JWK", json.dumps({"keys": [PRIVATE_JWK]}).encode(), "private"),
    ("a private JWK beside a good one", json.dumps({"keys": [JWK, PRIVATE_JWK]}).encode(), "private"),
    ("an HMAC key", json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0LX" * 5}]}).encode(), "secret"),
    ("an unknown kind alone", b'{"keys": [{"kty": "AKP", "pub": "AAAA"}]}', "no usable"),
    ("a point that is not on the curve", json.dumps({"keys": [{**JWK, "x": JWK["y"]}]}).encode(), "no usable"),
    ("one id for two keys", json.dumps({"keys": [JWK, {**OTHER_JWK, "kid": JWK["kid"]}]}).encode(), "same kid"),
    ("another key's own id", json.dumps({"keys": [JWK, {**OTHER_JWK, "kid": libtrust_id(LEAF.public_key)}]}).encode(),
     "same kid"),
    ("too large", b"{" + b" " * (1024 * 1024), "is larger than"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "problem"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_file_that_gives_no_sound_key_is_refused_with_its_name_and_a_fix(
    file: Path, content: bytes, problem: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        load_trusted_keys(file)
    assert caught.value.place == str(file)
    assert problem in caught.value.problem
    assert "export" in caught.value.fix
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(LoadError, match=r"keys: cannot be read: No such file .*keys export"):
        load_trusted_keys(file)


def test_trusted_keys_refuse_what_signs_no_tokens() -> None:
    with pytest.raises(ValueError, match="2048 bits"):
        trusted_keys([rsa.RSAPublicNumbers(65537, 2**1023 + 2**1022 + 1).public_key()])
