"""Files that the service owns or follows: written so that a crash leaves the old content or the new one, never half
of it, and read again when they change.

What a file holds is its reader's business (`token/keyfiles.py`, `accounts/`), not this module's.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from token_service.errors import LoadError

Content = TypeVar("Content")


def read_bytes(path: Path, limit: int, fix: str) -> bytes:
    """The whole file, at most `limit` bytes of it. Raises LoadError, with `fix`, where it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise LoadError(str(path), f"cannot be read: {error.strerror}", fix) from None
    if len(content) > limit:
        raise LoadError(str(path), f"is larger than {limit} bytes", fix)
    return content


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Temporary file in the same folder, fsync, rename, fsync of the folder. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class ReloadedFile(Generic[Content]):
    """The content of a file, loaded again when the file changes.

    Calling it costs one `stat`, and so does `problem`. A new content that does not load keeps the last good one, and
    `problem` says why until a good one comes; the first load raises what `load` raises (LoadError).
    """

    def __init__(self, path: Path, load: Callable[[], Content], on_problem: Callable[[str], None]) -> None:
        self._path = path
        self._load = load
        self._on_problem = on_problem
        self._stamp = _stamp(path)
        self._content = load()
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with the file as it is now: whoever asks only for this must not get an old answer."""
        self()
        return self._problem

    def __call__(self) -> Content:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._content = self._load()
                self._problem = None
            except LoadError as error:
                self._problem = str(error)
                self._on_problem(self._problem)
        return self._content


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - called for each request; Path.stat costs twice as much
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
