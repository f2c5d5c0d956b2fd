"""Slow password hashes, kept off the event loop, bounded, and computed once for a crowd.

* A bounded pool: as many threads as cores less one, and a queue with an end. Beyond it the answer is 429 at once,
  because a login that waits for seconds has been given up by its client.
* Single flight: a thousand nodes that log in at one instant with one credential cost one hash.
* A cache of verified credentials (at most 60 s): its key is a keyed hash over name, secret and stored hash, so it
  holds no password, and a changed password or file line misses it. Failures are never cached.
"""

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from token_service.accounts.passwords import matches
from token_service.clock import Stopwatch
from token_service.errors import too_busy


class PasswordVerifier:
    """`verify` for passwords against stored hashes. `stopwatch` times the cache; lifetimes are in seconds."""

    def __init__(
        self, *, workers: int, queue: int, cache_seconds: int, cache_size: int, stopwatch: Stopwatch
    ) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._limit = workers + queue
        self._waiting: dict[bytes, asyncio.Future[bool]] = {}
        self._verified: OrderedDict[bytes, float] = OrderedDict()
        self._cache_seconds = cache_seconds
        self._cache_size = cache_size
        self._stopwatch = stopwatch
        self._secret = os.urandom(32)

    async def verify(self, name: str, password: str, stored: str) -> bool:
        """Whether `password` is right. Raises OAuthError (429) when the pool and its queue are full."""
        key = self._key(name, password, stored)
        ends = self._verified.get(key)
        if ends is not None and self._stopwatch() < ends:
            self._verified.move_to_end(key)
            return True
        flight = self._waiting.get(key)
        if flight is None:
            flight = self._start(key, password, stored)
        # Shielded, so that one client's disconnect does not fail the others that wait for the same hash.
        return await asyncio.shield(flight)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, key: bytes, password: str, stored: str) -> asyncio.Future[bool]:
        if len(self._waiting) >= self._limit:
            raise too_busy("too many logins at once, try again", retry_after=1)
        flight = asyncio.get_running_loop().run_in_executor(self._pool, matches, password, stored)
        self._waiting[key] = flight
        flight.add_done_callback(lambda done: self._finish(key, done))
        return flight

    def _finish(self, key: bytes, flight: asyncio.Future[bool]) -> None:
        del self._waiting[key]
        if not flight.cancelled() and flight.exception() is None and flight.result() and self._cache_seconds:
            self._verified[key] = self._stopwatch() + self._cache_seconds
            self._verified.move_to_end(key)
            if len(self._verified) > self._cache_size:
                self._verified.popitem(last=False)

    def _key(self, name: str, password: str, stored: str) -> bytes:
        """Length-prefixed parts under a key of this process: no two triples share a digest by concatenation."""
        digest = hmac.new(self._secret, digestmod=hashlib.sha256)
        for part in (name, password, stored):
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.digest()
