"""What no single client shows: which registry takes which token header, which algorithms, and a key rotation."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.interop import registries
from tests.interop.images import Image
from tests.interop.process import Daemon, free_port, wait_until
from tests.interop.registries import KINDS, REFERENCE, Registry
from tests.interop.site import ALICE, Site, header_of
from tests.interop.wire import Wire

pytestmark = pytest.mark.interop

SERVICE = "profiles.interop.test"


@dataclass
class Bed:
    """A token service with one audience, and registries that trust it; all of it ends with the test."""

    site: Site
    need: Callable[[bool, str], None]
    stack: ExitStack = field(default_factory=ExitStack)
    _service: Daemon | None = None

    def serve(self) -> None:
        """Starts the token service, or starts it again with another configuration."""
        if self._service:
            self._service.stop()
        self._service = self.stack.enter_context(self.site.start())

    def serve_with(self, profile: str) -> None:
        self.site = replace(self.site, profiles={SERVICE: profile})
        self.site.write_config()
        self.serve()

    def registry(self, name: str) -> Registry:
        kind = KINDS[name]
        self.need(not kind.missing(), kind.missing())
        registry = registries.start(kind, self.site, self.site.folder.parent / name, free_port(), SERVICE)
        self.stack.enter_context(registry.daemon)
        return registry

    def wire(self, registry: Registry) -> Wire:
        return self.site.wire(registry.host, SERVICE)


@pytest.fixture
def bed(tmp_path: Path, need: Callable[[bool, str], None]) -> Iterator[Callable[[str, str], Bed]]:
    with ExitStack() as stack:

        def make(profile: str, algorithm: str = "ES256") -> Bed:
            site = Site(tmp_path / "site", free_port(), {SERVICE: profile}, algorithm=algorithm)
            site.lay_out()
            made = Bed(site, need, stack)
            made.serve()
            return made

        yield make


def _takes_images(wire: Wire) -> bool:
    image, repository = Image.fresh(), f"team/{uuid.uuid4().hex[:12]}"
    wire.put(image, repository, "v1", ALICE)
    return wire.marker_arrived(image, repository, "v1", ALICE)


def _status(wire: Wire) -> int:
    """How the registry meets a token that is good for the base route."""
    return wire.status("/v2/", wire.token(ALICE))


@pytest.mark.parametrize(
    ("registry_name", "profile", "other_profile"),
    [
        ("distribution-3.1", "distribution-jwks", "distribution"),
        ("distribution-3.0", "distribution-jwks", "distribution"),
        ("distribution-2.8", "distribution-2-kid", "distribution-jwks"),
    ],
)
def test_a_registry_takes_its_profile_and_no_other(
    bed: Callable[[str], Bed], registry_name: str, profile: str, other_profile: str
) -> None:
    made = bed(profile)
    registry = made.registry(registry_name)
    assert _takes_images(made.wire(registry))
    made.serve_with(other_profile)
    assert _status(made.wire(registry)) == 401
    made.serve_with(profile)
    assert _status(made.wire(registry)) == 200


@pytest.mark.parametrize(
    ("algorithm", "registry_names"),
    [
        ("RS256", ("distribution-2.8", "distribution-3.0", "distribution-3.1", "reference")),
        ("ES384", ("distribution-2.8", "distribution-3.0", "distribution-3.1", "reference")),
        ("EdDSA", ("distribution-3.0", "distribution-3.1")),
    ],
)
def test_registries_take_the_other_algorithms(
    bed: Callable[[str, str], Bed], algorithm: str, registry_names: tuple[str, ...]
) -> None:
    made = bed("distribution", algorithm)
    for name in registry_names:
        wire = made.wire(made.registry(name))
        assert header_of(wire.token(ALICE))["alg"] == algorithm
        assert _takes_images(wire), name


def test_a_new_signing_key_needs_no_restart_of_the_registries(bed: Callable[[str], Bed]) -> None:
    made = bed("distribution")
    running = [made.registry(name) for name in ("distribution-2.8", "distribution-3.0", "distribution-3.1")]
    wires = [made.wire(registry) for registry in running]
    old_token = wires[0].token(ALICE)
    made.site.command("keys", "rotate", "--dir", "keys")
    wait_until(lambda: header_of(wires[0].token(ALICE))["x5c"] != header_of(old_token)["x5c"], "the new key signs")
    for wire in wires:
        assert _takes_images(wire)
        assert wire.status("/v2/", old_token) == 200


def test_the_reference_registry_follows_a_rotation_by_its_key_file(bed: Callable[[str], Bed]) -> None:
    made = bed("distribution")
    registry = made.registry(REFERENCE.name)
    wire = made.wire(registry)
    old_token = wire.token(ALICE)
    made.site.command("keys", "rotate", "--dir", "keys")
    trust = made.site.folder.parent / REFERENCE.name / "trust"
    made.site.command("keys", "export", "--dir", "keys", "--out", str(trust))
    wait_until(lambda: header_of(wire.token(ALICE))["kid"] != header_of(old_token)["kid"], "the new key signs")
    wait_until(lambda: _status(wire) == 200, "the registry read its key file again")
    assert _takes_images(wire)
    assert wire.status("/v2/", old_token) == 200
