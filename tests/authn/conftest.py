"""What all tests of authenticators use: a spy on comparisons, a stopwatch that stands, and a verifier."""

from collections.abc import Callable, Iterator

import pytest

from tests.authn.spying import Spy, spy_on
from token_service.authn.hashing import PasswordVerifier


class FakeStopwatch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


MakeVerifier = Callable[..., PasswordVerifier]


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    return spy_on(monkeypatch)


@pytest.fixture
def stopwatch() -> FakeStopwatch:
    return FakeStopwatch()


@pytest.fixture
def make_verifier(spy: Spy, stopwatch: FakeStopwatch) -> Iterator[MakeVerifier]:
    made: list[PasswordVerifier] = []

    def make(workers: int = 1, queue: int = 1000, cache_seconds: int = 60, cache_size: int = 100) -> PasswordVerifier:
        made.append(
            PasswordVerifier(
                workers=workers,
                queue=queue,
                cache_seconds=cache_seconds,
                cache_size=cache_size,
                stopwatch=stopwatch,
            )
        )
        return made[-1]

    yield make
    for verifier in made:
        verifier.close()
