"""Uploads on disk: one folder each, `_uploads/<uuid>/{data,startedat,subject}`. Blocking; no HTTP.

The size of `data` is the offset, and there is no other state: any worker process may continue any upload. Whoever
writes holds a lock on the file; a second writer is refused, since both would have passed the check of the offset.
An upload belongs to one repository and to the subject that began it.
"""

import fcntl
import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from token_service.registry import errors
from token_service.registry.digest import CANONICAL, Digest
from token_service.registry.layout import Layout, Repository, make_folder, names_in
from token_service.registry.running_digest import RunningDigest, RunningDigests

_READ_BYTES = 1024 * 1024
_RUNNING = RunningDigests()


class Upload:
    """An upload that this request alone may write to.

    When a server stops, it cancels requests but not their threads: one may still be writing, or begin to, while the
    request is already undoing and closing. So these wait for it, and nothing is written once the file is closed,
    when its descriptor may be another file's.
    """

    def __init__(self, folder: Path, descriptor: int) -> None:
        self._folder = folder
        self._descriptor = descriptor
        self._writing = threading.Lock()
        self._running: RunningDigest | None = None

    def lock(self) -> None:
        """Raises RegistryError where another request writes to the upload, or it has ended meanwhile."""
        _lock(self._descriptor, self._folder / "data")
        self._running = _RUNNING.take(self._folder, self.size)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def append(self, content: bytes) -> None:
        rest = memoryview(content)
        with self._writing:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if self._running is not None:
                self._running.update(content)

    def truncate(self, size: int) -> None:
        with self._writing:
            self._running = None
            os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        with self._writing:
            if self._running is not None and self._folder.exists():
                _RUNNING.keep(self._folder, self._running)
            os.close(self._descriptor)
            self._descriptor = -1

    def digests(self, algorithm: str) -> tuple[Digest, Digest]:
        """What the bytes are: under the canonical algorithm, and under the one that the client uses."""
        if algorithm == CANONICAL and self._running is not None and self._running.size == self.size:
            digest = self._running.digest()
            return digest, digest
        return self.read_digests(algorithm)

    def read_digests(self, algorithm: str) -> tuple[Digest, Digest]:
        """The same, from the disk."""
        hashes = {name: hashlib.new(name) for name in {CANONICAL, algorithm}}
        buffer = bytearray(_READ_BYTES)
        position = 0
        while count := os.preadv(self._descriptor, [buffer], position):
            for state in hashes.values():
                state.update(memoryview(buffer)[:count])
            position += count
        stored, named = (Digest(name, hashes[name].hexdigest()) for name in (CANONICAL, algorithm))
        return stored, named

    def keep(self, layout: Layout, repository: Repository, stored: Digest, digest: Digest) -> None:
        """Make the bytes a blob of the repository: first the bytes, then the link. Ends the upload."""
        os.fsync(self._descriptor)
        layout.add_file(self._folder / "data", stored)
        repository.layers.add(stored, digest)
        self.discard()

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def create_upload(repository: Repository, subject: str, now: int, limit: int) -> str:
    """Begin an upload. Raises RegistryError where the repository has `limit` of them already."""
    if len(names_in(repository.uploads)) >= limit:
        raise errors.too_many_uploads(limit)
    upload_id = str(uuid.uuid4())
    folder = repository.uploads / upload_id
    make_folder(repository.uploads)
    started = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    folder.mkdir()
    try:
        (folder / "startedat").write_text(started, "ascii")
        (folder / "subject").write_bytes(_subject_bytes(subject))
        (folder / "data").touch()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return upload_id


@contextmanager
def open_upload(repository: Repository, upload_id: str, subject: str) -> Iterator[Upload]:
    """Lock an upload for the length of the block. Raises RegistryError: 404, or 409 while another one writes."""
    folder = _folder(repository, upload_id, subject)
    try:
        descriptor = os.open(folder / "data", os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise errors.upload_unknown() from None
    upload = Upload(folder, descriptor)
    try:
        upload.lock()
        yield upload
    finally:
        upload.close()


def upload_size(repository: Repository, upload_id: str, subject: str) -> int:
    """How much has arrived, without taking the lock. Raises RegistryError (404)."""
    try:
        return (_folder(repository, upload_id, subject) / "data").stat().st_size
    except FileNotFoundError:
        raise errors.upload_unknown() from None


def _folder(repository: Repository, upload_id: str, subject: str) -> Path:
    """The folder of an upload, where its id is one and the subject is the one that began it."""
    folder = repository.uploads / _canonical(upload_id)
    try:
        owner = (folder / "subject").read_bytes()
    except FileNotFoundError:
        raise errors.upload_unknown() from None
    if owner != _subject_bytes(subject):
        raise errors.upload_unknown()
    return folder


def _canonical(upload_id: str) -> str:
    """The id, if it has the one spelling that `create_upload` gives out: it becomes part of a path."""
    try:
        canonical = str(uuid.UUID(upload_id))
    except ValueError:
        raise errors.upload_unknown() from None
    if canonical != upload_id:
        raise errors.upload_unknown()
    return canonical


def _subject_bytes(subject: str) -> bytes:
    return subject.encode("utf-8", "surrogatepass")


def _lock(descriptor: int, file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise errors.upload_busy() from None
    # Between opening and locking, another request may have made the file a blob: writing now would corrupt it.
    try:
        same = os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        same = False
    if not same:
        raise errors.upload_unknown()


def sweep_uploads(layout: Layout, before: int) -> list[str]:
    """Remove the uploads of all repositories that began before a time (seconds since the epoch).

    Those that somebody is writing to are left. Returns `repository/uuid` of the removed. Understands what
    Distribution left, too; where `startedat` cannot be read, the folder's own time counts.
    """
    return [
        f"{name}/{folder.name}"
        for name in layout.folders()
        for folder in _session_folders(layout.repository(name))
        if _started(folder) < before and _remove_idle(folder)
    ]


def _session_folders(repository: Repository) -> list[Path]:
    return [repository.uploads / upload_id for upload_id in sorted(names_in(repository.uploads))]


def _started(folder: Path) -> float:
    try:
        text = (folder / "startedat").read_text("ascii").strip()
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except (OSError, ValueError):
        return folder.stat().st_mtime if folder.exists() else float("inf")


def _remove_idle(folder: Path) -> bool:
    data = folder / "data"
    if data.exists():
        descriptor = os.open(data, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
    else:
        shutil.rmtree(folder)
    return True
