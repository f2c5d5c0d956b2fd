"""Every client with every registry over plain http: what the policy allows works, all else is refused."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.interop import matrix
from tests.interop.clients import Capability, Client
from tests.interop.grounds import Grounds
from tests.interop.images import Image
from tests.interop.process import wait_until
from tests.interop.registries import Registry
from tests.interop.site import ALICE, BOB
from tests.interop.wire import Account, Wire

# The registry may write its line after the client has its answer.
LOG_SECONDS = 5.0

pytestmark = pytest.mark.interop


@dataclass(frozen=True)
class Scene:
    """One client before one registry, with a fresh image and repository names that nobody has used."""

    client: Client
    registry: Registry
    wire: Wire
    image: Image
    name: str

    def seed(self, repository: str) -> str:
        """Puts the image into the registry; gives its reference."""
        self.wire.put(self.image, repository, "v1", ALICE)
        return f"{repository}:v1"


def logs_in(scene: Scene) -> None:
    outcome = scene.client.login(ALICE)
    assert outcome.ok, outcome.output
    # crane's login asks nobody, so what it is good for counts.
    pulled = scene.client.pull(scene.seed(f"private/{scene.name}"))
    assert pulled.ok, pulled.output


def pushes(scene: Scene) -> None:
    scene.client.login(ALICE)
    outcome = scene.client.push(scene.image, f"team/{scene.name}:v1")
    assert outcome.ok, outcome.output
    assert scene.wire.marker_arrived(scene.image, f"team/{scene.name}", "v1", ALICE)


def pulls(scene: Scene) -> None:
    reference = scene.seed(f"team/{scene.name}")
    scene.client.login(BOB)
    outcome = scene.client.pull(reference)
    assert outcome.ok, outcome.output
    assert scene.image.seen_in(outcome.output), outcome.output


def mounts(scene: Scene) -> None:
    source = scene.seed(f"team/{scene.name}")
    target = f"team/{scene.name}-mounted"
    scene.client.login(ALICE)
    outcome = scene.client.mount(source, f"{target}:v1")
    assert outcome.ok, outcome.output
    wait_until(lambda: scene.registry.mounted(target), f"the log tells of the mount:\n{outcome.output}", LOG_SECONDS)
    assert scene.wire.marker_arrived(scene.image, target, "v1", ALICE)


def lists_tags(scene: Scene) -> None:
    scene.seed(f"team/{scene.name}")
    scene.wire.put(scene.image, f"team/{scene.name}", "another-tag", ALICE)
    scene.client.login(BOB)
    outcome = scene.client.tags(f"team/{scene.name}")
    assert outcome.ok, outcome.output
    assert {"v1", "another-tag"} <= set(outcome.output.replace('"', " ").replace(",", " ").split())


def is_refused_a_push(scene: Scene) -> None:
    scene.client.login(BOB)
    outcome = scene.client.push(scene.image, f"team/{scene.name}:v1")
    assert not outcome.ok, outcome.output
    assert _tells_of_refusal(outcome.output), outcome.output
    assert not scene.wire.marker_arrived(scene.image, f"team/{scene.name}", "v1", ALICE)


def is_refused_a_pull(scene: Scene) -> None:
    reference = scene.seed(f"private/{scene.name}")
    scene.client.login(BOB)
    outcome = scene.client.pull(reference)
    assert not outcome.ok, outcome.output
    assert _tells_of_refusal(outcome.output), outcome.output
    assert not scene.image.seen_in(outcome.output), outcome.output


def pulls_anonymously(scene: Scene) -> None:
    public, closed = scene.seed(f"public/{scene.name}"), scene.seed(f"team/{scene.name}")
    refused = scene.client.pull(closed)
    assert not refused.ok, refused.output
    assert _tells_of_refusal(refused.output), refused.output
    outcome = scene.client.pull(public)
    assert outcome.ok, outcome.output
    assert scene.image.seen_in(outcome.output), outcome.output


def is_told_of_a_wrong_password(scene: Scene) -> None:
    wrong = Account(ALICE.name, "not the password")
    reference = scene.seed(f"public/{scene.name}")
    outcome = scene.client.wrong_password(wrong, reference)
    assert not outcome.ok, outcome.output
    complaint = scene.client.complaint.format(message=scene.wire.refusal_message(wrong))
    assert complaint in outcome.output, outcome.output


CHECKS: dict[Capability, Callable[[Scene], None]] = {
    Capability.LOGIN: logs_in,
    Capability.PUSH: pushes,
    Capability.PULL: pulls,
    Capability.MOUNT: mounts,
    Capability.TAGS: lists_tags,
    Capability.PUSH_REFUSED: is_refused_a_push,
    Capability.PULL_REFUSED: is_refused_a_pull,
    Capability.ANONYMOUS_PULL: pulls_anonymously,
    Capability.WRONG_PASSWORD: is_told_of_a_wrong_password,
}


@pytest.mark.parametrize("cell", matrix.HTTP_CELLS, ids=str)
def test_cell(
    cell: matrix.Cell,
    request: pytest.FixtureRequest,
    need_parts: Callable[[matrix.Cell], None],
    record_property: Callable[[str, object], None],
) -> None:
    need_parts(cell)
    matrix.record(cell, record_property)
    grounds: Grounds = request.getfixturevalue("http_grounds")
    registry = grounds.registry(cell.registry)
    scene = Scene(
        client=grounds.client(cell.client, registry),
        registry=registry,
        wire=grounds.wire(registry),
        image=Image.fresh(),
        name=uuid.uuid4().hex[:12],
    )
    CHECKS[Capability(cell.column)](scene)


def _tells_of_refusal(output: str) -> bool:
    """Each client has its own words; none may take the refusal for a broken server or a missing image."""
    words = ("denied", "unauthorized", "authentication required", "insufficient_scope")
    return any(word in output.lower() for word in words)
