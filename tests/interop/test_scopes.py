"""Scopes of a shape that only some clients ask for: `*`, the catalogue, a mount from what the user may not read."""

import uuid
from collections.abc import Callable

import pytest

from tests.interop.clients.crane import Crane
from tests.interop.clients.docker import Docker
from tests.interop.clients.podman import Podman
from tests.interop.clients.skopeo import Skopeo
from tests.interop.grounds import Grounds
from tests.interop.images import Image
from tests.interop.matrix import HTTP, Cell
from tests.interop.process import events_in
from tests.interop.registries import KINDS
from tests.interop.site import ALICE, BOB

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("registry_name", KINDS)]


@pytest.fixture
def name() -> str:
    """A repository's last component that nobody has used."""
    return uuid.uuid4().hex[:12]


@pytest.fixture
def grounds(
    registry_name: str, request: pytest.FixtureRequest, need_parts: Callable[[Cell], None]
) -> Callable[[str], Grounds]:
    def for_client(client: str) -> Grounds:
        need_parts(Cell(HTTP, registry_name, client, ""))
        started: Grounds = request.getfixturevalue("http_grounds")
        return started

    return for_client


def test_a_delete_needs_the_right_to_delete(registry_name: str, name: str, grounds: Callable[[str], Grounds]) -> None:
    around = grounds(Skopeo.title)
    registry = around.registry(registry_name)
    wire, image = around.wire(registry), Image.fresh()
    wire.put(image, f"team/{name}", "v1", ALICE)
    bob, alice = around.client(Skopeo.title, registry), around.client(Skopeo.title, registry)
    assert isinstance(bob, Skopeo)
    assert isinstance(alice, Skopeo)
    bob.login(BOB)
    refused = bob.delete(f"team/{name}:v1")
    assert not refused.ok, refused.output
    assert wire.marker_arrived(image, f"team/{name}", "v1", ALICE)
    alice.login(ALICE)
    done = alice.delete(f"team/{name}:v1")
    assert done.ok, done.output
    assert not wire.marker_arrived(image, f"team/{name}", "v1", ALICE)


def test_the_catalogue_is_for_those_whom_a_rule_lets_see_it(
    registry_name: str, name: str, grounds: Callable[[str], Grounds]
) -> None:
    around = grounds(Crane.title)
    registry = around.registry(registry_name)
    around.wire(registry).put(Image.fresh(), f"team/{name}", "v1", ALICE)
    bob, alice = around.client(Crane.title, registry), around.client(Crane.title, registry)
    assert isinstance(bob, Crane)
    assert isinstance(alice, Crane)
    bob.login(BOB)
    refused = bob.catalog()
    assert not refused.ok, refused.output
    assert name not in refused.output
    alice.login(ALICE)
    listed = alice.catalog()
    assert listed.ok, listed.output
    assert f"team/{name}" in listed.output.split()


@pytest.mark.parametrize("client_name", [Docker.title, Podman.title])
def test_a_layer_from_a_closed_repository_is_uploaded_and_not_mounted(
    registry_name: str, client_name: str, name: str, grounds: Callable[[str], Grounds]
) -> None:
    """The client remembers where it has the layer from and asks for `pull` there, too: that part is not granted."""
    around = grounds(client_name)
    registry = around.registry(registry_name)
    wire, image = around.wire(registry), Image.fresh()
    wire.put(image, f"private/{name}", "v1", ALICE)
    client = around.client(client_name, registry)
    assert isinstance(client, Docker | Podman)
    client.login(ALICE)
    assert client.pull(f"private/{name}:v1").ok
    client.login(BOB)
    pushed = client.push_pulled(f"private/{name}:v1", f"bob/{name}:v1")
    assert pushed.ok, pushed.output
    assert wire.marker_arrived(image, f"bob/{name}", "v1", BOB)
    own, closed = f"repository:bob/{name}:pull,push", f"repository:private/{name}:pull"
    answered = {"subject": "bob", "requested": [own, closed], "granted": [own]}
    assert any(answered.items() <= event.items() for event in events_in(around.site.log))
    assert not registry.mounted(f"bob/{name}")
