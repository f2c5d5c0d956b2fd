import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.registry.conftest import NAME, OTHER, Registry
from token_service.registry.blobs import byte_range
from token_service.registry.digest import digest_of

CONTENT = bytes(range(256)) * 8


@pytest.fixture
def path(registry: Registry) -> str:
    return f"/v2/{NAME}/blobs/{registry.push_blob(CONTENT)}"


def test_a_blob_comes_whole_with_its_headers(registry: Registry, path: str) -> None:
    digest = path.rpartition("/")[2]
    for method, content in (("GET", CONTENT), ("HEAD", b"")):
        answer = registry.call(method, path)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-length"] == "2048"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["docker-content-digest"] == digest
        assert answer.headers["etag"] == f'"{digest}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


def test_a_blob_answers_to_the_digest_that_was_asked(registry: Registry) -> None:
    digest = registry.push_blob(CONTENT, algorithm="sha512")
    for name in (digest, str(digest_of(CONTENT))):
        answer = registry.call("GET", f"/v2/{NAME}/blobs/{name}")
        assert (answer.content, answer.headers["docker-content-digest"]) == (CONTENT, name)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_the_repository_does_not_link_is_unknown(registry: Registry, method: str) -> None:
    elsewhere = registry.push_blob(b"elsewhere", OTHER)
    bodies = set()
    for digest in (elsewhere, str(digest_of(b"nowhere"))):
        answer = registry.call(method, f"/v2/{NAME}/blobs/{digest}")
        assert answer.status_code == 404
        bodies.add(answer.content)
    assert len(bodies) == 1


def test_a_link_without_its_bytes_is_unknown(registry: Registry, path: str) -> None:
    next(registry.volume.rglob("data")).unlink()
    assert registry.call("GET", path).json()["errors"][0]["code"] == "BLOB_UNKNOWN"


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=500-1499", 500, 1499),
        ("bytes=500-", 500, 2047),
        ("bytes=-500", 1548, 2047),
        ("bytes=2000-5000", 2000, 2047),
        ("bytes=-5000", 0, 2047),
        ("bytes=0-0", 0, 0),
        ("bytes=2047-2047", 2047, 2047),
    ],
)
def test_a_range_comes_alone(registry: Registry, path: str, header: str, first: int, last: int) -> None:
    answer = registry.call("GET", path, headers={"Range": header})
    assert (answer.status_code, answer.content) == (206, CONTENT[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/2048"
    assert answer.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize("header", ["bytes=500-0", "bytes=5000-10000", "bytes=2048-", "bytes=-0"])
def test_a_range_outside_is_refused(registry: Registry, path: str, header: str) -> None:
    answer = registry.call("GET", path, headers={"Range": header})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */2048")
    assert answer.json()["errors"][0]["code"] == "SIZE_INVALID"


@pytest.mark.parametrize(
    "header",
    ["bytes=0-1,5-6", "bytes=-", "lines=0-1", "bytes 0-1", "bytes=a-b", "bytes=1-2-3", "", "bytes=" + "9" * 19 + "-"],
)
def test_other_ranges_are_ignored(registry: Registry, path: str, header: str) -> None:
    answer = registry.call("GET", path, headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_range_is_ignored_on_head(registry: Registry, path: str) -> None:
    answer = registry.call("HEAD", path, headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.headers["content-length"]) == (200, "2048")


def test_a_range_holds_only_for_the_content_that_it_names(registry: Registry, path: str) -> None:
    digest = path.rpartition("/")[2]
    for condition, status in ((f'"{digest}"', 206), ('"other"', 200), (f'W/"{digest}"', 200)):
        assert registry.call("GET", path, headers={"Range": "bytes=0-1", "If-Range": condition}).status_code == status


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"{}"', 304),
        ('W/"{}"', 304),
        ('"a", "{}"', 304),
        ("*", 304),
        ('"a"', 200),
        ("{}", 200),
        ("", 200),
        (",", 200),
    ],
)
def test_what_the_client_has_is_not_sent_again(registry: Registry, path: str, condition: str, status: int) -> None:
    digest = path.rpartition("/")[2]
    answer = registry.call("GET", path, headers={"If-None-Match": condition.format(digest)})
    assert answer.status_code == status
    assert answer.content == (b"" if status == 304 else CONTENT)
    assert answer.headers["etag"] == f'"{digest}"'


def test_a_deleted_blob_is_gone_from_this_repository_only(registry: Registry, path: str) -> None:
    registry.push_blob(CONTENT, OTHER)
    assert registry.call("DELETE", path).status_code == 202
    for method in ("GET", "HEAD", "DELETE"):
        assert registry.call(method, path).status_code == 404
    assert registry.call("GET", path.replace(NAME, OTHER)).status_code == 200


def test_a_blob_is_deleted_under_all_its_digests(registry: Registry) -> None:
    other_name = registry.push_blob(CONTENT, algorithm="sha512")
    assert registry.call("DELETE", f"/v2/{NAME}/blobs/{digest_of(CONTENT)}").status_code == 202
    assert registry.call("GET", f"/v2/{NAME}/blobs/{other_name}").status_code == 404


def test_a_large_blob_comes_in_pieces(registry: Registry) -> None:
    content = CONTENT * 2000
    digest = registry.push_blob(content)
    assert registry.call("GET", f"/v2/{NAME}/blobs/{digest}").content == content
    part = registry.call("GET", f"/v2/{NAME}/blobs/{digest}", headers={"Range": "bytes=1000000-3000000"})
    assert part.content == content[1_000_000:3_000_001]


@given(st.integers(0, 40), st.integers(0, 40) | st.none(), st.integers(0, 30))
def test_a_range_never_leaves_the_content(first: int, last: int | None, size: int) -> None:
    try:
        found = byte_range(f"bytes={first}-{'' if last is None else last}", size)
    except ValueError:
        assert first >= size or (last is not None and last < first)
        return
    assert found is not None
    assert bytes(range(size))[slice(*found)] == bytes(range(size))[first : None if last is None else last + 1] != b""
