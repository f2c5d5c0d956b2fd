"""Names and passwords against accounts. An unknown name, a wrong password and a disabled account are alike.

Alike means the same error and the same number of comparisons against hashes of the same files; nothing is timed.
"""

import pytest

from tests.accounts.hashes import argon2_of, bcrypt_of
from tests.authn.conftest import MakeVerifier
from tests.authn.spying import Spy
from token_service.accounts.account import Account, Accounts
from token_service.accounts.passwords import MAX_PASSWORD_BYTES
from token_service.authn.chain import AuthenticatorChain
from token_service.authn.credentials import Credentials
from token_service.authn.password import PasswordAuthenticator
from token_service.authn.proof import Proof
from token_service.errors import OAuthError, bad_credentials
from token_service.principal import Kind, Principal

NOW = 1_800_000_000
BY_BCRYPT, BY_ARGON2 = bcrypt_of("right"), argon2_of("right")
HTPASSWD: Accounts = {
    "alice": Account("alice", BY_BCRYPT),
    "gone": Account("gone", BY_BCRYPT, disabled=True),
    "past": Account("past", BY_BCRYPT, expires_at=NOW),
}
USERS: Accounts = {
    "ci": Account("ci", BY_ARGON2, Kind.SERVICE_ACCOUNT, frozenset({"robots"}), {"team": ("core",)}),
    "alice": Account("alice", BY_ARGON2, groups=frozenset({"never"})),
}


async def refusal(authenticator: PasswordAuthenticator, name: str, secret: str) -> OAuthError:
    """Through the chain: refused, or not mine and then made to cost the same."""
    with pytest.raises(OAuthError) as caught:
        await AuthenticatorChain([authenticator]).authenticate(Credentials(name, secret))
    return caught.value


async def test_the_first_file_that_knows_the_name_decides(make_verifier: MakeVerifier) -> None:
    authenticator = PasswordAuthenticator([lambda: HTPASSWD, lambda: USERS], make_verifier(), lambda: NOW)
    assert await authenticator.authenticate(Credentials("alice", "right")) == Proof(Principal("alice"))
    assert await authenticator.authenticate(Credentials("ci", "right")) == Proof(
        Principal("ci", Kind.SERVICE_ACCOUNT, frozenset({"robots"}), {"team": ("core",)})
    )


async def test_an_unknown_name_is_not_mine(make_verifier: MakeVerifier, spy: Spy) -> None:
    authenticator = PasswordAuthenticator([lambda: HTPASSWD], make_verifier(), lambda: NOW)
    for name in ("bob", "Alice", "alice ", "", "alice\0", "\ud800"):
        assert await authenticator.authenticate(Credentials(name, "right")) is None
    assert spy.count == 0


IMPOSSIBLE = ["wrong", "", "\0", "right\0", "\ud800", "p" * 73, "p" * (MAX_PASSWORD_BYTES + 1)]


@pytest.mark.parametrize("secret", ["right", *IMPOSSIBLE])
@pytest.mark.parametrize("name", ["alice", "nobody", "gone", "past"])
async def test_every_refusal_costs_one_comparison_and_says_the_same(
    make_verifier: MakeVerifier, spy: Spy, name: str, secret: str
) -> None:
    if (name, secret) == ("alice", "right"):
        return
    authenticator = PasswordAuthenticator([lambda: HTPASSWD], make_verifier(), lambda: NOW)
    for count in (1, 2, 3):  # nor is a repeated attempt any cheaper
        assert await refusal(authenticator, name, secret) == bad_credentials()
        assert spy.count == count
    assert {stored for _, stored in spy.seen} == {BY_BCRYPT}


