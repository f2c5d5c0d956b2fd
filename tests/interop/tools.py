"""Where the real programs are: Debian packages by path, Go programs in a cache outside the tree, keyed by version.

Imports nothing outside the standard library, so that other suites and a bare interpreter can use it.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


def tools_folder() -> Path:
    """The cache that holds the Go programs, one folder per name and version."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "token-service" / "tools"


@dataclass(frozen=True)
class GoTool:
    """A program built by `go install MODULE@TAG`."""

    name: str
    version: str
    module: str
    program: str
    tag: str = ""

    @property
    def path(self) -> Path:
        return tools_folder() / f"{self.name}-{self.version}" / self.program

    @property
    def source(self) -> str:
        return f"{self.module}@{self.tag or 'v' + self.version}"

    def missing(self) -> str:
        """Why the program cannot be used, or nothing."""
        return "" if os.access(self.path, os.X_OK) else f"{self.path} is missing: run python -m tests.interop.install"

    def shown_version(self) -> str:
        return self.version


@dataclass(frozen=True)
class AptTool:
    """A program that a Debian package brings."""

    package: str
    program: str
    version_args: tuple[str, ...] = ("--version",)

    @property
    def path(self) -> Path:
        # Debian's own first: an image may carry another docker CLI in /usr/local/bin, and the matrix names versions.
        for folder in ("/usr/bin", "/usr/sbin", "/sbin", "/bin"):
            if os.access(f"{folder}/{self.program}", os.X_OK):
                return Path(folder) / self.program
        return Path(shutil.which(self.program) or f"/usr/bin/{self.program}")

    def missing(self) -> str:
        """Why the program cannot be used, or nothing."""
        if os.access(self.path, os.X_OK):
            return ""
        return f"{self.program} is missing (Debian package {self.package}): run python -m tests.interop.install"

    def shown_version(self) -> str:
        """The upstream version: Debian's revision changes with every security update and says nothing here."""
        said = subprocess.run([self.path, *self.version_args], capture_output=True, text=True, check=True, timeout=20)
        found = re.search(r"\d+\.\d+\.\d+", said.stdout)
        return found.group() if found else said.stdout.strip()


_DISTRIBUTION = "github.com/distribution/distribution/v3/cmd/registry"

DISTRIBUTION_2_8 = AptTool("docker-registry", "docker-registry")
DISTRIBUTION_3_0 = GoTool("distribution", "3.0.0", _DISTRIBUTION, "registry")
DISTRIBUTION_3_1 = GoTool("distribution", "3.1.1", _DISTRIBUTION, "registry")

SKOPEO = AptTool("skopeo", "skopeo")
PODMAN = AptTool("podman", "podman")
DOCKER = AptTool("docker.io", "docker")
DOCKERD = AptTool("docker.io", "dockerd")
CONTAINERD = AptTool("containerd", "containerd")
CTR = AptTool("containerd", "ctr")
IP = AptTool("iproute2", "ip")
STRACE = AptTool("strace", "strace")
CRANE = GoTool("crane", "0.22.1", "github.com/google/go-containerregistry/cmd/crane", "crane")
ORAS = GoTool("oras", "1.3.6", "oras.land/oras/cmd/oras", "oras")

CONFORMANCE = GoTool(
    "conformance",
    "20260831",
    "github.com/opencontainers/distribution-spec/conformance",
    "conformance",
    tag="v0.0.0-20260831232431-97274622c111",
)

APT_TOOLS = (DISTRIBUTION_2_8, SKOPEO, PODMAN, DOCKER, DOCKERD, CONTAINERD, CTR, IP, STRACE)
GO_TOOLS = (DISTRIBUTION_3_0, DISTRIBUTION_3_1, CRANE, ORAS, CONFORMANCE)
