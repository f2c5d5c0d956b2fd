"""A small world for TLS: a network namespace with an address beside loopback, its own names and its own trust.

dockerd never verifies a certificate on loopback, so TLS needs another address. Network and mount namespace hang on
one process and vanish with it: no veth pair, no entry in the machine's /etc/hosts, nothing to clean up.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.interop.process import Daemon, Place, plain_environment

ADDRESS = "10.77.0.1"
NAME = "registry.interop.test"
# The same servers under a name for which no client is told to trust anything.
STRANGER = "stranger.interop.test"

_SETUP = """\
set -eu
ip link set lo up
ip address add "$ADDRESS/32" dev lo
mount --bind "$FOLDER/hosts" /etc/hosts
mkdir -p /etc/docker
mount --bind "$FOLDER/docker" /etc/docker
echo ready
exec sleep infinity
"""


@dataclass(frozen=True)
class World:
    """Namespaces in which programs run by way of `place`."""

    place: Place
    folder: Path

    def let_docker_trust(self, host: str, authority: Path) -> None:
        """Tells every dockerd in here to trust this CA for that registry (and for its token service)."""
        trust = self.folder / "docker" / "certs.d" / host
        trust.mkdir(parents=True, exist_ok=True)
        (trust / "ca.crt").write_bytes(authority.read_bytes())


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Makes the world, and ends it with everything in it that is still there."""
    (folder / "docker").mkdir(parents=True)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {NAME} {STRANGER}\n")
    log = folder / "world.log"
    environment = plain_environment(folder, ADDRESS=ADDRESS, FOLDER=str(folder))
    with Daemon(["unshare", "--net", "--mount", "sh", "-c", _SETUP], log=log, env=environment) as holder:
        holder.wait_for(lambda: "ready" in log.read_text(), "the namespaces are set up")
        yield World(Place(("nsenter", "--target", str(holder.pid), "--net", "--mount", "--")), folder)


def is_root() -> bool:
    """Whether this process may make namespaces and mount."""
    return os.geteuid() == 0
