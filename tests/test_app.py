"""The composition root: that settings become the program they describe, and that what changes on disk takes effect.

What each part does is tested beside it; here only that they were put together.
"""

import asyncio
import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from tests.accounts.hashes import bcrypt_of
from tests.authn.spying import settle, spy_on
from tests.server.house import ALICE, BOB, ISSUER, NOW, POLICY, REGISTRY, ZOT, House, basic, call
from token_service.app import build_registry_app, build_token_service, load_accounts
from token_service.config import RegistrySettings, Settings, build_settings
from token_service.errors import LoadError
from token_service.files import write_atomically
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm

PATIENCE_SECONDS = 30


@asynccontextmanager
async def started(app: ASGIApp) -> AsyncIterator[None]:
    """The application between start-up and shutdown, as a server would run it."""
    incoming: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    outgoing: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}}, incoming.get, outgoing.put))
    await incoming.put({"type": "lifespan.startup"})
    assert (await outgoing.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        assert (await outgoing.get())["type"] == "lifespan.shutdown.complete"
        await running


async def until(holds: Callable[[], Any]) -> None:
    """Wait for what must happen; only a failing test waits long."""
    for _ in range(PATIENCE_SECONDS * 100):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def test_a_policy_that_changes_takes_effect_and_a_broken_one_does_not(tmp_path: Path) -> None:
    house = House(tmp_path)
    file = tmp_path / "policies" / "main.yaml"

    async def granted() -> list[str]:
        answer = await call(house.app, "GET", "/token", query=b"scope=repository:new/x:pull")
        return house.granted(answer)

    async def problems() -> list[str]:
        answer = await call(house.app, "GET", "/readyz")
        found: list[str] = answer.json().get("problems", [])
        return found

    async with started(house.app):
        assert await granted() == []
        write_atomically(file, POLICY.replace("repository:public/**", "repository:new/**").encode(), 0o644)
        await until(granted)
        write_atomically(file, b"version: 1\nrules: [{}]\n", 0o644)
        await until(problems)
        assert await problems() == ["policies"]
        assert await granted() == ["repository:new/x:pull"]
        write_atomically(file, POLICY.encode(), 0o644)

        async def mended() -> bool:
            return not await problems() and not await granted()

        await until(mended)


async def test_a_thousand_clients_with_one_credential_cost_one_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, limits={"password_queue": 0})
    spy = spy_on(monkeypatch)
    with spy.held():
        crowd = [
            asyncio.ensure_future(call(house.app, "GET", "/token", headers=[basic("alice", ALICE)]))
            for _ in range(1000)
        ]
        await settle()
    assert {answer.status for answer in await asyncio.gather(*crowd)} == {200}
    assert spy.count == 1


def test_each_registry_gets_tokens_of_its_own_profile(tmp_path: Path) -> None:
    profiles = ("distribution", "distribution-jwks", "distribution-2-kid", "zot")
    house = House(tmp_path, [{"name": f"{name}.example.com", "profile": name} for name in profiles])
    kinds = []
    for name in profiles:
        answer = house.get(f"service={name}.example.com", [basic("bob", BOB)])
        head = answer.json()["token"].split(".")[0]
        kinds.append(json.loads(_decoded(head)))
    ring = keyfiles.load(tmp_path / "keys")
    assert ["x5c" in head for head in kinds] == [True, False, False, False]
    assert ":" in kinds[2]["kid"]
    assert kinds[3]["kid"] == ring.fixed[ZOT].key_id
    assert kinds[0]["kid"] == kinds[1]["kid"] == ring.leaves[0].key_id


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def test_files_of_accounts_are_asked_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text(f"alice:{bcrypt_of('from htpasswd')}\ncarol:{bcrypt_of('carol')}\n")
    both = [{"kind": "htpasswd", "file": "htpasswd"}, {"kind": "users", "file": "users.yaml"}]
    house = House(tmp_path, authenticators=both)
    for name, secret, status in (
        ("alice", "from htpasswd", 200),
        ("alice", ALICE, 401),
        ("bob", BOB, 200),
        ("carol", "carol", 200),
    ):
        assert house.get("", [basic(name, secret)]).status == status, name
    accounts = load_accounts(house.settings)
    assert accounts["alice"].groups == frozenset()
    assert accounts.keys() >= {"alice", "bob", "carol"}


def test_an_htpasswd_file_that_changes_takes_effect_at_once(tmp_path: Path) -> None:
    file = tmp_path / "htpasswd"
    file.write_text(f"alice:{bcrypt_of('old')}\n")
    house = House(tmp_path, authenticators=[{"kind": "htpasswd", "file": "htpasswd"}])
    assert house.get("", [basic("alice", "old")]).status == 200
    write_atomically(file, f"alice:{bcrypt_of('new')}\n".encode(), 0o600)
    assert house.get("", [basic("alice", "old")]).status == 401
    assert house.get("", [basic("alice", "new")]).status == 200
    write_atomically(file, b"alice:not-a-hash\n", 0o600)
    assert house.get("", [basic("alice", "new")]).status == 200


