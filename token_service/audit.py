"""The audit log: one JSON object a line for every decision, written at once and whole.

ASCII only, so that no name can break a line or move a terminal's cursor. Events carry names, scopes, rule ids and
token ids (`jti`); never a password, a token or a raw header (OWASP ASVS 16.2).
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from token_service.errors import LoadError

AuditSink = Callable[[Mapping[str, object]], None]
"""Takes one event: values are text, numbers, None, or lists of text."""


def discard(_event: Mapping[str, object]) -> None:
    """The sink for those who want no audit log."""


def check_file(path: str) -> None:
    """Whether `AuditFile` could open the file, without making it: whoever asks may be another user than the service.

    Raises LoadError.
    """
    folder = Path(path).parent
    if path == "-":
        return
    if Path(path).exists() or not folder.is_dir():
        os.close(_open(path))
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(path, "the folder is not writable")


def _open(path: str, more: int = 0) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | more, 0o640)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be opened") from None


def _unusable(path: str, reason: str) -> LoadError:
    fix = f"make {Path(path).parent} writable, or use - for standard output"
    return LoadError(f"audit: {path}", f"cannot be opened: {reason}", fix)


class AuditFile:
    """Appends events to a file, or to standard output for `-`. One `write` a line, so lines of several workers on
    one file do not mix. `dropped` counts events that could not be written (disk full)."""

    def __init__(self, path: str) -> None:
        self.dropped = 0
        self._torn = False
        if path == "-":
            self._descriptor = os.dup(1)
            return
        self._descriptor = _open(path, os.O_CREAT)

    def __call__(self, event: Mapping[str, object]) -> None:
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        if self._torn:  # a full disk cut the line before in two; this one must not be lost with it
            line = b"\n" + line
        try:
            written = os.write(self._descriptor, line)
        except OSError:
            written = 0
        if written != len(line):
            self.dropped += 1
        if written:
            self._torn = written != len(line)

    def close(self) -> None:
        os.close(self._descriptor)
