"""The authenticators in their order: the first that knows the name decides.

An authenticator answers None (*not mine*), a proof (*mine and good*) or raises (*mine and bad*, or *I cannot
tell*). Where all say None the name is unknown, and that must cost and look exactly like a wrong password.
"""

from collections.abc import Sequence
from typing import Protocol

from token_service.authn.credentials import Credentials
from token_service.authn.proof import NOBODY, Proof
from token_service.errors import bad_credentials


class Authenticator(Protocol):
    async def authenticate(self, credentials: Credentials) -> Proof | None:
        """Raises OAuthError: `bad_credentials` for a name of its own, `unavailable` when its back end failed."""

    async def spend(self, credentials: Credentials) -> None:
        """Do the work that refusing a name of its own would have cost."""


class AuthenticatorChain:
    """`authenticate` for the whole service. No credentials at all proves ANONYMOUS and is no failure."""

    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators = tuple(authenticators)

    async def authenticate(self, credentials: Credentials | None) -> Proof:
        """Raises OAuthError, with one and the same message for an unknown name, a wrong password, a disabled user."""
        if credentials is None:
            return NOBODY
        for authenticator in self._authenticators:
            proof = await authenticator.authenticate(credentials)
            if proof is not None:
                return proof
        for authenticator in self._authenticators[:1]:
            await authenticator.spend(credentials)
        raise bad_credentials()
