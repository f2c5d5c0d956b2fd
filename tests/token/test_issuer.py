"""What the issuer signs: the header of each registry profile, the claims, and that strangers accept it.

PyJWT and joserfc check each token independently of our own verifier, with keys taken from the published JWK Set.
"""

import json
import warnings
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import jwt
import pytest
from cryptography import x509
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from tests.token.rings import DAY, NOW, ring_of
from token_service.access import Access
from token_service.token.issuer import Audience, IssuedToken, Issuer, Profile, header
from token_service.token.keyring import KeyRing, NoSigningKeyError
from token_service.token.public_key import Algorithm, libtrust_id, thumbprint

ISSUER = "https://tokens.example.com"
REGISTRY = "registry.example.com"
ACCESS = (Access("repository", "b/c", ("push", "pull")), Access("repository", "a", ("pull",)))


class WideRegistry(JWSRegistry):
    """joserfc refuses headers over 512 bytes, and one certificate is larger."""

    max_header_length = 8192


def issuer_of(ring: KeyRing, now: int = NOW) -> Issuer:
    ids: Iterator[int] = count(1)
    return Issuer(lambda: ring, ISSUER, lambda: now, lambda: f"id-{next(ids)}")


def issue(
    algorithm: Algorithm = Algorithm.ES256,
    profile: Profile = Profile.DISTRIBUTION,
    *,
    now: int = NOW,
    lifetime: int = 300,
) -> IssuedToken:
    name = "zot.example.com" if profile is Profile.ZOT else REGISTRY
    return issuer_of(ring_of(algorithm), now).issue("alice", Audience(name, profile), ACCESS, lifetime)


def part(token: IssuedToken, index: int) -> dict[str, object]:
    segment = token.raw.split(".")[index]
    decoded = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    assert isinstance(decoded, dict)
    return decoded


def test_a_distribution_registry_gets_the_leaf_and_its_rfc_7638_id() -> None:
    leaf = ring_of(Algorithm.ES256).leaves[0]
    head = part(issue(), 0)
    chain = head.pop("x5c")
    assert head == {"typ": "JWT", "alg": "ES256", "kid": thumbprint(leaf.public_key)}
    assert isinstance(chain, list)
    assert [x509.load_der_x509_certificate(b64decode(entry)) for entry in chain] == [leaf.certificate]


def test_a_registry_that_knows_only_a_jwk_set_gets_no_certificate() -> None:
    leaf = ring_of(Algorithm.ES256).leaves[0]
    assert part(issue(profile=Profile.DISTRIBUTION_JWKS), 0) == {
        "typ": "JWT", "alg": "ES256", "kid": thumbprint(leaf.public_key)
    }  # fmt: skip


def test_a_distribution_2_that_goes_by_key_id_gets_libtrusts() -> None:
    leaf = ring_of(Algorithm.ES256).leaves[0]
    assert part(issue(profile=Profile.DISTRIBUTION_2_KID), 0) == {
        "typ": "JWT", "alg": "ES256", "kid": libtrust_id(leaf.public_key)
    }  # fmt: skip


def test_a_zot_gets_tokens_by_its_own_key() -> None:
    fixed = ring_of(Algorithm.ES256).fixed["zot.example.com"]
    token = issue(profile=Profile.ZOT)
    assert part(token, 0) == {"typ": "JWT", "alg": "ES256", "kid": thumbprint(fixed.public_key)}
    jwt.decode(
        token.raw,
        fixed.public_key,
        algorithms=["ES256"],
        options={"verify_iat": False, "verify_nbf": False, "verify_aud": False},
    )


def test_a_zot_without_a_key_of_its_own_gets_nothing_from_the_common_one() -> None:
    ring = replace(ring_of(Algorithm.ES256), fixed={})
    with pytest.raises(NoSigningKeyError, match=r"keys generate --service zot\.example\.com"):
        issuer_of(ring).issue("alice", Audience("zot.example.com", Profile.ZOT), ACCESS, 300)


@pytest.mark.parametrize("profile", list(Profile))
def test_the_claims_are_the_same_for_every_profile(profile: Profile) -> None:
    assert part(issue(profile=profile), 1) == {
        "iss": ISSUER,
        "sub": "alice",
        "aud": "zot.example.com" if profile is Profile.ZOT else REGISTRY,
        "exp": NOW + 300,
        "nbf": NOW - 10,
        "iat": NOW - 10,
        "jti": "id-1",
        "access": [
            {"type": "repository", "name": "a", "actions": ["pull"]},
            {"type": "repository", "name": "b/c", "actions": ["pull", "push"]},
        ],
    }


