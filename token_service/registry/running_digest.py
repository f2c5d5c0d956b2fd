"""The canonical digest of an upload, worked out while it arrives, so that finishing it need not read it again.

Only a saving: the size of `data` stays the one truth. A running digest counts for as many bytes as it has seen, and
for nothing as soon as the file has another size, be it that another process wrote to it or that a chunk was undone.
What was once acknowledged never changes, so equal sizes mean equal bytes.
"""

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path

from token_service.registry.digest import CANONICAL, Digest

_KEPT = 1024
"""Uploads between two of their requests whose digests are remembered; a forgotten one is read again in the end."""


class RunningDigest:
    """Of the first `size` bytes of one upload."""

    def __init__(self) -> None:
        self.size = 0
        self._state = hashlib.new(CANONICAL)

    def update(self, content: bytes) -> None:
        self._state.update(content)
        self.size += len(content)

    def digest(self) -> Digest:
        return Digest(CANONICAL, self._state.hexdigest())


class RunningDigests:
    """Those of uploads that no request is writing to right now, by folder. For several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, RunningDigest] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, folder: Path, size: int) -> RunningDigest | None:
        """The digest of an upload that is `size` long, if all of that was seen here."""
        with self._lock:
            running = self._kept.pop(folder, None)
        if size == 0:
            return RunningDigest()
        return running if running is not None and running.size == size else None

    def keep(self, folder: Path, running: RunningDigest) -> None:
        with self._lock:
            self._kept[folder] = running
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
