"""Drivers of the real clients, all with one protocol."""

from tests.interop.clients.base import Bench, Capability, Client
from tests.interop.clients.crane import Crane
from tests.interop.clients.ctr import Ctr
from tests.interop.clients.docker import Docker
from tests.interop.clients.oras import Oras
from tests.interop.clients.podman import Podman
from tests.interop.clients.skopeo import Skopeo

CLIENTS: dict[str, type[Client]] = {client.title: client for client in (Docker, Podman, Skopeo, Ctr, Crane, Oras)}

# dockerd and containerd mount, and podman's storage without root is another matter.
ROOT_ONLY = frozenset({"docker", "podman", "ctr"})

__all__ = ["Bench", "CLIENTS", "Capability", "Client", "ROOT_ONLY"]
