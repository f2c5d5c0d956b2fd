"""Policies are exchanged under load: no request fails, none sees half a policy, and a broken one changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.server.house import ALICE, House, basic, call
from token_service.app import build_token_service
from token_service.files import write_atomically

ONE, OTHER = "repository:one/x:pull", "repository:other/x:pull"
BROKEN = b"version: 1\nrules:\n  - {id: x, alow: [pull]}\n"


def policy(name: str) -> bytes:
    rule = f"{{id: r, allow: [pull], principals: [anyone], resources: ['repository:{name}/**']}}"
    return f"version: 1\nrules:\n  - {rule}\n".encode()


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - what is waited for comes by HTTP
            await asyncio.sleep(0.02)


class Load:
    """Clients that ask for both repositories, again and again. Each answer must grant exactly one of them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.latest = ""
        self.answers = 0
        self.stop = asyncio.Event()

    async def run(self) -> None:
        query = f"scope={ONE}&scope={OTHER}".encode()
        while not self.stop.is_set():
            answer = await call(self.house.app, "GET", "/token", query=query, headers=[basic("alice", ALICE)])
            (self.latest,) = self.house.granted(answer)
            self.answers += 1
            await asyncio.sleep(0.005)

    async def grants(self, scope: str) -> bool:
        return self.latest == scope

    async def is_ready(self) -> bool:
        return (await call(self.house.app, "GET", "/readyz")).status == 200

    async def is_not_ready(self) -> bool:
        return not await self.is_ready()


async def test_a_reload_under_load_fails_no_request_and_shows_no_half_policy(tmp_path: Path) -> None:
    house = House(tmp_path)
    file = house.folder / "policies" / "main.yaml"
    for path in file.parent.iterdir():
        path.unlink()
    write_atomically(file, policy("one"), 0o644)
    house.app = build_token_service(house.settings, clock=lambda: house.now)
    load = Load(house)
    async with house.app.rest.router.lifespan_context(house.app.rest):
        workers = [asyncio.create_task(load.run()) for _ in range(4)]
        for _ in range(3):
            write_atomically(file, policy("other"), 0o644)
            await wait_until(lambda: load.grants(OTHER))
            write_atomically(file, BROKEN, 0o644)
            await wait_until(load.is_not_ready)
            assert await load.grants(OTHER)
            write_atomically(file, policy("one"), 0o644)
            await wait_until(lambda: load.grants(ONE))
            assert await load.is_ready()
        load.stop.set()
        await asyncio.gather(*workers)
    assert load.answers > 50
