"""Where things lie on disk: Distribution's layout (`registry/storage/paths.go`), so that either program may serve
the other's volume. Files and folders only; no HTTP, no JSON.

A link file's text is the digest under which the content is stored, and that the link exists is what makes content
a member of a repository. Nothing is ever looked up in the blob store by itself. Every link is written after what it
points to, and removed before it. sha512 content is stored once under sha256, with a link under either digest.

`_referrers` is our own; Distribution passes over folders that begin with `_`.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from token_service.files import write_atomically
from token_service.registry.digest import ALGORITHMS, CANONICAL, Digest, digest_of, parse_digest
from token_service.scope import is_path

_MODE = 0o644
_MAX_LINK_BYTES = 256


class LinkFolder:
    """The links of one repository to its layers, or to its manifests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, digest: Digest) -> Digest | None:
        """The digest under which the content is stored, or None where it is not a member."""
        return read_link(self._link(digest))

    def add(self, stored: Digest, digest: Digest) -> None:
        for name in dict.fromkeys((stored, digest)):
            write_file(self._link(name), str(stored).encode("ascii"))

    def names(self, digest: Digest) -> frozenset[Digest]:
        """All digests under which the same content is a member; none where this one is not."""
        stored = self.resolve(digest)
        if stored is None:
            return frozenset()
        names = (
            parse_digest(f"{algorithm}:{encoded}")
            for algorithm in ALGORITHMS
            if algorithm != stored.algorithm
            for encoded in names_in(self._folder / algorithm)
        )
        return frozenset({stored, digest} | {name for name in names if name and self.resolve(name) == stored})

    def remove(self, names: Iterable[Digest]) -> None:
        for name in names:
            remove_file(self._link(name))

    def _link(self, digest: Digest) -> Path:
        return self._folder / digest.algorithm / digest.encoded / "link"


class Repository:
    """The folders of one repository."""

    def __init__(self, repositories: Path, name: str) -> None:
        if not is_path(name):
            raise ValueError("not a repository name")
        self.folder = repositories / name
        self.layers = LinkFolder(self.folder / "_layers")
        self.manifests = LinkFolder(self.folder / "_manifests/revisions")
        self.tags = self.folder / "_manifests/tags"
        self.uploads = self.folder / "_uploads"

    @property
    def exists(self) -> bool:
        return (self.folder / "_manifests").is_dir()

    def tagged(self, tag: str) -> Digest | None:
        return read_link(self.tags / tag / "current/link")

    def referrers(self, subject: Digest) -> Path:
        return self.folder / "_referrers" / subject.algorithm / subject.encoded

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time, over all threads and processes on the volume: checking references and adding links, or
        removing links. Else a manifest could be accepted while its layer is being deleted."""
        make_folder(self.folder)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class Layout:
    """The volume. `root` is what Distribution calls `rootdirectory`."""

    def __init__(self, root: Path) -> None:
        self.root = root / "docker/registry/v2"
        self.repositories = self.root / "repositories"

    def repository(self, name: str) -> Repository:
        return Repository(self.repositories, name)

    def content(self, stored: Digest) -> Path:
        """The file that holds the bytes of a digest that a link gave."""
        return self.root / "blobs" / stored.algorithm / stored.encoded[:2] / stored.encoded / "data"

    def find(self, links: LinkFolder, digest: Digest) -> Digest | None:
        """What `links.resolve` gives, where the bytes are there, too: a collector may have left a link behind."""
        stored = links.resolve(digest)
        return stored if stored is not None and self.content(stored).exists() else None

    def add_bytes(self, content: bytes) -> Digest:
        stored = digest_of(content, CANONICAL)
        write_file(self.content(stored), content)
        return stored

    def add_file(self, file: Path, stored: Digest) -> None:
        """Move a file, already synced, to its place. Replaces what is there: that may be an older crash's half."""
        target = self.content(stored)
        make_folder(target.parent)
        file.replace(target)
        sync_folder(target.parent)

    def folders(self) -> Iterator[str]:
        """All repositories, and the folders above them: a parent before its children, neighbours in order."""
        return _folders(self.repositories, "")


def _folders(folder: Path, prefix: str) -> Iterator[str]:
    for entry in sorted(names_in(folder)):
        if is_path(entry) and (folder / entry).is_dir():
            yield prefix + entry
            yield from _folders(folder / entry, f"{prefix}{entry}/")


def names_in(folder: Path) -> list[str]:
    """What is in a folder; nothing where there is no folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted, without a Path for each
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_link(link: Path) -> Digest | None:
    """The digest in a link file; None where there is no file, or one that holds no digest."""
    try:
        with link.open("rb") as file:
            text = file.read(_MAX_LINK_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return parse_digest(text.decode("ascii", "replace").strip())


def write_file(file: Path, content: bytes) -> None:
    make_folder(file.parent)
    write_atomically(file, content, _MODE)


def remove_file(file: Path) -> None:
    """Remove a file for good: once this returns, a power cut does not bring it back."""
    try:
        file.unlink()
    except FileNotFoundError:
        return
    sync_folder(file.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each synced in its own parent: a synced file in a lost folder is lost."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
