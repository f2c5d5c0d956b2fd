"""Names and passwords against accounts from files: htpasswd and users files, in their order."""

import hashlib
from collections.abc import Callable, Sequence

from token_service.accounts.account import Account, Accounts
from token_service.accounts.passwords import hash_password
from token_service.authn.credentials import Credentials
from token_service.authn.hashing import PasswordVerifier
from token_service.authn.proof import Proof
from token_service.errors import bad_credentials


class PasswordAuthenticator:
    """Each of `sources` is called for each login, so that a changed file takes effect at once; it must be cheap."""

    def __init__(
        self, sources: Sequence[Callable[[], Accounts]], verifier: PasswordVerifier, clock: Callable[[], int]
    ) -> None:
        self._sources = tuple(sources)
        self._verifier = verifier
        self._clock = clock
        self._seen: tuple[Accounts, ...] = ()
        self._hashes: list[str] = []
        self._nobody = hash_password("nobody")

    async def authenticate(self, credentials: Credentials) -> Proof | None:
        account = self._find(credentials.name)
        if account is None:
            return None
        # A closed account's right password must be none: once cached as verified, it would be refused in no time.
        secret = credentials.secret if account.is_open(self._clock()) else _never_fits(credentials)
        if not await self._verifier.verify(credentials.name, secret, account.password_hash):
            raise bad_credentials()
        return Proof(account.principal(), expires_at=account.expires_at)

    async def spend(self, credentials: Credentials) -> None:
        """Hash against one of the stored hashes, chosen by the name: an unknown name then costs what a known one
        costs, whatever schemes and costs the files mix, and it costs the same at every try."""
        hashes = self._all_hashes()
        digest = hashlib.sha256(credentials.name.encode("utf-8", "surrogatepass")).digest()
        stored = hashes[int.from_bytes(digest[:8], "big") % len(hashes)]
        await self._verifier.verify(credentials.name, _never_fits(credentials), stored)

    def _find(self, name: str) -> Account | None:
        for source in self._sources:
            account = source().get(name)
            if account is not None:
                return account
        return None

    def _all_hashes(self) -> list[str]:
        current = tuple(source() for source in self._sources)
        if len(current) != len(self._seen) or any(a is not b for a, b in zip(current, self._seen, strict=True)):
            self._seen = current
            self._hashes = [accounts[name].password_hash for accounts in current for name in sorted(accounts)]
        return self._hashes or [self._nobody]


def _never_fits(credentials: Credentials) -> str:
    """The NUL makes it a password that never fits and still costs a hash, so nothing is learnt or cached by luck."""
    return credentials.secret + "\0"
