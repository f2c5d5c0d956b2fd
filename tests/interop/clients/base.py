"""What every client driver is given and what it can be asked for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from tests.interop.images import Image
from tests.interop.process import Outcome, Place
from tests.interop.tools import AptTool, GoTool
from tests.interop.wire import Account

_BLOB_CACHE = "/var/lib/containers/cache"

Tools = tuple[AptTool | GoTool, ...]


class Capability(StrEnum):
    """One column of the matrix."""

    LOGIN = "login"
    PUSH = "push"
    PULL = "pull"
    MOUNT = "mount"
    TAGS = "tags"
    PUSH_REFUSED = "push refused"
    PULL_REFUSED = "pull refused"
    ANONYMOUS_PULL = "anonymous pull"
    WRONG_PASSWORD = "wrong password"  # a column's name


@dataclass(frozen=True)
class Bench:
    """A client's own home, the registry it is to talk to, and for some the daemon that does their work."""

    home: Path
    host: str
    place: Place
    authority: Path | None = None  # the registry's own CA; None means plain http
    engine: Path | None = None  # the socket of dockerd or containerd

    def reference(self, name: str) -> str:
        """`team/app:v1` as this registry's image."""
        return f"{self.host}/{name}"


class Client(Protocol):
    """A driver. References are `repository:tag`, without the registry's host."""

    title: ClassVar[str]
    tools: ClassVar[Tools]
    # What the client cannot do by its nature, with the reason that goes into the matrix.
    cannot: ClassVar[Mapping[Capability, str]]
    # What the user reads after a wrong password; `{message}` is the token service's own text.
    complaint: ClassVar[str]

    def __init__(self, bench: Bench) -> None: ...

    def login(self, account: Account) -> Outcome:
        """Makes everything that follows run as this account; a client without a login only keeps the credentials."""

    def push(self, image: Image, reference: str) -> Outcome: ...

    def pull(self, reference: str) -> Outcome:
        """The output names a digest of what was pulled."""

    def mount(self, source: str, target: str) -> Outcome:
        """Brings an image of the registry under another repository without uploading it again."""

    def tags(self, repository: str) -> Outcome: ...

    def wrong_password(self, account: Account, reference: str) -> Outcome:
        """What the user sees who comes with this wrong password."""


def with_own_blob_cache(home: Path) -> tuple[str, ...]:
    """A prefix for skopeo and podman: as root they remember what is in which registry in one file of the machine."""
    if os.geteuid() != 0:
        return ()
    cache = home / "blob-cache"
    cache.mkdir(exist_ok=True)
    script = f'mkdir -p {_BLOB_CACHE} && mount --bind "$0" {_BLOB_CACHE} && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, str(cache))


def chained(*outcomes: Outcome) -> Outcome:
    """Several steps as one outcome: the first failure's code and all the output."""
    code = next((outcome.code for outcome in outcomes if not outcome.ok), 0)
    return Outcome(code, "\n".join(outcome.output for outcome in outcomes))
