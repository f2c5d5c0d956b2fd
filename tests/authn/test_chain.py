"""The authenticators in their order, and what an unknown name costs."""

import pytest

from token_service.authn.chain import AuthenticatorChain
from token_service.authn.credentials import Credentials
from token_service.authn.proof import NOBODY, Proof
from token_service.errors import OAuthError, bad_credentials, unavailable
from token_service.principal import Principal

ALICE = Credentials("alice", "secret")


class Fake:
    """Knows one name or none, and writes down what it was asked."""

    def __init__(self, answer: Proof | OAuthError | None = None) -> None:
        self._answer = answer
        self.calls: list[str] = []

    async def authenticate(self, credentials: Credentials) -> Proof | None:
        self.calls.append(f"authenticate {credentials.name}")
        if isinstance(self._answer, OAuthError):
            raise self._answer
        return self._answer

    async def spend(self, credentials: Credentials) -> None:
        self.calls.append(f"spend {credentials.name}")


async def test_no_credentials_are_anonymous_and_ask_nobody() -> None:
    fake = Fake(Proof(Principal("alice")))
    assert await AuthenticatorChain([fake]).authenticate(None) is NOBODY
    assert fake.calls == []


async def test_the_first_that_answers_wins_and_those_after_it_are_not_asked() -> None:
    first, second, third = Fake(), Fake(Proof(Principal("alice"))), Fake(Proof(Principal("mallory")))
    assert await AuthenticatorChain([first, second, third]).authenticate(ALICE) == Proof(Principal("alice"))
    assert (first.calls, second.calls, third.calls) == (["authenticate alice"], ["authenticate alice"], [])


@pytest.mark.parametrize("error", [bad_credentials(), unavailable("the directory does not answer")])
async def test_an_authenticator_that_refuses_or_fails_ends_the_search(error: OAuthError) -> None:
    """A failing back end must not let the next one decide, and a refusal is final."""
    after = Fake(Proof(Principal("alice")))
    with pytest.raises(OAuthError) as caught:
        await AuthenticatorChain([Fake(error), after]).authenticate(ALICE)
    assert caught.value is error
    assert after.calls == []


async def test_a_name_that_nobody_knows_costs_one_refusal_and_looks_like_one() -> None:
    fakes = [Fake(), Fake()]
    with pytest.raises(OAuthError) as caught:
        await AuthenticatorChain(fakes).authenticate(ALICE)
    assert caught.value == bad_credentials()
    assert [fake.calls for fake in fakes] == [["authenticate alice", "spend alice"], ["authenticate alice"]]


async def test_without_authenticators_every_name_is_unknown() -> None:
    with pytest.raises(OAuthError) as caught:
        await AuthenticatorChain([]).authenticate(ALICE)
    assert caught.value == bad_credentials()
