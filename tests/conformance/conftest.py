"""A token service and the reference registry, started as an operator starts them."""

from collections.abc import Callable, Iterator

import pytest

from tests.interop import registries
from tests.interop.process import free_port
from tests.interop.registries import REFERENCE, Registry
from tests.interop.site import Site

_SERVICE = "registry.conformance.test"


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("conformance")
    site = Site(folder / "site", free_port(), {_SERVICE: "distribution"})
    site.lay_out()
    with site.start():
        started = registries.start(REFERENCE, site, folder / "registry", free_port(), _SERVICE)
        with started.daemon:
            yield started


@pytest.fixture
def need_part(need: Callable[[bool, str], None]) -> Callable[[str], None]:
    """`need_part(tool.missing())`: skips, or fails in CI, when a program is missing."""

    def check(missing: str) -> None:
        need(not missing, missing)

    return check
