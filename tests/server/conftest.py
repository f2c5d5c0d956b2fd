"""A token service for the tests of a file to ask, and one for each test that changes it."""

from pathlib import Path

import pytest

from tests.server.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One registry; anonymous allowed. Shared by the tests of a module, which only ask it."""
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture
def own_house(tmp_path: Path) -> House:
    """The same, for a test that moves its clock or changes its files."""
    return House(tmp_path)
