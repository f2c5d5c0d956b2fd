"""The verifier: whose tokens it takes, with which keys, and that nothing but `InvalidToken` ever comes out of it."""

import json
import warnings
from base64 import urlsafe_b64decode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.token.forging import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    attacker,
    base64url,
    sign_text,
    token,
    trusted,
    trusted_keys,
    verify,
    with_claims,
    with_header,
)
from tests.token.rings import ring_of
from token_service.access import Access
from token_service.errors import ServiceError
from token_service.token.claims import VerifiedToken, build
from token_service.token.issuer import Audience, Issuer, Profile
from token_service.token.public_key import Algorithm, libtrust_id, thumbprint
from token_service.token.trusted import trusted_keys as under_both_ids
from token_service.token.verifier import InvalidToken, TrustedKey, TrustedKeys, Verifier, _is_deeper_than

PROVEN = VerifiedToken("alice", "token-1", (Access("repository", "a/b", ("pull",)),), NOW - 10, NOW + 300)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
GOOD = token()


@pytest.mark.parametrize("kid", trusted())
def test_a_good_token_is_proven(kid: str) -> None:
    assert verify(token(key=trusted()[kid])) == PROVEN


@pytest.mark.parametrize("typ", [..., "JWT", "jwt", "Jwt"])
def test_typ_may_be_absent_and_is_caseless(typ: object) -> None:
    """RFC 7519 section 5.1 recommends capitals only; other issuers leave it out."""
    assert verify(with_header(typ=typ)) == PROVEN


@pytest.mark.parametrize(
    "planted",
    [
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "es256"}},
        {"jwk": 1},
        {"jku": "https://attacker.example/jwks.json"},
        {"x5u": "https://attacker.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"x5c": "MIIB"},
        {"x5t": "AAAA", "x5t#S256": "AAAA"},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"iss": "https://attacker.example", "aud": "x", "sub": "root"},
    ],
    ids="+".join,
)
def test_a_planted_header_changes_nothing(planted: dict[str, object]) -> None:
    assert verify(with_header(**planted)) == PROVEN


def test_the_twin_of_a_signature_is_as_good() -> None:
    """Whoever holds an ECDSA token can write a second spelling of it: (r, n - s) verifies where (r, s) does.

    Refusing it would take nothing from anybody, since both say the same; but it shows that the text of a token is no
    name for it. So a token is revoked, counted and logged by its `jti`, never by its text or a hash of that.
    """
    order = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
    head, body, tail = GOOD.split(".")
    signature = urlsafe_b64decode(tail + "==")
    twin = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    second = f"{head}.{body}.{base64url(twin)}"
    assert second != GOOD
    assert verify(second) == verify(GOOD)
    assert verify(second).token_id == "token-1"


def test_keys_are_looked_up_for_each_token() -> None:
    keys: dict[str, TrustedKey] = {}
    verifier = Verifier(lambda: keys, ISSUER, AUDIENCE, lambda: NOW)
    with pytest.raises(InvalidToken, match="trusted keys"):
        verifier.verify(GOOD)
    keys.update(trusted_keys())
    assert verifier.verify(GOOD) == PROVEN
    del keys["es256"]
    with pytest.raises(InvalidToken, match="trusted keys"):
        verifier.verify(GOOD)


def test_one_key_may_stand_under_several_ids() -> None:
    key = trusted()["es256"]
    keys = under_both_ids([key.private.public_key()])
    verifier = Verifier(lambda: keys, ISSUER, AUDIENCE, lambda: NOW)
    for kid in (thumbprint(key.private.public_key()), libtrust_id(key.private.public_key())):
        assert verifier.verify(with_header(kid=kid)) == PROVEN


def test_issuer_audience_and_clock_are_the_verifiers_own() -> None:
    for issuer, audience, now in (("x", AUDIENCE, NOW), (ISSUER, "x", NOW), (ISSUER, AUDIENCE, NOW + 360)):
        with pytest.raises(InvalidToken):
            Verifier(trusted_keys, issuer, audience, lambda now=now: now).verify(GOOD)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", ec.generate_private_key(ec.SECP256R1()).public_key()),
        ("ES384", ec.generate_private_key(ec.SECP256R1()).public_key()),
        ("ES256", ec.generate_private_key(ec.SECP384R1()).public_key()),
        ("ES256", ec.generate_private_key(ec.SECP256K1()).public_key()),
        ("ES512", ec.generate_private_key(ec.SECP521R1()).public_key()),
        ("ES256", ed25519.Ed25519PrivateKey.generate().public_key()),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        ("PS256", trusted()["rs256"].private.public_key()),
        ("RS256", rsa.generate_private_key(65537, 1024).public_key()),
        ("HS256", b"-----BEGIN PUBLIC KEY-----"),
        ("none", None),
        ("", None),
    ],
)
def test_a_key_that_does_not_fit_its_algorithm_is_refused_when_it_is_loaded(algorithm: str, key: object) -> None:
    with pytest.raises(ValueError, match=r"public key|curve|bits"):
        TrustedKey(algorithm, key)  # type: ignore[arg-type]


