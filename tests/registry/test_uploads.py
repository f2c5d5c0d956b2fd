import errno
import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.types import Message

from tests.registry.conftest import NAME, OTHER, MakeRegistry, Registry, send_raw
from token_service.registry.digest import digest_of
from token_service.registry.sessions import Upload

UPLOADS = f"/v2/{NAME}/blobs/uploads/"
PATH_OF_UPLOAD = re.compile(rf"/v2/{NAME}/blobs/uploads/[0-9a-f]{{8}}-[0-9a-f]{{4}}-4[0-9a-f]{{3}}-[0-9a-f-]{{17}}")


def code(answer: object) -> str:
    return str(answer.json()["errors"][0]["code"])  # type: ignore[attr-defined]


def range_of(answer: object) -> str:
    return str(answer.headers["range"])  # type: ignore[attr-defined]


def test_an_upload_begins_with_a_relative_location_and_an_empty_range(registry: Registry) -> None:
    answer = registry.call("POST", UPLOADS)
    assert answer.status_code == 202
    assert PATH_OF_UPLOAD.fullmatch(answer.headers["location"])
    assert answer.headers["docker-upload-uuid"] == answer.headers["location"].rpartition("/")[2]
    assert answer.headers["range"] == "0-0"
    assert answer.headers["content-length"] == "0"


def test_the_path_without_its_slash_is_the_same(registry: Registry) -> None:
    assert registry.call("POST", UPLOADS.rstrip("/")).status_code == 202


def test_a_stream_is_appended_and_finished(registry: Registry) -> None:
    location, content = registry.begin(), os.urandom(3_000_000)
    digest = digest_of(content)
    first = registry.call("PATCH", location, content=iter([content[:1], content[1:1_500_000]]))
    assert (first.status_code, range_of(first), first.headers["location"]) == (202, "0-1499999", location)
    assert registry.call("PATCH", location, content=content[1_500_000:]).status_code == 202
    done = registry.call("PUT", f"{location}?digest={digest}")
    assert done.status_code == 201
    assert done.headers["location"] == f"/v2/{NAME}/blobs/{digest}"
    assert done.headers["docker-content-digest"] == str(digest)
    assert registry.call("GET", f"/v2/{NAME}/blobs/{digest}").content == content
    assert registry.call("PUT", f"{location}?digest={digest}").status_code == 404


def test_the_last_chunk_may_come_with_the_put(registry: Registry) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"ab", headers={"Content-Range": "0-1"})
    done = registry.call(
        "PUT", f"{location}?digest={digest_of(b'abc')}", content=b"c", headers={"Content-Range": "2-2"}
    )
    assert done.status_code == 201


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("content", [b"", b"abc"])
def test_an_upload_in_one_request(registry: Registry, content: bytes, algorithm: str) -> None:
    digest = digest_of(content, algorithm)
    answer = registry.call("POST", f"{UPLOADS}?digest={digest}", content=content)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v2/{NAME}/blobs/{digest}"
    assert registry.call("GET", f"/v2/{NAME}/blobs/{digest}").content == content


def test_an_upload_in_one_request_with_another_digest_leaves_nothing(registry: Registry) -> None:
    answer = registry.call("POST", f"{UPLOADS}?digest={digest_of(b'x')}", content=b"y")
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")
    assert not list(registry.volume.rglob("data"))


@pytest.mark.parametrize(
    "header",
    ["1-3", "0-0", "3-3", "4-5", "2-1", "-1", "0-", "a-b", "bytes=2-3", "bytes 2-3/4", "2-3/4", "2 - 3"],
)
def test_a_chunk_out_of_order_or_misspelt_changes_nothing(registry: Registry, header: str) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"ab", headers={"Content-Range": "0-1"})
    for method, path in [("PATCH", location), ("PUT", f"{location}?digest={digest_of(b'ab')}")]:
        answer = registry.call(method, path, content=b"cd", headers={"Content-Range": header})
        assert (answer.status_code, code(answer)) == (416, "BLOB_UPLOAD_INVALID")
        assert (range_of(answer), answer.headers["location"]) == ("0-1", location)
    assert registry.call("PATCH", location, content=b"cd", headers={"Content-Range": "2-3"}).status_code == 202


