"""Several registry processes on one volume, over real HTTP."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.registry.conftest import KEY, NAME, OTHER, image, sign
from tests.registry.test_crash import check_links
from token_service.registry.digest import digest_of
from token_service.registry.layout import Layout

UPLOADS = f"/v2/{NAME}/blobs/uploads/"
PATH = f"/v2/{NAME}/manifests/"


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[httpx2.Client]]:
    """Three processes."""
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "volume").mkdir()
    command = [sys.executable, "-m", "tests.registry.worker", str(tmp_path / "volume"), str(key_file)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
                )
            )
            for _ in range(3)
        ]
        clients = []
        for process in processes:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            headers = {"Authorization": f"Bearer {sign()}"}
            clients.append(
                stack.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30))
            )
        yield clients


def push_blob(worker: httpx2.Client, content: bytes, name: str = NAME) -> str:
    digest = str(digest_of(content))
    answer = worker.post(f"/v2/{name}/blobs/uploads/?digest={digest}", content=content)
    assert answer.status_code == 201, answer.text
    return digest


def test_any_worker_goes_on_with_any_upload(workers: list[httpx2.Client]) -> None:
    content = os.urandom(3_000_000)
    location = workers[0].post(UPLOADS).headers["location"]
    for turn, start in enumerate(range(0, len(content), 500_000)):
        chunk = content[start : start + 500_000]
        headers = {"Content-Range": f"{start}-{start + len(chunk) - 1}"}
        answer = workers[turn % 3].patch(location, content=chunk, headers=headers)
        assert (answer.status_code, answer.headers["range"]) == (202, f"0-{start + len(chunk) - 1}")
    digest = digest_of(content)
    assert workers[1].put(f"{location}?digest={digest}").status_code == 201
    assert all(worker.get(f"/v2/{NAME}/blobs/{digest}").content == content for worker in workers)


def test_parallel_streams_on_one_upload_never_mix(workers: list[httpx2.Client]) -> None:
    """Streams may come one after the other, but each is whole."""
    for _ in range(5):
        location = workers[0].post(UPLOADS).headers["location"]
        size = 2_000_000

        def stream(job: tuple[httpx2.Client, bytes], location: str = location, size: int = size) -> int:
            return job[0].patch(location, content=(job[1] * 10_000 for _ in range(size // 10_000))).status_code

        with ThreadPoolExecutor(3) as pool:
            statuses = list(pool.map(stream, zip(workers, (b"a", b"b", b"c"), strict=True)))
        assert set(statuses) <= {202, 409}
        assert 202 in statuses
        arrived = int(workers[0].get(location).headers["range"].partition("-")[2]) + 1
        assert arrived == size * statuses.count(202)
        done = workers[0].put(f"{location}?digest={digest_of(b'x')}")
        assert done.status_code == 400


def test_finishing_and_writing_at_once_never_change_a_blob(workers: list[httpx2.Client]) -> None:
    for turn in range(20):
        content = os.urandom(300_000)
        digest = digest_of(content)
        location = workers[0].post(UPLOADS).headers["location"]
        workers[0].patch(location, content=content)
        with ThreadPoolExecutor(3) as pool:
            finished = pool.submit(workers[turn % 3].put, f"{location}?digest={digest}")
            meddled = [pool.submit(worker.patch, location, content=b"junk" * 1000) for worker in workers]
            assert finished.result().status_code in (201, 400, 409)
            assert {future.result().status_code for future in meddled} <= {202, 404, 409}
        answer = workers[2].get(f"/v2/{NAME}/blobs/{digest}")
        assert answer.status_code == (200 if finished.result().status_code == 201 else 404)
        assert answer.status_code == 404 or answer.content == content


def test_deleting_and_pushing_at_once_leave_no_tag_without_its_manifest(
    workers: list[httpx2.Client], tmp_path: Path
) -> None:
    config = push_blob(workers[0], b"{}")
    documents = [json.dumps(image(config) | {"annotations": {"number": str(number)}}).encode() for number in range(4)]
    dice = random.Random(7)
    jobs = [
        (dice.choice(workers), dice.choice(documents), dice.choice(["push", "delete", "tag"])) for _ in range(200)
    ]

    def work(job: tuple[httpx2.Client, bytes, str]) -> int:
        worker, document, what = job
        if what == "push":
            return worker.put(f"{PATH}latest", content=document).status_code
        reference = str(digest_of(document)) if what == "delete" else "latest"
        return worker.delete(f"{PATH}{reference}").status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(work, jobs))
    assert set(statuses) <= {201, 202, 404}
    check_links(Layout(tmp_path / "volume"))
    tags = workers[0].get(f"/v2/{NAME}/tags/list").json()["tags"]
    assert workers[1].get(f"{PATH}latest").status_code == (200 if tags else 404)


def test_a_manifest_is_not_accepted_while_its_layer_goes(workers: list[httpx2.Client], tmp_path: Path) -> None:
    config = push_blob(workers[0], b"{}")
    for number in range(15):
        layer = push_blob(workers[0], str(number).encode())
        document = json.dumps(image(config, layer)).encode()
        with ThreadPoolExecutor(2) as pool:
            pushed = pool.submit(workers[1].put, f"{PATH}t{number}", content=document)
            deleted = pool.submit(workers[2].delete, f"/v2/{NAME}/blobs/{layer}")
            assert deleted.result().status_code == 202
            assert pushed.result().status_code in (201, 400)
        if pushed.result().status_code == 400:
            assert pushed.result().json()["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"
            assert workers[0].head(f"{PATH}t{number}").status_code == 404


def test_the_same_content_pushed_by_all_is_there_once(workers: list[httpx2.Client], tmp_path: Path) -> None:
    content = os.urandom(200_000)
    with ThreadPoolExecutor(6) as pool:
        digests = list(
            pool.map(lambda turn: push_blob(workers[turn % 3], content, (NAME, OTHER)[turn % 2]), range(12))
        )
    assert len(set(digests)) == 1
    assert len(list((tmp_path / "volume").rglob("data"))) == 1
