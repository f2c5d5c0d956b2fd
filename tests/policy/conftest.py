"""For all tests of policies."""

import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def _cold_caches() -> None:
    """Mutation testing runs the tests again and again from one process: what was remembered would hide changes."""
    for name, module in list(sys.modules.items()):
        if name.startswith("token_service.policy"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
