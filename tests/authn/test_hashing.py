"""Slow hashes off the loop: one for a crowd, none for a while afterwards, and never more than fit.

Nothing here is timed: a spy counts comparisons and holds them back, and the cache reads a stopwatch of ours.
"""

import asyncio
import gc
import threading

import pytest

from tests.accounts.hashes import argon2_of, bcrypt_of
from tests.authn.conftest import FakeStopwatch, MakeVerifier
from tests.authn.spying import Spy, settle
from token_service.errors import OAuthError

STORED = bcrypt_of("right")


async def test_a_thousand_clients_with_one_credential_cost_one_hash(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier(queue=0)
    with spy.held():
        crowd = [asyncio.ensure_future(verifier.verify("ci", "right", STORED)) for _ in range(1000)]
        await settle()
    assert await asyncio.gather(*crowd) == [True] * 1000
    assert spy.count == 1


async def test_a_thousand_clients_with_one_wrong_password_cost_one_hash_at_a_time(
    make_verifier: MakeVerifier, spy: Spy
) -> None:
    verifier = make_verifier(queue=0)
    with spy.held():
        crowd = [asyncio.ensure_future(verifier.verify("ci", "wrong", STORED)) for _ in range(1000)]
        await settle()
    assert await asyncio.gather(*crowd) == [False] * 1000
    assert spy.count == 1
    assert await verifier.verify("ci", "wrong", STORED) is False
    assert spy.count == 2


async def test_a_verified_password_stays_verified_until_its_time_is_over(
    make_verifier: MakeVerifier, spy: Spy, stopwatch: FakeStopwatch
) -> None:
    verifier = make_verifier(cache_seconds=60)
    for now, count in ((1000.0, 1), (1000.0, 1), (1059.9, 1), (1060.0, 2), (1119.9, 2), (1120.0, 3)):
        stopwatch.now = now
        assert await verifier.verify("alice", "right", STORED)
        assert spy.count == count


async def test_use_does_not_prolong_the_life_of_a_verified_password(
    make_verifier: MakeVerifier, spy: Spy, stopwatch: FakeStopwatch
) -> None:
    verifier = make_verifier(cache_seconds=60)
    for second in range(0, 61, 10):
        stopwatch.now = 1000.0 + second
        await verifier.verify("alice", "right", STORED)
    assert spy.count == 2


async def test_failures_are_never_kept(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier()
    for count in (1, 2, 3):
        assert await verifier.verify("alice", "wrong", STORED) is False
        assert spy.count == count
    assert await verifier.verify("alice", "right", STORED) is True


async def test_a_changed_hash_is_compared_at_once(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier()
    assert await verifier.verify("alice", "right", STORED) is True
    assert await verifier.verify("alice", "right", argon2_of("new")) is False
    assert await verifier.verify("alice", "new", argon2_of("new")) is True
    assert await verifier.verify("alice", "right", bcrypt_of("right")) is True
    assert spy.count == 4


@pytest.mark.parametrize(
    ("name", "password"),
    [("bob", "right"), ("alic", "eright"), ("alicer", "ight"), ("", "aliceright"), ("alice", "r")],
)
async def test_what_is_verified_for_one_name_and_password_says_nothing_of_another(
    make_verifier: MakeVerifier, spy: Spy, name: str, password: str
) -> None:
    verifier = make_verifier()
    await verifier.verify("alice", "right", STORED)
    await verifier.verify(name, password, STORED)
    assert spy.count == 2


async def test_without_a_cache_every_login_is_compared(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier(cache_seconds=0)
    for count in (1, 2):
        await verifier.verify("alice", "right", STORED)
        assert spy.count == count


async def test_the_cache_forgets_the_one_that_was_not_used_for_longest(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier(cache_size=2)
    for name in ("a", "b", "a", "c"):  # b goes
        await verifier.verify(name, "right", STORED)
    assert spy.count == 3
    await verifier.verify("a", "right", STORED)
    await verifier.verify("c", "right", STORED)
    assert spy.count == 3
    await verifier.verify("b", "right", STORED)
    assert spy.count == 4


async def test_one_that_was_verified_anew_is_the_last_to_go(
    make_verifier: MakeVerifier, spy: Spy, stopwatch: FakeStopwatch
) -> None:
    verifier = make_verifier(cache_size=2, cache_seconds=60)
    await verifier.verify("a", "right", STORED)
    stopwatch.now += 30
    await verifier.verify("b", "right", STORED)
    stopwatch.now += 30  # a is over, b is not
    await verifier.verify("a", "right", STORED)
    await verifier.verify("c", "right", STORED)  # b goes
    assert spy.count == 4
    await verifier.verify("a", "right", STORED)
    assert spy.count == 4


async def test_the_cache_holds_no_password_name_or_hash(make_verifier: MakeVerifier) -> None:
    verifier = make_verifier()
    await verifier.verify("alice", "CANARY-password", argon2_of("CANARY-password"))
    assert len(verifier._verified) == 1
    assert all(text not in repr(vars(verifier)) for text in ("CANARY", "alice", "argon2"))


async def test_when_pool_and_queue_are_full_the_answer_is_429_at_once(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier(workers=1, queue=2)
    with spy.held():
        busy = [asyncio.ensure_future(verifier.verify(name, "right", STORED)) for name in "abc"]
        await settle()
        with pytest.raises(OAuthError) as caught:
            await verifier.verify("d", "right", STORED)
        assert (caught.value.status, caught.value.registry_code) == (429, "TOOMANYREQUESTS")
        assert caught.value.retry_after == 1
        joined = asyncio.ensure_future(verifier.verify("a", "right", STORED))  # costs nothing, so it may wait
        await settle()
    assert await asyncio.gather(*busy, joined) == [True] * 4
    assert await verifier.verify("d", "right", STORED) is True
    assert spy.count == 4


async def test_who_is_cached_gets_in_while_the_pool_is_full(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier(workers=1, queue=0)
    await verifier.verify("alice", "right", STORED)
    with spy.held():
        busy = asyncio.ensure_future(verifier.verify("mallory", "wrong", STORED))
        await settle()
        assert await verifier.verify("alice", "right", STORED) is True
    assert await busy is False


async def test_a_client_that_gives_up_fails_nobody_else(make_verifier: MakeVerifier, spy: Spy) -> None:
    verifier = make_verifier()
    with spy.held():
        first, second = (asyncio.ensure_future(verifier.verify("ci", "right", STORED)) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        assert first.cancelled()
        late = asyncio.ensure_future(verifier.verify("ci", "right", STORED))
        await settle()
    assert all(await asyncio.gather(second, late))
    assert spy.count == 1


async def test_a_hash_that_nobody_waits_for_any_more_still_counts_and_leaves_its_place(
    make_verifier: MakeVerifier, spy: Spy
) -> None:
    verifier = make_verifier(workers=1, queue=0)
    with spy.held():
        only = asyncio.ensure_future(verifier.verify("ci", "right", STORED))
        await settle()
        only.cancel()
        await settle()
        with pytest.raises(OAuthError, match="429"):  # it still takes the one place there is
            await verifier.verify("alice", "right", STORED)
        flight = next(iter(verifier._waiting.values()))
    assert await flight is True
    assert await verifier.verify("ci", "right", STORED) is True
    assert spy.count == 1
    gc.collect()  # a result that nobody fetched would warn here


async def test_hashes_run_beside_the_loop_and_at_most_as_many_as_there_are_workers(
    make_verifier: MakeVerifier, spy: Spy
) -> None:
    verifier = make_verifier(workers=2)
    with spy.held():
        tasks = [asyncio.ensure_future(verifier.verify(name, "right", STORED)) for name in "abcdef"]
        await settle()
        assert spy.count <= 2
        assert threading.current_thread() not in spy.threads
    assert await asyncio.gather(*tasks) == [True] * 6
    assert spy.count == 6


async def test_odd_texts_are_wrong_passwords(make_verifier: MakeVerifier) -> None:
    verifier = make_verifier()
    for odd in ("", "\0", "\ud800", "right\0", "x" * 10_000):
        assert await verifier.verify(odd, odd, STORED) is False