def test_no_member_of_a_header_invites_a_verifier_to_fetch_or_trust_a_key() -> None:
    for profile in Profile:
        head = header(ring_of(Algorithm.ES256).leaves[0], profile)
        assert head.keys() <= {"typ", "alg", "kid", "x5c"}


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("profile", [Profile.DISTRIBUTION, Profile.DISTRIBUTION_JWKS])
def test_pyjwt_and_joserfc_accept_what_we_sign(algorithm: Algorithm, profile: Profile) -> None:
    jwks = ring_of(algorithm).jwks(NOW)
    raw = issue(algorithm, profile).raw

    key = jwt.PyJWKSet.from_dict(dict(jwks))[str(jwt.get_unverified_header(raw)["kid"])]
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}  # our clock stands in 2027
    by_pyjwt = jwt.decode(
        raw, key, algorithms=[algorithm.value], audience=REGISTRY, issuer=ISSUER,
        options=jwt.types.Options(**options),  # type: ignore[typeddict-item]
    )  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc would rather have EdDSA called Ed25519; registries know only EdDSA
        by_joserfc = joserfc_jwt.decode(
            raw, KeySet.import_key_set(jwks), registry=WideRegistry(algorithms=[algorithm.value])  # type: ignore[arg-type]
        )  # fmt: skip
    assert by_pyjwt == by_joserfc.claims == part(issue(algorithm, profile), 1)
    joserfc_jwt.JWTClaimsRegistry(
        now=lambda: NOW, iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": REGISTRY}
    ).validate(by_joserfc.claims)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_changed_token_is_refused_by_pyjwt(algorithm: Algorithm) -> None:
    head, body, signature = issue(algorithm).raw.split(".")
    other = issue(algorithm, lifetime=301).raw.split(".")[1]
    key = ring_of(algorithm).leaves[0].public_key
    for forged in (f"{head}.{other}.{signature}", f"{head}.{body}.{signature[:-8]}AAAAAAAA"):
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(forged, key, algorithms=[algorithm.value])


@pytest.mark.parametrize(
    ("before_the_end", "asked", "lifetime"),
    [(DAY, 300, 300), (300, 300, 300), (299, 300, 299), (61, 86_400, 61), (60, 300, 60), (1, 300, 60)],
)
def test_no_token_outlives_the_certificate_but_each_lives_sixty_seconds(
    before_the_end: int, asked: int, lifetime: int
) -> None:
    now = ring_of(Algorithm.ES256).leaves[0].expires_at - before_the_end
    token = issue(now=now, lifetime=asked)
    assert token.lifetime == lifetime
    assert part(token, 1)["exp"] == now + lifetime


@pytest.mark.parametrize("profile", [Profile.DISTRIBUTION_JWKS, Profile.ZOT])
def test_where_no_certificate_travels_its_end_does_not_matter(profile: Profile) -> None:
    now = ring_of(Algorithm.ES256).leaves[0].expires_at - 100
    assert issue(profile=profile, now=now, lifetime=300).lifetime == 300


def test_a_lifetime_below_sixty_seconds_is_refused() -> None:
    with pytest.raises(ValueError, match="60 seconds"):
        issue(lifetime=59)


def test_an_expired_leaf_signs_nothing() -> None:
    with pytest.raises(NoSigningKeyError):
        issue(now=ring_of(Algorithm.ES256).leaves[0].expires_at)


def test_a_rotation_is_followed_at_the_next_token() -> None:
    rings = [ring_of(Algorithm.ES256), ring_of(Algorithm.ES384)]
    issuer = Issuer(lambda: rings[0], ISSUER, lambda: NOW, lambda: "x")
    first = issuer.issue("alice", Audience(REGISTRY), (), 300)
    rings.pop(0)
    second = issuer.issue("alice", Audience(REGISTRY), (), 300)
    assert [part(token, 0)["alg"] for token in (first, second)] == ["ES256", "ES384"]


def test_each_token_has_an_id_of_its_own_and_tells_the_true_time_of_issue() -> None:
    issuer = issuer_of(ring_of(Algorithm.ES256))
    tokens = [issuer.issue("alice", Audience(REGISTRY), (), 300) for _ in range(3)]
    assert [token.token_id for token in tokens] == ["id-1", "id-2", "id-3"]
    assert [part(token, 1)["jti"] for token in tokens] == ["id-1", "id-2", "id-3"]
    assert {token.issued_at for token in tokens} == {NOW}


def test_nothing_of_a_token_is_in_its_repr() -> None:
    token = issue()
    assert repr(token) == f"IssuedToken(token_id='id-1', issued_at={NOW}, lifetime=300)"
    assert all(segment not in f"{token!r} {token!s}" for segment in token.raw.split("."))


def test_an_empty_access_is_an_empty_list() -> None:
    token = issuer_of(ring_of(Algorithm.ES256)).issue("", Audience(REGISTRY), (), 300)
    assert part(token, 1)["access"] == []
    assert part(token, 1)["sub"] == ""