@pytest.mark.parametrize(
    "content", [b"c", b"cde", iter([b"c"]), iter([b"cd", b"e"])], ids=["-", "+", "chunked-", "chunked+"]
)
def test_a_chunk_of_another_length_changes_nothing(registry: Registry, content: bytes | Iterator[bytes]) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"ab")
    answer = registry.call("PATCH", location, content=content, headers={"Content-Range": "2-3"})
    assert (answer.status_code, code(answer)) == (400, "SIZE_INVALID")
    assert range_of(registry.call("GET", location)) == "0-1"


def test_the_status_tells_how_much_has_come(registry: Registry) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"abc")
    answer = registry.call("GET", location)
    assert (answer.status_code, range_of(answer), answer.headers["location"]) == (204, "0-2", location)


@pytest.mark.parametrize("query", ["", "?digest=", "?digest=sha256:x", "?digest=md5:" + "a" * 32])
def test_a_put_without_a_usable_digest_keeps_the_upload(registry: Registry, query: str) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"abc")
    answer = registry.call("PUT", location + query, content=b"d")
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")
    assert range_of(registry.call("GET", location)) == "0-2"


def test_a_put_with_another_digest_drops_the_upload(registry: Registry) -> None:
    location = registry.begin()
    answer = registry.call("PUT", f"{location}?digest={digest_of(b'x')}", content=b"y")
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")
    assert registry.call("GET", location).status_code == 404


def test_an_upload_can_be_cancelled_once(registry: Registry) -> None:
    location = registry.begin()
    assert registry.call("DELETE", location).status_code == 204
    for method in ("DELETE", "GET", "PATCH"):
        answer = registry.call(method, location)
        assert (answer.status_code, code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize(
    "upload_id", ["x", "..", "%2e%2e", "0" * 32, "00000000-0000-4000-8000-000000000000", "a\u00e4"]
)
def test_an_upload_that_is_none_is_unknown(registry: Registry, upload_id: str) -> None:
    answer = registry.call("GET", UPLOADS + upload_id)
    assert answer.status_code == 404


@pytest.mark.parametrize(("algorithm", "status"), [("sha256", 202), ("sha512", 202), ("blake3", 400), ("", 400)])
def test_the_algorithm_may_be_announced(registry: Registry, algorithm: str, status: int) -> None:
    assert registry.call("POST", f"{UPLOADS}?digest-algorithm={algorithm}").status_code == status


def test_a_blob_is_mounted_from_where_it_is(registry: Registry) -> None:
    digest = registry.push_blob(b"abc", OTHER)
    answer = registry.call("POST", f"{UPLOADS}?mount={digest}&from={OTHER}")
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v2/{NAME}/blobs/{digest}"
    assert answer.headers["docker-content-digest"] == digest
    assert registry.call("GET", f"/v2/{NAME}/blobs/{digest}").content == b"abc"


@pytest.mark.parametrize("query", ["mount={}", "mount={}&from=", "mount={}&from=UP", "from=base/os"])
@pytest.mark.parametrize("holder", [NAME, OTHER, None])
def test_a_mount_without_a_source_begins_an_upload(registry: Registry, query: str, holder: str | None) -> None:
    """Even where the target itself holds the blob: the answer must not tell who holds what."""
    digest = registry.push_blob(b"abc", holder) if holder else digest_of(b"abc")
    assert registry.call("POST", f"{UPLOADS}?{query.format(digest)}").status_code == 202


@pytest.mark.parametrize("digest", [str(digest_of(b"none")), "sha256:x", ""])
def test_what_the_source_does_not_hold_begins_an_upload(registry: Registry, digest: str) -> None:
    assert registry.call("POST", f"{UPLOADS}?mount={digest}&from={OTHER}").status_code == 202


def test_a_mounted_link_without_its_bytes_begins_an_upload(registry: Registry) -> None:
    """Distribution's collector may have removed the bytes of a link."""
    digest = registry.push_blob(b"abc", OTHER)
    next(registry.volume.rglob("data")).unlink()
    assert registry.call("POST", f"{UPLOADS}?mount={digest}&from={OTHER}").status_code == 202


def test_an_upload_larger_than_the_cap_is_refused_and_undone(make_registry: MakeRegistry) -> None:
    registry = make_registry(max_upload_bytes=5)
    location = registry.begin()
    assert registry.call("PATCH", location, content=b"abc").status_code == 202
    answer = registry.call("PATCH", location, content=b"def")
    assert (answer.status_code, code(answer)) == (413, "SIZE_INVALID")
    assert range_of(registry.call("GET", location)) == "0-2"
    assert registry.call("PATCH", location, content=b"de").status_code == 202


def test_there_is_a_cap_on_unfinished_uploads(make_registry: MakeRegistry) -> None:
    registry = make_registry(max_uploads_per_repository=1)
    registry.begin(OTHER)
    location = registry.begin()
    answer = registry.call("POST", UPLOADS)
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "TOOMANYREQUESTS", "60")
    registry.call("DELETE", location)
    registry.begin()


