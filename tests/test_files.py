"""Files that are written whole or not at all, and files that are followed."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crashing import CALLS, KILLED, has_strace, walk
from token_service.errors import LoadError
from token_service.files import ReloadedFile, read_bytes, write_atomically

OLD, NEW = b"old" * 50_000, b"new" * 70_000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for mode, content in ((0o600, b"secret"), (0o644, b""), (0o600, NEW)):
        write_atomically(path, content, mode)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert names(tmp_path) == ["file"]


def test_a_link_is_replaced_and_what_it_pointed_to_is_not(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"target")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", b"new", 0o600)
    assert (tmp_path / "target").read_bytes() == b"target"
    assert (tmp_path / "link").read_bytes() == b"new"


def test_a_place_that_cannot_be_written_raises_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "folder", b"x", 0o600)
    assert names(tmp_path) == ["folder"]
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "file", b"x", 0o600)


PROGRAM = f"""
import sys
from pathlib import Path
from token_service.files import write_atomically
try:
    write_atomically(Path(sys.argv[1]) / "file", b"new" * {len(NEW) // 3}, 0o600)
except OSError:
    sys.exit(3)
"""


@pytest.mark.parametrize(("fault", "status"), [("signal=KILL", KILLED), ("error=ENOSPC", 3), ("error=EIO", 3)])
@pytest.mark.parametrize("call", CALLS)
def test_a_death_or_a_full_disk_at_any_call_leaves_the_old_content_or_the_new(
    tmp_path: Path, call: str, fault: str, status: int, need: Callable[[bool, str], None]
) -> None:
    need(has_strace(), "strace is needed to die at a system call")
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "file"
    path.write_bytes(OLD)
    points = 0
    for exit_status in walk(PROGRAM, folder, call, fault):
        points += 1
        assert exit_status == status
        assert path.read_bytes() in (OLD, NEW)
        if status != KILLED:
            assert names(folder) == ["file"]  # who lives tidies up
        path.write_bytes(OLD)
    assert points == (2 if call == "fsync" else 1)
    assert path.read_bytes() == NEW


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        write_atomically(path, NEW if number % 2 else OLD, 0o600)
    done.set()
    reader.join()
    assert seen <= {OLD, NEW}


# --- reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 9, 10])
def test_a_file_up_to_the_limit_is_read_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    assert read_bytes(tmp_path / "file", 10, "fix it") == b"x" * size


def test_a_file_that_cannot_be_read_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 11)
    for name, problem in (
        ("large", "is larger than 10 bytes"),
        ("none", "cannot be read: No such file or directory"),
    ):
        with pytest.raises(LoadError) as caught:
            read_bytes(tmp_path / name, 10, "fix it")
        assert caught.value == LoadError(str(tmp_path / name), problem, "fix it")
    with pytest.raises(LoadError, match="Is a directory"):
        read_bytes(tmp_path, 10, "fix it")


# --- following -------------------------------------------------------------------------------------------------


class Followed:
    """A file that holds a number, followed; what was reported and how often it was loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loads = 0
        self.reported: list[str] = []
        write_atomically(path, b"1", 0o600)
        self.file = ReloadedFile(path, self._load, self.reported.append)

    def _load(self) -> int:
        self.loads += 1
        try:
            return int(read_bytes(self.path, 10, "write one"))
        except ValueError:
            raise LoadError(str(self.path), "is no number", "write one") from None


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path / "number")


def test_a_file_that_does_not_change_is_loaded_once(followed: Followed) -> None:
    assert [followed.file() for _ in range(100)] == [1] * 100
    assert (followed.loads, followed.file.problem) == (1, None)


def test_a_changed_file_takes_effect_at_the_next_call(followed: Followed) -> None:
    write_atomically(followed.path, b"2", 0o600)
    assert followed.file() == 2
    followed.path.write_bytes(b"33")
    assert followed.file() == 33
    os.utime(followed.path, ns=(1, 1))
    assert followed.file() == 33
    assert followed.loads == 4


def test_a_replacement_of_equal_size_and_time_is_seen(followed: Followed) -> None:
    before = followed.path.stat()
    other = followed.path.with_name("other")
    other.write_bytes(b"2")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(followed.path)
    assert followed.file() == 2


def test_a_broken_file_keeps_the_last_good_content_and_is_reported_once(followed: Followed) -> None:
    problem = f"{followed.path}: is no number (write one)"
    write_atomically(followed.path, b"two", 0o600)
    assert [followed.file() for _ in range(10)] == [1] * 10
    assert (followed.file.problem, followed.reported, followed.loads) == (problem, [problem], 2)
    write_atomically(followed.path, b"3", 0o600)
    assert followed.file() == 3
    assert (followed.file.problem, followed.reported) == (None, [problem])


def test_a_file_that_is_gone_keeps_the_last_good_content_until_it_is_back(followed: Followed) -> None:
    followed.path.unlink()
    assert followed.file() == 1
    assert "No such file" in str(followed.file.problem)
    write_atomically(followed.path, b"4", 0o600)
    assert followed.file.problem is None
    assert followed.file() == 4


def test_whoever_asks_only_for_the_problem_is_told_of_the_newest_content(followed: Followed) -> None:
    """A load balancer sends nothing to who is not ready: then only the question for readiness can notice the mend."""
    write_atomically(followed.path, b"two", 0o600)
    assert followed.file.problem is not None
    write_atomically(followed.path, b"2", 0o600)
    assert followed.file.problem is None


def test_the_first_load_must_succeed(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="No such file"):
        ReloadedFile(tmp_path / "x", lambda: read_bytes(tmp_path / "x", 10, "fix"), print)
