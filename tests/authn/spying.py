"""A spy on the slow comparison of passwords: it does the work, remembers it, and can be made to wait."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from token_service.accounts.passwords import matches
from token_service.authn import hashing

PATIENCE_SECONDS = 30.0
"""How long a comparison waits for its release. Only a failing test ever waits so long."""


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class Spy:
    """Every comparison since the start, as (password, stored hash)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.threads: set[threading.Thread] = set()
        self._gate = threading.Event()
        self._gate.set()

    def __call__(self, password: str, stored: str) -> bool:
        self.seen.append((password, stored))
        self.threads.add(threading.current_thread())
        assert self._gate.wait(PATIENCE_SECONDS)
        return matches(password, stored)

    @property
    def count(self) -> int:
        return len(self.seen)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Comparisons that begin meanwhile do not end before the block does."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()


def spy_on(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy()
    monkeypatch.setattr(hashing, "matches", spy)
    return spy
