"""The only module that reads the clock. Everything else is given a `Clock`, so that tests can move time."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Seconds since 1970-01-01 UTC, as JWT's NumericDate counts them (RFC 7519 section 2)."""

Stopwatch = Callable[[], float]
"""Seconds on a clock that never jumps, for lifetimes of caches and deadlines."""


def system_clock() -> int:
    return int(time.time())


def system_stopwatch() -> float:
    return time.monotonic()
