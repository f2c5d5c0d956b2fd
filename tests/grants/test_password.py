"""The password grant: who asks, on GET and in a form, and where nobody in particular is let in."""

import pytest

from token_service.authn.chain import AuthenticatorChain
from token_service.authn.credentials import Credentials
from token_service.authn.proof import Proof
from token_service.errors import OAuthError, bad_credentials
from token_service.grants.password import PasswordGrant
from token_service.grants.request import TokenRequest
from token_service.principal import ANONYMOUS, Principal


class OneUser:
    async def authenticate(self, credentials: Credentials) -> Proof | None:
        if credentials != Credentials("alice", "secret"):
            raise bad_credentials()
        return Proof(Principal("alice"), expires_at=7)

    async def spend(self, credentials: Credentials) -> None:
        raise AssertionError("the name is known")


def grant(*, allow_anonymous: bool = True) -> PasswordGrant:
    return PasswordGrant(AuthenticatorChain([OneUser()]), allow_anonymous=allow_anonymous)


@pytest.mark.parametrize("grant_type", ["", "password"])
async def test_good_credentials_prove_what_the_authenticator_says(grant_type: str) -> None:
    request = TokenRequest(grant_type=grant_type, credentials=Credentials("alice", "secret"))
    assert await grant().prove(request) == Proof(Principal("alice"), expires_at=7)


@pytest.mark.parametrize("grant_type", ["", "password"])
@pytest.mark.parametrize("allow_anonymous", [True, False])
async def test_bad_credentials_are_never_anonymous(grant_type: str, allow_anonymous: bool) -> None:
    request = TokenRequest(grant_type=grant_type, credentials=Credentials("alice", "wrong"))
    with pytest.raises(OAuthError) as caught:
        await grant(allow_anonymous=allow_anonymous).prove(request)
    assert caught.value == bad_credentials()


async def test_nobody_is_anonymous_on_get_where_that_is_allowed() -> None:
    assert await grant().prove(TokenRequest()) == Proof(ANONYMOUS)
    with pytest.raises(OAuthError, match="401 invalid_grant"):
        await grant(allow_anonymous=False).prove(TokenRequest())


@pytest.mark.parametrize("allow_anonymous", [True, False])
async def test_nobody_cannot_use_the_password_grant(allow_anonymous: bool) -> None:
    """A form without a name is a mistake of the client's, not a wish to be nobody."""
    with pytest.raises(OAuthError, match="400 invalid_request: username and password are needed"):
        await grant(allow_anonymous=allow_anonymous).prove(TokenRequest(grant_type="password"))
