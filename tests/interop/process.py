"""Programs that the tests start: short ones that end by themselves, and daemons that are ended by their own pid."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

# Long enough for a loaded machine; everything waits by asking, so nothing takes longer than it must.
START_SECONDS = 60.0
STOP_SECONDS = 20.0
RUN_SECONDS = 90.0
_POLL_SECONDS = 0.02
# Outside the range from which the kernel gives outgoing connections their ports.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Outcome:
    """What a program that ran to its end had to say."""

    code: int
    output: str

    @property
    def ok(self) -> bool:
        return self.code == 0


@dataclass(frozen=True)
class Place:
    """Where programs run: on this machine as it is, or inside the namespaces of another process."""

    prefix: tuple[str, ...] = ()

    def run(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: str | None = None,
    ) -> Outcome:
        """Runs a program to its end with exactly this environment; stdout and stderr come back as one text."""
        # Entering namespaces ends in the root folder, so the working folder is set behind the prefix.
        within = ("env", f"--chdir={cwd}") if cwd else ()
        done = subprocess.run(
            [*self.prefix, *within, *command],
            env=dict(env),
            input=stdin if stdin is not None else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=RUN_SECONDS,
        )
        return Outcome(done.returncode, done.stdout)


HERE = Place()


class Daemon:
    """A long-running program with its output in a file. Ends with the test process, even when that one is killed."""

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str], place: Place = HERE
    ) -> None:
        self.log = log
        self._name = Path(command[0]).name
        dies_with_parent = ("setpriv", "--pdeathsig", "TERM")
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [*dies_with_parent, *place.prefix, *command],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
        """Asks until it is ready; when the program ended meanwhile or time is up, its log goes into the error."""
        try:
            wait_until(lambda: self._ended() or ready(), what, seconds)
        except TimeoutError as late:
            raise RuntimeError(f"{self._name}: {late}\n{self.tail()}") from late
        if self._ended():
            raise RuntimeError(f"{self._name} ended with {self._process.returncode}\n{self.tail()}")

    def stop(self) -> None:
        """Ends the program by its pid and waits until it is gone."""
        if self._ended():
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def tail(self) -> str:
        """The end of what the program wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()


def wait_until(ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Asks again and again until it is so, or raises TimeoutError that names what was waited for."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    for port in random.sample(_PORTS, k=200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on loopback")


def is_listening(port: int, pid: int | str = "self") -> bool:
    """Whether somebody listens on the port in the network namespace of that process."""
    listening = re.compile(rf"^\s*\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 0A ", re.MULTILINE)
    try:
        tables = [Path(f"/proc/{pid}/net/{table}").read_text() for table in ("tcp", "tcp6")]
    except OSError:  # the process ended
        return False
    return any(listening.search(table) for table in tables)


_PROBE = """\
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[2]) if sys.argv[2] else None
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
opener.open(sys.argv[1], timeout=5).close()
"""


def answers(url: str, authority: Path | None, place: Place) -> bool:
    """Whether a GET is answered with success there. A program of its own, since it may have to enter namespaces."""
    command = [sys.executable, "-c", _PROBE, url, str(authority or "")]
    return place.run(command, env={}).ok


def events_in(log: Path) -> list[dict[str, object]]:
    """The whole JSON lines of a log."""
    lines = log.read_text(errors="replace").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]


def plain_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which a program finds its settings under `home` and nowhere else."""
    path = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    return {"PATH": path, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LANG": "C.UTF-8", **more}
