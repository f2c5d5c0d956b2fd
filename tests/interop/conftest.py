"""Shared fixtures of the interop suite, and the hook that writes the matrix after a full run."""

from collections.abc import Callable, Iterator

import pytest

from tests.interop import matrix
from tests.interop.clients import CLIENTS, ROOT_ONLY
from tests.interop.grounds import Grounds, service_of
from tests.interop.process import free_port
from tests.interop.registries import KINDS
from tests.interop.site import Site
from tests.interop.world import is_root


@pytest.fixture(scope="session")
def http_grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    """Everything over plain http on localhost."""
    folder = tmp_path_factory.mktemp("http")
    profiles = {service_of(name): "distribution" for name in KINDS}
    grounds = Grounds(folder, Site(folder / "site", free_port(), profiles))
    try:
        grounds.open()
        yield grounds
    finally:
        grounds.close()


@pytest.fixture
def need_parts(need: Callable[[bool, str], None]) -> Callable[[matrix.Cell], None]:
    """Skips, or fails in CI, when a program of this cell is missing."""

    def check(cell: matrix.Cell) -> None:
        for part in (KINDS[cell.registry], *CLIENTS[cell.client].tools):
            missing = part.missing()
            need(not missing, missing)
        need(is_root() or cell.client not in ROOT_ONLY, f"only root can run {cell.client} here")

    return check


class MatrixWriter:
    """Collects the cells' outcomes and writes the matrix when none is missing."""

    def __init__(self) -> None:
        self._results: dict[matrix.Cell, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == matrix.PROPERTY and not report.skipped:
                cell = matrix.Cell(*str(value).split("|"))
                self._results[cell] = self._results.get(cell, True) and report.passed

    def pytest_sessionfinish(self) -> None:
        if self._results.keys() == matrix.ALL_CELLS:
            matrix.write(self._results)


def pytest_configure(config: pytest.Config) -> None:
    # Under xdist only the controller sees all the reports.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(MatrixWriter(), "interop-matrix")
