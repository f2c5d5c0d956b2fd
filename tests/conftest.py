"""Fixtures that more than one folder uses. A fixture that only one file needs lives in that file."""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

IN_CI = os.environ.get("CI") == "true"


@pytest.fixture
def need() -> Callable[[bool, str], None]:
    """`need(condition, reason)`: skip where a part is missing, but fail in CI, where every part must be there."""

    def check(present: bool, reason: str) -> None:
        if present:
            return
        if IN_CI:
            pytest.fail(f"missing in CI: {reason}")
        pytest.skip(reason)

    return check
