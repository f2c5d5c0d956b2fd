"""Digests that are worked out while an upload arrives: never of other bytes than those that lie on disk."""

from pathlib import Path

import pytest

from tests.registry.conftest import NAME, MakeRegistry, Registry
from token_service.registry.digest import digest_of
from token_service.registry.running_digest import RunningDigest, RunningDigests
from token_service.registry.sessions import Upload


def running(content: bytes) -> RunningDigest:
    made = RunningDigest()
    made.update(content)
    return made


def test_it_is_the_digest_of_what_it_saw() -> None:
    one = running(b"abc")
    one.update(b"def")
    assert (one.size, one.digest()) == (6, digest_of(b"abcdef"))


def test_it_counts_only_for_an_upload_of_exactly_its_size() -> None:
    kept, folder = RunningDigests(), Path("a")
    for size, counts in ((3, True), (2, False), (4, False)):
        kept.keep(folder, running(b"abc"))
        assert (kept.take(folder, size) is not None) is counts
        assert kept.take(folder, 3) is None, "whoever takes it has it alone"


def test_an_empty_upload_begins_anew_whatever_was_kept() -> None:
    kept = RunningDigests()
    kept.keep(Path("a"), running(b"abc"))
    fresh = kept.take(Path("a"), 0)
    assert fresh is not None
    assert fresh.size == 0


def test_the_oldest_are_forgotten() -> None:
    kept = RunningDigests()
    for number in range(1100):
        kept.keep(Path(str(number)), running(b"abc"))
    assert kept.take(Path("0"), 3) is None
    assert kept.take(Path("1099"), 3) is not None


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows whenever an upload is read again in the end."""
    seen: list[int] = []
    real = Upload.read_digests

    def counted(upload: Upload, algorithm: str) -> object:
        seen.append(upload.size)
        return real(upload, algorithm)

    monkeypatch.setattr(Upload, "read_digests", counted)
    return seen


def finish(registry: Registry, location: str, content: bytes, algorithm: str = "sha256") -> int:
    answer = registry.call("PUT", f"{location}?digest={digest_of(content, algorithm)}")
    assert answer.status_code in (201, 400)
    return int(answer.status_code)


def test_an_upload_in_several_requests_is_not_read_again(registry: Registry, reads: list[int]) -> None:
    location = registry.begin()
    for part in (b"abc", b"def"):
        assert registry.call("PATCH", location, content=part).status_code == 202
    assert finish(registry, location, b"abcdef") == 201
    assert reads == []


def test_another_algorithm_and_another_process_are_read_again(make_registry: MakeRegistry, reads: list[int]) -> None:
    registry = make_registry()
    location = registry.begin()
    registry.call("PATCH", location, content=b"abc")
    assert finish(registry, location, b"abc", "sha512") == 201
    location = registry.begin()
    registry.call("PATCH", location, content=b"abc")
    data = registry.volume / f"repositories/{NAME}/_uploads/{location.rsplit('/', 1)[1]}/data"
    with data.open("ab") as file:
        file.write(b"from another process")
    assert finish(registry, location, b"abcfrom another process") == 201
    assert reads == [3, 23]


def test_a_chunk_that_is_undone_is_not_counted(registry: Registry, reads: list[int]) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"abc")
    wrong = {"Content-Range": "3-5", "Content-Length": "3"}
    assert registry.call("PATCH", location, headers=wrong, content=iter([b"de"])).status_code >= 400
    assert finish(registry, location, b"abc") == 201


def test_a_wrong_digest_is_found_without_reading_again(registry: Registry, reads: list[int]) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"abc")
    assert finish(registry, location, b"other") == 400
    assert reads == []
