import os
import threading
from datetime import datetime
from pathlib import Path

import pytest

from tests.registry.conftest import NOW
from token_service.registry.digest import digest_of
from token_service.registry.errors import RegistryError
from token_service.registry.layout import Layout, Repository, names_in
from token_service.registry.sessions import create_upload, open_upload, sweep_uploads, upload_size


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def repository(layout: Layout) -> Repository:
    return layout.repository("a/b")


@pytest.fixture
def upload_id(repository: Repository) -> str:
    return create_upload(repository, "alice", NOW, 10)


def test_an_upload_is_a_folder_that_distribution_s_purge_understands(repository: Repository, upload_id: str) -> None:
    folder = repository.uploads / upload_id
    assert sorted(names_in(folder)) == ["data", "startedat", "subject"]
    assert datetime.fromisoformat((folder / "startedat").read_text()).timestamp() == NOW


def test_the_size_of_the_file_is_the_offset(repository: Repository, upload_id: str) -> None:
    for expected in (3, 6):
        with open_upload(repository, upload_id, "alice") as upload:
            upload.append(b"abc")
            assert upload.size == expected
        assert upload_size(repository, upload_id, "alice") == expected
    with open_upload(repository, upload_id, "alice") as upload:
        upload.truncate(2)
        upload.append(b"z")
        assert upload.digests("sha512") == (digest_of(b"abz"), digest_of(b"abz", "sha512"))


def test_kept_bytes_are_a_blob_and_the_upload_is_gone(layout: Layout, repository: Repository, upload_id: str) -> None:
    with open_upload(repository, upload_id, "alice") as upload:
        upload.append(b"abc")
        upload.keep(layout, repository, *upload.digests("sha512"))
    assert layout.content(digest_of(b"abc")).read_bytes() == b"abc"
    assert repository.layers.resolve(digest_of(b"abc", "sha512")) == digest_of(b"abc")
    assert names_in(repository.uploads) == []


def test_a_second_writer_is_refused(repository: Repository, upload_id: str) -> None:
    with open_upload(repository, upload_id, "alice"):
        with pytest.raises(RegistryError, match="409"), open_upload(repository, upload_id, "alice"):
            pass
        assert upload_size(repository, upload_id, "alice") == 0
    with open_upload(repository, upload_id, "alice"):
        pass


def test_who_opened_the_file_before_it_became_a_blob_may_not_write_to_it(
    layout: Layout, repository: Repository, upload_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between `open` and `flock` of one request, another one finishes the upload: the blob must stay what it is."""
    real_open = os.open

    def open_and_be_overtaken(path: Path, flags: int) -> int:
        descriptor = real_open(path, flags)
        if path.name == "data" and path.exists():
            monkeypatch.undo()
            with open_upload(repository, upload_id, "alice") as winner:
                winner.append(b"abc")
                winner.keep(layout, repository, digest_of(b"abc"), digest_of(b"abc"))
        return descriptor

    monkeypatch.setattr("token_service.registry.sessions.os.open", open_and_be_overtaken)
    with pytest.raises(RegistryError, match="404"), open_upload(repository, upload_id, "alice") as loser:
        loser.append(b"junk")
    assert layout.content(digest_of(b"abc")).read_bytes() == b"abc"


def test_undoing_and_closing_wait_for_a_thread_that_writes(
    repository: Repository, upload_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stops cancels the request, not the thread."""
    begun, go_on = threading.Event(), threading.Event()
    real_write = os.write

    def slow_write(descriptor: int, content: memoryview) -> int:
        begun.set()
        assert go_on.wait(10)
        return real_write(descriptor, content)

    monkeypatch.setattr("token_service.registry.sessions.os.write", slow_write)
    with open_upload(repository, upload_id, "alice") as upload:
        writer = threading.Thread(target=upload.append, args=(b"late",))
        writer.start()
        assert begun.wait(10)
        undoing = threading.Thread(target=upload.truncate, args=(0,))
        undoing.start()
        undoing.join(0.05)
        assert undoing.is_alive()
        go_on.set()
        undoing.join(10)
        writer.join(10)
    assert upload_size(repository, upload_id, "alice") == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        upload.append(b"later still")


@pytest.mark.parametrize("subject", ["bob", "", "alice ", "\ud800"])
def test_an_upload_belongs_to_its_subject(repository: Repository, upload_id: str, subject: str) -> None:
    with pytest.raises(RegistryError, match="404 BLOB_UPLOAD_UNKNOWN"):
        upload_size(repository, upload_id, subject)
    with pytest.raises(RegistryError, match="404"), open_upload(repository, upload_id, subject):
        pass


@pytest.mark.parametrize(
    "spell", [str.upper, lambda text: text.replace("-", ""), lambda text: f"{{{text}}}", "../{}".format]
)
def test_an_upload_id_has_one_spelling(repository: Repository, upload_id: str, spell: object) -> None:
    assert callable(spell)
    with pytest.raises(RegistryError, match="404"):
        upload_size(repository, spell(upload_id), "alice")


def test_an_upload_of_another_program_is_nobody_s(repository: Repository, upload_id: str) -> None:
    (repository.uploads / upload_id / "subject").unlink()
    with pytest.raises(RegistryError, match="404"):
        upload_size(repository, upload_id, "")


def test_a_repository_has_a_limited_number_of_uploads(repository: Repository) -> None:
    for _ in range(2):
        create_upload(repository, "alice", NOW, 2)
    with pytest.raises(RegistryError, match="429 TOOMANYREQUESTS") as caught:
        create_upload(repository, "alice", NOW, 2)
    assert caught.value.headers == {"Retry-After": "60"}


def test_the_sweep_takes_what_is_old_and_idle(layout: Layout, repository: Repository) -> None:
    old = create_upload(repository, "alice", NOW - 100, 10)
    busy = create_upload(repository, "alice", NOW - 100, 10)
    young = create_upload(repository, "alice", NOW, 10)
    headless = create_upload(repository, "alice", NOW - 100, 10)
    (repository.uploads / headless / "data").unlink()
    with open_upload(repository, busy, "alice"):
        removed = sweep_uploads(layout, NOW)
    assert sorted(removed) == sorted(f"a/b/{upload_id}" for upload_id in (old, headless))
    assert sorted(names_in(repository.uploads)) == sorted([busy, young])
    assert sweep_uploads(layout, NOW) == [f"a/b/{busy}"]


@pytest.mark.parametrize("started", ["2025-01-01T00:00:00Z", "2025-01-01T01:00:00+01:00", "garbage", ""])
def test_the_sweep_understands_other_times(layout: Layout, repository: Repository, started: str) -> None:
    upload_id = create_upload(repository, "alice", NOW, 10)
    folder = repository.uploads / upload_id
    (folder / "startedat").write_text(started)
    os.utime(folder, (0, 1_735_689_600))  # 2025-01-01T00:00:00Z, for those that cannot be read
    assert sweep_uploads(layout, 1_735_689_600) == []
    assert sweep_uploads(layout, 1_735_689_601) == [f"a/b/{upload_id}"]
