"""A full disk is said in the registry's words, and costs nothing that was acknowledged."""

import asyncio
import errno
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.registry.conftest import NAME, open_registry
from tests.registry.crash_scenario import STEPS, run
from tests.registry.test_crash import check_links, check_promises
from token_service.registry.digest import digest_of
from token_service.registry.layout import Layout

GROWING = ("mkdir", "write", "replace", "open")
STRIDE = int(os.environ.get("CRASH_STRIDE", "15"))


def test_wherever_the_disk_is_full_the_answer_is_507_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = {name: getattr(os, name) for name in GROWING}
    left = 0

    def fail_in_turn(call: Callable[..., object], *arguments: object, **named: object) -> object:
        nonlocal left
        if threading.current_thread().name.startswith("AnyIO") and _grows(call, arguments):
            left -= 1
            if left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*arguments, **named)

    number = 1
    while True:
        root, acknowledged = tmp_path / str(number), []  # type: Path, list[str]
        root.mkdir()
        with monkeypatch.context() as full:
            for name, original in originals.items():
                full.setattr(os, name, partial(fail_in_turn, original))
            left = number
            refused = refusal(root, acknowledged)
        if left > 0:
            break
        assert refused in (None, 507)
        check_links(Layout(root))
        with open_registry(root) as registry:
            check_promises(registry, set(acknowledged))
        finished: list[str] = []
        asyncio.run(run(root, finished.append))
        assert tuple(finished) == STEPS
        number += STRIDE
    assert number > 100


def refusal(root: Path, acknowledged: list[str]) -> int | None:
    """The status of the first request of the scenario that was not answered as it should; None if all were."""
    try:
        asyncio.run(run(root, acknowledged.append))
    except AssertionError as refused:
        return int(refused.args[0][2]["status"])
    return None


def _grows(call: Callable[..., object], arguments: tuple[object, ...]) -> bool:
    """Whether the call may need space: opening does only where it makes a file."""
    flags = arguments[1] if len(arguments) > 1 else 0
    return call.__name__ != "open" or (isinstance(flags, int) and bool(flags & os.O_CREAT))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte. Skipped even in CI where nobody may mount: the test above holds the rule."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted: {made.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_real_disk_that_is_full(small_disk: Path) -> None:
    with open_registry(small_disk) as registry:
        kept = registry.push_image("v1")
        location = registry.begin()
        registry.call("PATCH", location, content=b"a" * 100_000)
        answer = registry.call("PATCH", location, content=b"b" * 2_000_000)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (507, "UNAVAILABLE")
        assert registry.call("GET", location).headers["range"] == "0-99999"
        assert registry.call("HEAD", f"/v2/{NAME}/manifests/v1").headers["docker-content-digest"] == kept
        digest = digest_of(b"a" * 100_000)
        assert registry.call("PUT", f"{location}?digest={digest}").status_code == 201
        assert registry.call("GET", f"/v2/{NAME}/blobs/{digest}").content == b"a" * 100_000