def test_without_authenticators_only_nobody_gets_in(tmp_path: Path) -> None:
    house = House(tmp_path, authenticators=[])
    assert house.get("scope=repository:public/x:pull").status == 200
    assert house.get("", [basic("alice", ALICE)]).status == 401


def test_no_token_outlives_the_account(tmp_path: Path) -> None:
    (tmp_path / "users.yaml").write_text(
        f"users:\n  alice:\n    password_hash: {bcrypt_of(ALICE)}\n    expires: '2027-01-15T08:02:01Z'\n"
    )
    house = House(tmp_path)
    for moment, expires_in in ((NOW, 120), (NOW + 60, 60)):
        house.now = moment
        answer = house.get(f"service={REGISTRY}", [basic("alice", ALICE)])
        assert (answer.status, json.loads(answer.body)["expires_in"]) == (200, expires_in)
    for moment in (NOW + 61, NOW + 121, NOW + 10_000):
        house.now = moment
        assert house.get(f"service={REGISTRY}", [basic("alice", ALICE)]).status == 401


BROKEN: list[tuple[str, Callable[[Path], object], str]] = [
    ("no users file", lambda folder: (folder / "users.yaml").unlink(), "users.yaml: cannot be read"),
    ("a bad users file", lambda folder: (folder / "users.yaml").write_text("x"), "users.yaml:1"),
    ("no policy", lambda folder: (folder / "policies" / "main.yaml").unlink(), "holds no policy files"),
    ("a bad policy", lambda folder: (folder / "policies" / "main.yaml").write_text("x: y"), "main.yaml:1"),
    ("no keys", lambda folder: (folder / "keys" / "keyring.json").unlink(), "holds no signing keys"),
    (
        "a bad key",
        lambda folder: next((folder / "keys").glob("leaf-*.key")).write_text("x"),
        "not an unencrypted PEM",
    ),
]


@pytest.mark.parametrize(("damage", "problem"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_service_does_not_start_on_what_it_could_not_run_with(
    tmp_path: Path, damage: Callable[[Path], object], problem: str
) -> None:
    House(tmp_path)
    damage(tmp_path)
    with pytest.raises(LoadError) as caught:
        _rebuild(tmp_path)
    assert problem in str(caught.value)


def _rebuild(folder: Path) -> None:
    """Build from the files as they are; `House` would write what is missing."""
    settings = {
        "issuer": ISSUER,
        "services": [{"name": REGISTRY}],
        "authenticators": [{"kind": "users", "file": "users.yaml"}],
        "audit": "audit.log",
    }
    build_token_service(build_settings(settings, Settings, folder))


@pytest.mark.parametrize("trusted", ["bundle.pem", "jwks.json"])
async def test_the_registry_takes_what_the_token_service_issues_and_follows_a_new_key_file(
    tmp_path: Path, trusted: str
) -> None:
    house = House(tmp_path)
    ring = keyfiles.load(tmp_path / "keys")
    file = tmp_path / trusted

    def publish() -> None:
        now = keyfiles.load(tmp_path / "keys")
        write_atomically(
            file, now.bundle(NOW) if trusted == "bundle.pem" else json.dumps(now.jwks(NOW)).encode(), 0o644
        )

    publish()
    settings = {
        "root": "images", "realm": f"{ISSUER}/token", "service": REGISTRY, "issuer": ISSUER, "keys_file": trusted,
        "audit": "registry.log",
    }  # fmt: skip
    registry = build_registry_app(build_settings(settings, RegistrySettings, tmp_path), clock=lambda: NOW)

    async def ping() -> int:
        answer = await call(house.app, "GET", "/token", headers=[basic("alice", ALICE)])
        bearer = ("authorization", f"Bearer {answer.json()['token']}")
        return (await call(registry, "GET", "/v2/", headers=[bearer])).status

    assert await ping() == 200
    keyfiles.rotate(tmp_path / "keys", Algorithm.ES256, NOW, publish_seconds=0, retire_seconds=1000)
    assert await ping() == 401  # the registry was not told of the new leaf yet
    publish()
    assert await ping() == 200
    assert (await call(registry, "GET", "/v2/")).status == 401
    forged = b64encode(ring.authority.subject.rfc4514_string().encode()).decode()
    assert (await call(registry, "GET", "/v2/", headers=[("authorization", f"Bearer {forged}")])).status == 401


def test_a_registry_does_not_start_without_keys_or_on_a_root_it_cannot_make(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ring = House(tmp_path)
    (tmp_path / "bundle.pem").write_bytes(keyfiles.load(ring.folder / "keys").bundle(NOW))
    good = {
        "root": "images",
        "realm": f"{ISSUER}/token",
        "service": REGISTRY,
        "issuer": ISSUER,
        "keys_file": "bundle.pem",
    }
    changes = [({"keys_file": "none.pem"}, "none.pem: cannot be read"), ({"root": "file/x"}, "cannot be made")]
    for change, problem in changes:
        with pytest.raises(LoadError, match=problem):
            build_registry_app(build_settings({**good, **change}, RegistrySettings, tmp_path))
