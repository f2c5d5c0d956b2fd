"""Every client with every registry over TLS, certificates from a private CA, the token service behind the same CA."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.interop import matrix
from tests.interop.certificates import make_tls
from tests.interop.clients import Capability, Client
from tests.interop.grounds import Grounds, service_of
from tests.interop.images import Image
from tests.interop.process import free_port
from tests.interop.registries import KINDS, Registry
from tests.interop.site import ALICE, BOB, Site
from tests.interop.tools import CRANE, IP
from tests.interop.world import ADDRESS, NAME, STRANGER, World, is_root, world

pytestmark = pytest.mark.interop


@dataclass(frozen=True)
class TlsGrounds:
    """The grounds in their world, and a CA that has nothing to do with them."""

    grounds: Grounds
    world: World
    authority: Path
    other_authority: Path


@pytest.fixture(scope="module")
def tls_grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsGrounds]:
    folder = tmp_path_factory.mktemp("tls")
    tls = make_tls(folder / "certificates", [NAME, STRANGER])
    other = make_tls(folder / "others", [NAME, STRANGER])
    profiles = {service_of(name): "distribution" for name in KINDS}
    with world(folder / "world") as made:
        site = Site(folder / "site", free_port(), profiles, host=NAME, bind=ADDRESS, tls=tls, place=made.place)
        grounds = Grounds(folder, site)
        try:
            grounds.open()
            yield TlsGrounds(grounds, made, tls.authority, other.authority)
        finally:
            grounds.close()


@dataclass(frozen=True)
class Scene:
    """One client before one registry; `helper` is a crane that does what is not under test."""

    client: Client
    stranger: Client
    helper: Client
    image: Image
    reference: str


def logs_in(scene: Scene) -> None:
    outcome = scene.client.login(ALICE)
    assert outcome.ok, outcome.output
    assert scene.helper.push(scene.image, scene.reference).ok
    assert scene.client.pull(scene.reference).ok


def pushes(scene: Scene) -> None:
    scene.client.login(ALICE)
    outcome = scene.client.push(scene.image, scene.reference)
    assert outcome.ok, outcome.output
    arrived = scene.helper.pull(scene.reference)
    assert arrived.ok, arrived.output


def pulls(scene: Scene) -> None:
    assert scene.helper.push(scene.image, scene.reference).ok
    scene.client.login(BOB)
    outcome = scene.client.pull(scene.reference)
    assert outcome.ok, outcome.output
    assert scene.image.seen_in(outcome.output), outcome.output


def refuses_an_unknown_authority(scene: Scene) -> None:
    assert scene.helper.push(scene.image, scene.reference).ok
    outcome = scene.stranger.pull(scene.reference)
    assert not outcome.ok, outcome.output
    assert "certificate signed by unknown authority" in outcome.output, outcome.output


CHECKS: dict[str, Callable[[Scene], None]] = {
    Capability.LOGIN: logs_in,
    Capability.PUSH: pushes,
    Capability.PULL: pulls,
    matrix.UNKNOWN_AUTHORITY: refuses_an_unknown_authority,
}


@pytest.mark.parametrize("cell", matrix.TLS_CELLS, ids=str)
def test_cell(
    cell: matrix.Cell,
    request: pytest.FixtureRequest,
    need: Callable[[bool, str], None],
    need_parts: Callable[[matrix.Cell], None],
    record_property: Callable[[str, object], None],
) -> None:
    need_parts(cell)
    need(is_root(), "only root can make the network namespace that TLS is tried in")
    for part in (IP, CRANE):
        need(not part.missing(), part.missing())
    matrix.record(cell, record_property)
    CHECKS[cell.column](_scene(request.getfixturevalue("tls_grounds"), cell))


def _scene(around: TlsGrounds, cell: matrix.Cell) -> Scene:
    grounds = around.grounds
    registry = grounds.registry(cell.registry)
    around.world.let_docker_trust(registry.host, around.authority)
    helper = grounds.client("crane", registry)
    helper.login(ALICE)
    return Scene(
        client=grounds.client(cell.client, registry),
        stranger=grounds.client(cell.client, _as_stranger(registry), around.other_authority),
        helper=helper,
        image=Image.fresh(),
        reference=f"team/{uuid.uuid4().hex[:12]}:v1",
    )


def _as_stranger(registry: Registry) -> Registry:
    return replace(registry, host=registry.host.replace(NAME, STRANGER))
