from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.registry.conftest import ISSUER, KEY, NOW, REALM, SERVICE, MovableClock, sign
from token_service.access import Access
from token_service.registry.auth import CachingVerifier, Gate
from token_service.registry.errors import RegistryError
from token_service.token.verifier import InvalidToken, TrustedKey, TrustedKeys

PULL = Access("repository", "a/b", ("pull",))
PUSH = Access("repository", "c", ("pull", "push"))


class Source:
    """Trusted keys that a test may replace, and that count how often a signature was checked with them."""

    def __init__(self) -> None:
        self.keys: TrustedKeys = CountingKeys()

    def __call__(self) -> TrustedKeys:
        return self.keys


class CountingKeys(dict[str, TrustedKey]):
    def __init__(self, key: ec.EllipticCurvePrivateKey = KEY) -> None:
        super().__init__(test=TrustedKey("ES256", key.public_key()))
        self.looked_up = 0

    def get(self, key: str, default: object = None) -> TrustedKey | None:  # type: ignore[override]
        self.looked_up += 1
        return super().get(key)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def verifier(source: Source, clock: MovableClock) -> CachingVerifier:
    return CachingVerifier(source, ISSUER, SERVICE, clock)


def looked_up(keys: Mapping[str, TrustedKey]) -> int:
    assert isinstance(keys, CountingKeys)
    return keys.looked_up


def test_a_token_seen_before_is_not_checked_again(verifier: CachingVerifier, source: Source) -> None:
    token = sign()
    first = verifier.verify(token)
    assert verifier.verify(token) is first
    assert looked_up(source.keys) == 1


def test_a_remembered_token_ends_in_the_second_in_which_the_verifier_refuses_it(
    verifier: CachingVerifier, clock: MovableClock
) -> None:
    token = sign()
    verifier.verify(token)
    clock.now = NOW + 300 + 59
    verifier.verify(token)
    clock.now += 1
    with pytest.raises(InvalidToken, match="exp is past"):
        verifier.verify(token)
    with pytest.raises(InvalidToken, match="exp is past"):
        CachingVerifier(CountingKeys, ISSUER, SERVICE, clock).verify(token)


def test_all_tokens_are_forgotten_when_the_keys_are_others(verifier: CachingVerifier, source: Source) -> None:
    token = sign()
    verifier.verify(token)
    source.keys = CountingKeys(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(InvalidToken, match="signature"):
        verifier.verify(token)
    source.keys = CountingKeys()
    verifier.verify(token)
    assert looked_up(source.keys) == 1


def test_what_is_refused_is_not_remembered(verifier: CachingVerifier, source: Source) -> None:
    token = sign(aud="elsewhere")
    for _ in range(2):
        with pytest.raises(InvalidToken, match="audience"):
            verifier.verify(token)
    assert looked_up(source.keys) == 2


def test_the_cache_is_bounded_and_drops_what_was_not_used(
    verifier: CachingVerifier, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("token_service.registry.auth._MAX_CACHED_TOKENS", 2)
    kept, dropped, newest = sign(), sign(), sign()
    for token in (kept, dropped, kept, newest, kept, newest):
        verifier.verify(token)
    assert looked_up(source.keys) == 3
    verifier.verify(dropped)
    assert looked_up(source.keys) == 4


@pytest.mark.parametrize("text", ["\ud800", "a.b.c", "\u00e4"])
def test_any_text_is_refused_like_the_verifier_does(verifier: CachingVerifier, text: str) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(text)


def challenge_of(gate: Gate, authorization: list[str], required: list[Access]) -> str:
    with pytest.raises(RegistryError) as caught:
        gate.authorize(authorization, required)
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
    return caught.value.headers["WWW-Authenticate"]


@pytest.fixture
def gate(verifier: CachingVerifier) -> Gate:
    return Gate(REALM, SERVICE, verifier)


@pytest.mark.parametrize("authorization", [[], [""], ["Basic dTpw"], ["Bearer"], ["Token abc"]], ids=repr)
def test_without_a_bearer_token_the_challenge_names_no_error(gate: Gate, authorization: list[str]) -> None:
    expected = f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:a/b:pull"'
    if authorization == ["Bearer"]:
        expected += ',error="invalid_token"'
    assert challenge_of(gate, authorization, [PULL]) == expected


def test_a_bad_token_and_a_small_one_are_told_apart(gate: Gate) -> None:
    stem = f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:a/b:pull repository:c:pull,push",error='
    assert challenge_of(gate, ["Bearer x.y.z"], [PULL, PUSH]) == f'{stem}"invalid_token"'
    small = sign("repository:a/b:pull repository:c:push")
    assert challenge_of(gate, [f"Bearer {small}"], [PULL, PUSH]) == f'{stem}"insufficient_scope"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_that_grants_all_is_let_in(gate: Gate, scheme: str) -> None:
    token = sign("repository:a/b:pull repository:c:*", sub="bob")
    assert gate.authorize([f"{scheme} {token}"], [PULL, PUSH]).subject == "bob"


def test_with_nothing_required_any_valid_token_will_do(gate: Gate) -> None:
    assert gate.authorize([f"Bearer {sign('')}"], []).access == ()
    assert challenge_of(gate, [], []) == f'Bearer realm="{REALM}",service="{SERVICE}"'


def test_two_headers_are_refused_even_where_one_is_good(gate: Gate) -> None:
    with pytest.raises(RegistryError, match="400 UNSUPPORTED: several Authorization headers"):
        gate.authorize([f"Bearer {sign()}", f"Bearer {sign()}"], [])


@pytest.mark.parametrize(
    ("realm", "service"), [('http://x/"', "s"), ("http://x/", "s\\"), ("", "s"), ("http://x", "")]
)
def test_a_realm_or_service_that_no_header_can_carry_stops_the_start(
    verifier: CachingVerifier, realm: str, service: str
) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        Gate(realm, service, verifier)
