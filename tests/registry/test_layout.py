import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.registry.digest import digest_of
from token_service.registry.layout import (
    Layout,
    LinkFolder,
    make_folder,
    names_in,
    read_link,
    remove_file,
    write_file,
)

STORED, ALIAS = digest_of(b"x"), digest_of(b"x", "sha512")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_the_paths_are_distribution_s(layout: Layout, tmp_path: Path) -> None:
    layout.add_bytes(b"x")
    repository = layout.repository("a/b")
    repository.layers.add(STORED, STORED)
    repository.manifests.add(STORED, STORED)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        f"docker/registry/v2/blobs/sha256/{STORED.encoded[:2]}/{STORED.encoded}/data",
        f"docker/registry/v2/repositories/a/b/_layers/sha256/{STORED.encoded}/link",
        f"docker/registry/v2/repositories/a/b/_manifests/revisions/sha256/{STORED.encoded}/link",
    }
    assert layout.content(STORED).read_bytes() == b"x"
    link = tmp_path / f"docker/registry/v2/repositories/a/b/_layers/sha256/{STORED.encoded}/link"
    assert link.read_text() == str(STORED)
    assert link.stat().st_mode & 0o777 == 0o644


def test_another_digest_is_a_link_to_the_stored_one(layout: Layout) -> None:
    layers = layout.repository("a").layers
    layers.add(STORED, ALIAS)
    assert layers.resolve(ALIAS) == layers.resolve(STORED) == STORED
    assert layers.names(ALIAS) == layers.names(STORED) == {STORED, ALIAS}


def test_content_is_removed_under_all_its_digests(layout: Layout) -> None:
    layers = layout.repository("a").layers
    neighbour = digest_of(b"y", "sha512")
    layers.add(STORED, ALIAS)
    layers.add(digest_of(b"y"), neighbour)
    layers.remove(layers.names(STORED))
    assert layers.resolve(STORED) is layers.resolve(ALIAS) is None
    assert layers.resolve(neighbour) == digest_of(b"y")
    assert layers.names(STORED) == frozenset()


@pytest.mark.parametrize("content", [b"", b"sha256:", b"sha256:../../x", b"\xff" * 71, b"a" * 1000])
def test_a_link_that_holds_no_digest_links_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "link").write_bytes(content)
    assert read_link(tmp_path / "link") is None


def test_a_link_with_a_newline_is_read(tmp_path: Path) -> None:
    (tmp_path / "link").write_text(f"{STORED}\n")
    assert read_link(tmp_path / "link") == STORED


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "a/", "a//b", "_layers", "A", "a\n", "a/_uploads", "a\0"])
def test_what_is_no_repository_name_never_becomes_a_path(layout: Layout, name: str) -> None:
    with pytest.raises(ValueError, match="not a repository name"):
        layout.repository(name)


@given(st.text(alphabet="ab/._-", max_size=12))
def test_a_repository_lies_below_the_volume(name: str) -> None:
    layout = Layout(Path("/volume"))
    try:
        folder = layout.repository(name).folder
    except ValueError:
        return
    assert Path(os.path.normpath(folder)) == folder
    assert folder.is_relative_to(layout.repositories)


def test_folders_come_in_order_and_without_the_inner_ones(layout: Layout) -> None:
    for name in ("b", "a-b", "a/b/c"):
        layout.repository(name).manifests.add(STORED, STORED)
    (layout.repositories / "Not.A.Name").mkdir()
    (layout.repositories / "file").touch()
    assert list(layout.folders()) == ["a", "a/b", "a/b/c", "a-b", "b"]
    assert [name for name in layout.folders() if layout.repository(name).exists] == ["a/b/c", "a-b", "b"]


def test_an_empty_volume_has_no_folders(tmp_path: Path) -> None:
    assert list(Layout(tmp_path / "none").folders()) == []
    assert names_in(tmp_path / "none") == []


def test_files_replace_files_and_leave_nothing_beside_them(tmp_path: Path) -> None:
    write_file(tmp_path / "a/b/c", b"1")
    write_file(tmp_path / "a/b/c", b"2")
    assert (tmp_path / "a/b/c").read_bytes() == b"2"
    assert names_in(tmp_path / "a/b") == ["c"]
    remove_file(tmp_path / "a/b/c")
    remove_file(tmp_path / "a/b/c")
    assert names_in(tmp_path / "a/b") == []


def test_a_moved_file_replaces_a_damaged_one(layout: Layout, tmp_path: Path) -> None:
    write_file(layout.content(STORED), b"half of")
    (tmp_path / "upload").write_bytes(b"x")
    layout.add_file(tmp_path / "upload", STORED)
    assert layout.content(STORED).read_bytes() == b"x"


def test_folders_that_appear_meanwhile_are_no_error(tmp_path: Path) -> None:
    threads = [threading.Thread(target=make_folder, args=(tmp_path / "a/b/c/d",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a/b/c/d").is_dir()


def test_only_one_at_a_time_holds_a_repository(layout: Layout) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with layout.repository("a").locked():
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 16


def test_links_of_one_folder_are_not_another_s(tmp_path: Path) -> None:
    LinkFolder(tmp_path / "one").add(STORED, STORED)
    assert LinkFolder(tmp_path / "two").resolve(STORED) is None