def test_neither_a_key_nor_a_token_shows_where_it_should_not() -> None:
    assert repr(trusted_keys()["es256"]) == "TrustedKey(algorithm='ES256')"
    with pytest.raises(InvalidToken) as refused:
        verify(with_claims(sub=["root"], jti="secret"))
    assert isinstance(refused.value, ServiceError)
    assert "root" not in str(refused.value)
    assert "secret" not in str(refused.value)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    kid = data.draw(st.sampled_from(sorted(trusted())))
    good = token(key=trusted()[kid])
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from(ALPHABET + ".=+/ \n\x00").filter(lambda letter: letter != good[place]))
    with pytest.raises(InvalidToken):
        verify(good[:place] + other + good[place + 1 :])


@given(st.data())
def test_a_token_cut_or_lengthened_anywhere_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(GOOD) - 1))
    more = data.draw(st.text(ALPHABET + ".", min_size=1, max_size=4))
    for damaged in (GOOD[:place], GOOD[place + 1 :], GOOD[:place] + more + GOOD[place:]):
        if damaged != GOOD:
            with pytest.raises(InvalidToken):
                verify(damaged)


@given(st.one_of(st.text(), st.text(ALPHABET + ".")))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        verify(text)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=4,
)
header_names = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "x"])


@given(st.dictionaries(header_names, json_values), st.dictionaries(st.sampled_from(sorted(CLAIMS)), json_values))
def test_whatever_a_trusted_key_signs_is_proven_or_refused(
    header: dict[str, object], claims: dict[str, object]
) -> None:
    """Nothing else may come out, such as a KeyError that a registry would answer with a 500."""
    signed = token({**trusted()["es256"].header, **header}, {**CLAIMS, **claims})
    try:
        assert isinstance(verify(signed), VerifiedToken)
    except InvalidToken:
        return


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_whatever_bytes_a_trusted_key_signs_are_refused(head: bytes, body: bytes) -> None:
    good_head, good_body, _ = GOOD.split(".")
    for raw in (sign_text(base64url(head), good_body), sign_text(good_head, base64url(body))):
        with pytest.raises(InvalidToken):
            verify(raw)


# Independent signers, and our own


def claims_now() -> dict[str, object]:
    return build(
        issuer=ISSUER,
        subject="alice",
        audience=AUDIENCE,
        access=PROVEN.access,
        now=NOW,
        lifetime=300,
        token_id="token-1",
    )


@pytest.mark.parametrize("kid", trusted())
def test_what_pyjwt_signs_is_proven(kid: str) -> None:
    key = trusted()[kid]
    assert verify(jwt.encode(claims_now(), key.private, key.algorithm, {"kid": kid})) == PROVEN


@pytest.mark.parametrize("kid", trusted())
def test_what_joserfc_signs_is_proven(kid: str) -> None:
    key = trusted()[kid]
    kinds = {"ES": ECKey, "RS": RSAKey, "Ed": OKPKey}
    imported = kinds[key.algorithm[:2]].import_key(key.private)  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc would rather have EdDSA called Ed25519; registries know only EdDSA
        signed = joserfc_jwt.encode(
            key.header, claims_now(), imported, registry=JWSRegistry(algorithms=[key.algorithm])
        )
    assert verify(signed) == PROVEN


def test_what_an_untrusted_key_signs_with_pyjwt_is_refused() -> None:
    forged = jwt.encode(claims_now(), attacker().private, "ES256", {"kid": "es256"})
    with pytest.raises(InvalidToken, match="signature is wrong"):
        verify(forged)


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("profile", list(Profile))
def test_what_we_issue_is_proven(algorithm: Algorithm, profile: Profile) -> None:
    ring = ring_of(algorithm)
    issuer = Issuer(lambda: ring, ISSUER, lambda: NOW, lambda: "token-1")
    name = "zot.example.com" if profile is Profile.ZOT else AUDIENCE
    issued = issuer.issue("alice", Audience(name, profile), PROVEN.access, 300)
    keys: TrustedKeys = under_both_ids(
        [*(leaf.public_key for leaf in ring.leaves), ring.fixed["zot.example.com"].public_key]
    )
    assert Verifier(lambda: keys, ISSUER, name, lambda: NOW).verify(issued.raw) == PROVEN


def test_the_largest_token_is_large_enough_for_300_scopes() -> None:
    access = [
        {"type": "repository", "name": f"mirror/{'x' * 60}/{i}", "actions": ["pull", "push"]} for i in range(300)
    ]
    assert len(verify(token(payload={**CLAIMS, "access": access})).access) == 300
    assert len(json.dumps(access)) > 30_000


@pytest.mark.parametrize("depth", [1, 8, 14])
def test_claims_of_others_may_nest_a_little(depth: int) -> None:
    value: object = 1
    for _ in range(depth):
        value = {"a": [value]} if depth <= 7 else [value]
    assert not _is_deeper_than({"x": value}, 16)
    assert _is_deeper_than({"x": value}, depth if depth > 7 else 2 * depth)