async def test_an_unknown_name_is_compared_with_a_stored_hash_that_it_always_gets(
    make_verifier: MakeVerifier, spy: Spy
) -> None:
    """Files that mix schemes and costs: an unknown name must not be told from a known one by its hash."""
    authenticator = PasswordAuthenticator([lambda: HTPASSWD, lambda: USERS], make_verifier(), lambda: NOW)
    names = [f"nobody-{number}" for number in range(64)]
    for name in names:
        await refusal(authenticator, name, "wrong")
    first = [stored for _, stored in spy.seen]
    assert set(first) == {BY_BCRYPT, BY_ARGON2}
    spy.seen.clear()
    for name in names:
        await refusal(authenticator, name, "another")
    assert [stored for _, stored in spy.seen] == first


async def test_without_accounts_an_unknown_name_costs_a_hash_all_the_same(
    make_verifier: MakeVerifier, spy: Spy
) -> None:
    for authenticator in (
        PasswordAuthenticator([], make_verifier(), lambda: NOW),
        PasswordAuthenticator([dict], make_verifier(), lambda: NOW),
    ):
        await refusal(authenticator, "alice", "right")
    assert [stored.split("$")[1] for _, stored in spy.seen] == ["argon2id", "argon2id"]


async def test_no_password_of_an_unknown_name_is_ever_verified_or_kept(make_verifier: MakeVerifier, spy: Spy) -> None:
    """Not even the right password of the account whose hash is borrowed."""
    verifier = make_verifier()
    authenticator = PasswordAuthenticator([lambda: HTPASSWD], verifier, lambda: NOW)
    for count in (1, 2):
        await authenticator.spend(Credentials("nobody", "right"))
        assert spy.count == count
    assert not verifier._verified


async def test_a_disabled_account_fails_with_the_right_password_and_stays_costly(
    make_verifier: MakeVerifier, spy: Spy
) -> None:
    """Were it kept as verified, the second attempt would tell by its speed that the password is right."""
    verifier = make_verifier()
    authenticator = PasswordAuthenticator([lambda: HTPASSWD], verifier, lambda: NOW)
    for count in (1, 2, 3):
        assert await refusal(authenticator, "gone", "right") == bad_credentials()
        assert spy.count == count
    assert not verifier._verified


async def test_an_account_that_is_disabled_later_is_refused_although_its_password_is_cached(
    make_verifier: MakeVerifier,
) -> None:
    files: list[Accounts] = [HTPASSWD]
    authenticator = PasswordAuthenticator([lambda: files[-1]], make_verifier(), lambda: NOW)
    assert await authenticator.authenticate(Credentials("alice", "right")) == Proof(Principal("alice"))
    files.append({"alice": Account("alice", BY_BCRYPT, disabled=True)})
    assert await refusal(authenticator, "alice", "right") == bad_credentials()
    files.append({"alice": Account("alice", argon2_of("new"))})
    assert await refusal(authenticator, "alice", "right") == bad_credentials()
    assert await authenticator.authenticate(Credentials("alice", "new")) == Proof(Principal("alice"))
    files.append({})
    assert await authenticator.authenticate(Credentials("alice", "new")) is None


async def test_an_account_proves_itself_until_it_expires(make_verifier: MakeVerifier) -> None:
    now = [NOW]
    accounts: Accounts = {"alice": Account("alice", BY_BCRYPT, expires_at=NOW + 100)}
    authenticator = PasswordAuthenticator([lambda: accounts], make_verifier(), lambda: now[0])
    for now[0] in (NOW, NOW + 99):
        assert await authenticator.authenticate(Credentials("alice", "right")) == Proof(
            Principal("alice"), expires_at=NOW + 100
        )
    now[0] = NOW + 100
    assert await refusal(authenticator, "alice", "right") == bad_credentials()


async def test_changed_files_lend_their_own_hashes_to_unknown_names(make_verifier: MakeVerifier, spy: Spy) -> None:
    files: list[Accounts] = [{"a": Account("a", BY_BCRYPT)}]
    authenticator = PasswordAuthenticator([lambda: files[-1]], make_verifier(), lambda: NOW)
    await refusal(authenticator, "nobody", "wrong")
    files.append({"a": Account("a", BY_ARGON2)})
    await refusal(authenticator, "nobody", "wrong")
    assert [stored for _, stored in spy.seen] == [BY_BCRYPT, BY_ARGON2]