async def broken_off(registry: Registry, method: str, path: str, headers: dict[str, str], *parts: bytes) -> int:
    """Send a body that ends with the connection. Returns the status that nobody sees."""
    body: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    return int((await send_raw(registry.app, method, path, headers, body))["status"])


async def test_of_a_broken_stream_is_kept_what_came(registry: Registry) -> None:
    location = registry.begin()
    assert await broken_off(registry, "PATCH", location, {}, b"ab", b"c") == 400
    assert range_of(registry.call("GET", location)) == "0-2"


async def test_of_a_broken_chunk_nothing_is_kept(registry: Registry) -> None:
    location = registry.begin()
    assert await broken_off(registry, "PATCH", location, {"Content-Range": "0-9"}, b"a" * 9) == 400
    assert range_of(registry.call("GET", location)) == "0-0"
    assert registry.call("PATCH", location, content=b"abc", headers={"Content-Range": "0-2"}).status_code == 202


async def test_a_broken_upload_in_one_request_leaves_nothing(registry: Registry) -> None:
    digest = digest_of(b"abc")
    assert await broken_off(registry, "POST", f"{UPLOADS}?digest={digest}", {}, b"abc") == 400
    assert registry.call("HEAD", f"/v2/{NAME}/blobs/{digest}").status_code == 404
    assert not list(registry.volume.rglob("data"))


def test_a_full_disk_is_said_and_undone(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=b"abc")
    real_write = os.write

    def write_half(descriptor: int, content: memoryview) -> int:
        real_write(descriptor, content[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("token_service.registry.sessions.os.write", write_half)
    answer = registry.call("PATCH", location, content=b"def")
    monkeypatch.undo()
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (507, "UNAVAILABLE", "60")
    assert registry.call("PUT", f"{location}?digest={digest_of(b'abcdef')}", content=b"def").status_code == 201


def test_reads_do_not_wait_until_blobs_are_hashed(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """More uploads are finished at once than there are threads for files (40): each takes long to hash."""
    digest = registry.push_blob(b"there")
    locations = [registry.begin() for _ in range(45)]
    go_on = threading.Event()
    real_digests = Upload.digests

    def slow_digests(upload: Upload, algorithm: str) -> object:
        assert go_on.wait(120)
        return real_digests(upload, algorithm)

    monkeypatch.setattr(Upload, "digests", slow_digests)
    with ThreadPoolExecutor(45) as pool:
        finished = [pool.submit(registry.call, "PUT", f"{path}?digest={digest_of(b'')}") for path in locations]
        read = [registry.call("GET", f"/v2/{NAME}/blobs/{digest}").content for _ in range(30)]
        done = [future.exception() or future.result().text for future in finished if future.done()]
        go_on.set()
        assert done == []
    assert read == [b"there"] * 30
    assert {future.result().status_code for future in finished} == {201}


def test_parallel_chunks_never_mix(make_registry: MakeRegistry) -> None:
    """Two processes on one volume, one upload, the same offset: one wins, and the bytes are those of one client."""
    registries = [make_registry(), make_registry()]
    location = registries[0].begin()
    size, statuses = 4_000_000, []

    def send(registry: Registry, byte: bytes) -> None:
        answer = registry.call(
            "PATCH",
            location,
            content=(byte * 1000 for _ in range(size // 1000)),
            headers={"Content-Range": f"0-{size - 1}"},
        )
        statuses.append(answer.status_code)

    threads = [
        threading.Thread(target=send, args=(registry, byte))
        for registry, byte in zip(registries, (b"a", b"b"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) in ([202, 409], [202, 416])
    digests = [digest_of(byte * size) for byte in (b"a", b"b")]
    answers = [registries[0].call("PUT", f"{location}?digest={digest}").status_code for digest in digests]
    assert answers in ([201, 404], [400, 404])
