"""Name and password: Basic on GET (Distribution's token protocol) and RFC 6749's `password` grant on POST.

OAuth 2.1 has dropped the `password` grant; containerd, buildkit and helm send it all the same, so it is here.
"""

from token_service.authn.chain import AuthenticatorChain
from token_service.authn.proof import Proof
from token_service.errors import bad_credentials, invalid_request
from token_service.grants.request import TokenRequest


class PasswordGrant:
    grant_types = ("", "password")

    def __init__(self, authenticators: AuthenticatorChain, *, allow_anonymous: bool) -> None:
        self._authenticators = authenticators
        self._allow_anonymous = allow_anonymous

    async def prove(self, request: TokenRequest) -> Proof:
        if request.credentials is None and request.grant_type:
            raise invalid_request("username and password are needed")
        proof = await self._authenticators.authenticate(request.credentials)
        if proof.principal.is_anonymous and not self._allow_anonymous:
            raise bad_credentials("a user name and a password are needed")
        return proof
