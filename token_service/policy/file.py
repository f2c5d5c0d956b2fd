"""The shell of the policy room: folders are read, watched and swapped here, and nowhere else.

What belongs here: I/O. What does not: what a policy means.

A folder is compiled whole and put in place with one assignment, so that no request sees half of it. A folder that
is broken is refused at start-up; later, the last good policy stays and `problem` says what is wrong.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

import structlog
import watchfiles

from token_service.errors import LoadError
from token_service.policy.expectations import Case, parse_expectations
from token_service.policy.index import CompiledPolicy, compile_policy
from token_service.policy.parse import PolicyFile, check_unique, parse_policy
from token_service.policy.rule import Rule

SUFFIXES = (".yaml", ".yml")
EXPECTATION_SUFFIXES = (".test.yaml", ".test.yml")
VERSION_LENGTH = 12
RECHECK_SECONDS = 5.0

log = structlog.get_logger(__name__)


def is_policy(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.endswith(EXPECTATION_SUFFIXES)


def load_policy(folder: Path) -> CompiledPolicy:
    """Read and compile all policy files of `folder`. Raises LoadError and nothing else."""
    contents = [(path, _read(path)) for path in _listed(folder, is_policy)]
    if not contents:
        raise LoadError(str(folder), "the folder holds no policy files", "add a *.yaml, or name another folder")
    files = [parse_policy(data, str(path)) for path, data in contents]
    check_unique(files)
    return compile_policy(_rules(files), (group for file in files for group in file.groups), _version(contents))


def load_expectations(folder: Path) -> tuple[Case, ...]:
    """The cases of all `*.test.yaml` files of `folder`. None at all is no error."""
    paths = _listed(folder, lambda name: name.endswith(EXPECTATION_SUFFIXES))
    return tuple(case for path in paths for case in parse_expectations(_read(path), str(path)))


def _listed(folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """The wanted files directly in `folder`, by name. Hidden ones are never wanted."""
    try:
        return sorted(path for path in folder.iterdir() if wanted(path.name) and path.name[0] != ".")
    except FileNotFoundError:
        raise LoadError(
            str(folder), "the policy folder does not exist", "create it, or name another folder"
        ) from None
    except OSError as error:
        raise LoadError(str(folder), f"the policy folder cannot be read: {error.strerror}", "check it") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LoadError(str(path), f"the file cannot be read: {error.strerror}", "check its permissions") from None


def _rules(files: list[PolicyFile]) -> Iterator[Rule]:
    for file in files:
        yield from file.rules


def _version(contents: list[tuple[Path, bytes]]) -> str:
    """A short hash of the contents. Lengths go in as well, so that text moved between files changes it."""
    digest = hashlib.sha256()
    for path, data in contents:
        for part in (path.name.encode(), data):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:VERSION_LENGTH]


class PolicyFolder:
    """The policy in force. Read `current` once per request and decide everything on what you got.

    The constructor reads the folder and raises LoadError where it is broken: a service does not start without rules.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem: str | None = None
        self._seen = _fingerprint(folder)
        self._current = load_policy(folder)

    @property
    def current(self) -> CompiledPolicy:
        return self._current

    def reload(self) -> bool:
        """Read the folder again; whether another policy is in force now. Keeps the last good one, never raises."""
        try:
            loaded = load_policy(self.folder)
        except LoadError as error:
            if self.problem != str(error):
                # One line with the place and the fix is what an operator needs; a traceback would hide it.
                log.error("policy_refused", problem=str(error), kept=self._current.version)  # noqa: TRY400
            self.problem = str(error)
            return False
        self.problem = None
        if loaded.version == self._current.version:
            return False
        log.info("policy_loaded", version=loaded.version, before=self._current.version, rules=len(loaded.rules))
        self._current = loaded
        return True

    async def watch(self, stop: asyncio.Event | None = None, recheck_seconds: float = RECHECK_SECONDS) -> None:
        """Reload when something in the folder changes, until `stop` is set or the task is cancelled.

        Compiles in a thread. Some file systems (network, overlay) report nothing, and a folder may be replaced as a
        whole, so the folder is also looked at every `recheck_seconds`.
        """
        stop = stop if stop is not None else asyncio.Event()
        while not stop.is_set():
            watched = await self._look()
            try:
                async with aclosing(self._changes(stop, recheck_seconds)) as changes:
                    async for _ in changes:
                        # A folder that was replaced as a whole is another one, which nobody watches yet.
                        if await self._look() != watched:
                            break
            except OSError:  # the folder is gone, or there are no watches left: look at it from time to time
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), recheck_seconds)

    async def _look(self) -> int:
        """Reload if there is something new. Returns which folder it looked at: its inode, 0 where there is none."""
        inode, seen = await asyncio.to_thread(lambda: (_inode(self.folder), _fingerprint(self.folder)))
        if seen != self._seen:
            self._seen = seen
            await asyncio.to_thread(self.reload)
        return inode

    def _changes(self, stop: asyncio.Event, seconds: float) -> AsyncGenerator[object, None]:
        """One item for each change, and one each `seconds` without any. The watch stays in place between items, so
        that a change which comes while another one is being loaded is not missed."""
        return watchfiles.awatch(
            self.folder,
            watch_filter=None,
            debounce=200,
            step=50,
            stop_event=stop,
            rust_timeout=int(seconds * 1000),
            yield_on_timeout=True,
            recursive=False,
        )


def _inode(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except OSError:
        return 0


def _fingerprint(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What changes when a file is written, replaced, added or removed. A folder that cannot be read has none."""
    try:
        return tuple(
            (path.name, status.st_mtime_ns, status.st_size, status.st_ino)
            for path in _listed(folder, is_policy)
            for status in [path.stat()]
        )
    except (OSError, LoadError):
        return ()
