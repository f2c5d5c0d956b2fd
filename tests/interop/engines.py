"""dockerd and containerd, started by hand in a mount namespace of their own: their mounts vanish with them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.process import HERE, Daemon, Place, plain_environment
from tests.interop.tools import CONTAINERD, CTR, DOCKER, DOCKERD

_OWN_MOUNTS = ("unshare", "--mount")


@contextmanager
def dockerd(folder: Path, place: Place = HERE) -> Iterator[Path]:
    """A running dockerd; gives its socket. It starts a containerd for itself."""
    folder.mkdir(parents=True)
    with short_folder() as run:
        socket = run / "docker.sock"
        (folder / "daemon.json").write_text("{}")
        command: list[str | Path] = [
            *(*_OWN_MOUNTS, DOCKERD.path, "--config-file", folder / "daemon.json", "--host", f"unix://{socket}"),
            *("--data-root", folder / "data", "--exec-root", run / "exec", "--pidfile", run / "docker.pid"),
            *("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"),
        ]
        env = plain_environment(folder)
        with Daemon(command, log=folder / "dockerd.log", env=env, place=place) as daemon:
            asking = plain_environment(folder, DOCKER_HOST=f"unix://{socket}")
            daemon.wait_for(lambda: HERE.run([DOCKER.path, "version"], env=asking).ok, "dockerd answers")
            yield socket


@contextmanager
def containerd(folder: Path, place: Place = HERE) -> Iterator[Path]:
    """A running containerd; gives its socket."""
    folder.mkdir(parents=True)
    with short_folder() as run:
        socket = run / "containerd.sock"
        # The CRI plugin would want to set up networking; ctr does not need it.
        (folder / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        command: list[str | Path] = [
            *(*_OWN_MOUNTS, CONTAINERD.path, "--config", folder / "config.toml", "--address", socket),
            *("--root", folder / "root", "--state", run / "state"),
        ]
        env = plain_environment(folder)
        with Daemon(command, log=folder / "containerd.log", env=env, place=place) as daemon:
            asking: list[str | Path] = [CTR.path, "--address", socket, "--timeout", "1s", "version"]
            daemon.wait_for(lambda: HERE.run(asking, env=env).ok, "containerd answers")
            yield socket


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short name: a socket's may have 107 bytes, podman's runroot 50; pytest's own are longer."""
    folder = Path(tempfile.mkdtemp(prefix="interop-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
