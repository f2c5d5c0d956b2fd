"""Which key signs when, what is published when, and that nothing private ever is."""

from base64 import b64decode
from dataclasses import replace
from itertools import product

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.token.rings import DAY, NOW, ring_of
from token_service.token.keyring import KeyRing, NoSigningKeyError, SigningKey
from token_service.token.public_key import Algorithm, libtrust_id, thumbprint

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}
BASE = ring_of(Algorithm.ES256)
LEAF = BASE.leaves[0]
OTHER = ring_of(Algorithm.ES384).leaves[0]
END = LEAF.expires_at


def ring(*leaves: SigningKey) -> KeyRing:
    return KeyRing(BASE.authority, leaves, {})


OLD = replace(LEAF, retires_at=NOW + 1000)
NEXT = replace(OTHER, signs_from=NOW + 500)


@pytest.mark.parametrize(
    ("now", "active", "published"),
    [
        (NOW - 1, None, (NEXT, OLD)),
        (NOW, OLD, (NEXT, OLD)),
        (NOW + 499, OLD, (NEXT, OLD)),
        (NOW + 500, NEXT, (NEXT, OLD)),
        (NOW + 999, NEXT, (NEXT, OLD)),
        (NOW + 1000, NEXT, (NEXT,)),
        (END - 1, NEXT, (NEXT,)),
        (END, None, (NEXT,)),
    ],
)
def test_a_rotation_from_publishing_to_retiring(
    now: int, active: SigningKey | None, published: tuple[SigningKey, ...]
) -> None:
    keys = ring(OLD, NEXT)
    assert keys.published(now) == published
    if active is None:
        with pytest.raises(NoSigningKeyError, match="keys rotate"):
            keys.active(now)
    else:
        assert keys.active(now) is active


def test_of_two_leaves_that_begin_at_once_the_last_one_signs() -> None:
    """Two processes that rotate in the same second: the first one's leaf is already marked to retire."""
    first, last = replace(LEAF, retires_at=NOW + 1000), OTHER
    assert ring(first, last).active(NOW) is last
    assert ring(last, replace(first, retires_at=0)).active(NOW).key_id == LEAF.key_id


def test_a_retired_leaf_never_signs_even_where_no_other_can() -> None:
    keys = ring(replace(LEAF, retires_at=NOW + 10))
    assert keys.active(NOW + 9).key_id == LEAF.key_id
    with pytest.raises(NoSigningKeyError):
        keys.active(NOW + 10)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=6),
    st.integers(0, 9),
)
def test_whatever_signs_is_published_and_began_last(times: list[tuple[int, int]], offset: int) -> None:
    now = NOW + offset
    leaves = [replace(LEAF, signs_from=NOW + begin, retires_at=NOW + end if end else 0) for begin, end in times]
    keys = ring(*leaves)
    can_sign = [leaf for leaf in leaves if leaf.signs_from <= now and (not leaf.retires_at or now < leaf.retires_at)]
    if not can_sign:
        with pytest.raises(NoSigningKeyError):
            keys.active(now)
        return
    active = keys.active(now)
    assert any(active is leaf for leaf in keys.published(now))
    assert active.signs_from == max(leaf.signs_from for leaf in can_sign)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_jwk_set_says_what_each_key_is_for_and_holds_nothing_private(algorithm: Algorithm) -> None:
    leaf = ring_of(algorithm).leaves[0]
    (jwk,) = ring_of(algorithm).jwks(NOW)["keys"]
    assert jwk["alg"] == algorithm.value
    assert jwk["use"] == "sig"
    assert jwk["kid"] == thumbprint(leaf.public_key)
    assert not PRIVATE_MEMBERS & jwk.keys()
    assert jwk.keys() <= {"alg", "use", "kid", "kty", "crv", "x", "y", "n", "e"}


def test_a_jwk_set_holds_next_active_and_retiring_keys_under_different_ids() -> None:
    ids = [key["kid"] for key in ring(OLD, NEXT).jwks(NOW)["keys"]]
    assert ids == [NEXT.key_id, OLD.key_id]
    assert [key["kid"] for key in ring(OLD, NEXT).jwks(NOW + 1000)["keys"]] == [NEXT.key_id]


def certificates(bundle: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle)


def test_a_bundle_is_the_authority_and_the_published_leaves() -> None:
    assert certificates(ring(OLD, NEXT).bundle(NOW)) == [BASE.authority, NEXT.certificate, OLD.certificate]
    assert certificates(ring(OLD, NEXT).bundle(NOW + 1000)) == [BASE.authority, NEXT.certificate]


def test_a_bundle_holds_no_ed25519_leaf_which_would_stop_distribution_2() -> None:
    keys = ring_of(Algorithm.EDDSA)
    assert certificates(keys.bundle(NOW)) == [keys.authority]


@pytest.mark.parametrize(("algorithm", "at"), list(product(Algorithm, [NOW, NOW + 30 * DAY])))
def test_nothing_that_is_published_holds_a_private_key(algorithm: Algorithm, at: int) -> None:
    assert b"PRIVATE" not in ring_of(algorithm).bundle(at)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_signing_key_shows_its_ids_and_not_itself(algorithm: Algorithm) -> None:
    leaf = ring_of(algorithm).leaves[0]
    assert repr(leaf) == f"SigningKey(signs_from={NOW}, retires_at=0)"
    assert "PrivateKey" not in repr(ring_of(algorithm))
    assert leaf.algorithm is algorithm
    assert leaf.expires_at == NOW + 365 * DAY
    assert [b64decode(entry) for entry in leaf.x5c] == [leaf.certificate.public_bytes(Encoding.DER)]
    assert libtrust_id(leaf.public_key).count(":") == 11
