"""A crash at any step: what was acknowledged is there, and no link leads to what is not.

Twice: in this process, looking at the volume before each call that changes it; and with `strace`, which really kills
another process as such a call begins. The second takes a second a call, so `make test` tries each fifteenth;
`CRASH_STRIDE=1 pytest tests/registry/test_crash.py` tries them all.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.crashing import has_strace
from tests.registry.conftest import NAME, OTHER, Registry, open_registry
from tests.registry.crash_scenario import CONFIG, GOES, KEPT, LONG_NAME, REMOVED, STAYS, STEPS, SUBJECT, run
from token_service.registry.digest import digest_of, parse_digest
from token_service.registry.layout import Layout, read_link

STRIDE = int(os.environ.get("CRASH_STRIDE", "15"))
CALLS = ["write", "mkdir,?mkdirat", "rename,?renameat,?renameat2", "unlink,?unlinkat,?rmdir", "fsync"]
CHANGES = ("mkdir", "replace", "rename", "unlink", "rmdir", "open", "write", "ftruncate")
_SECONDS = 60.0
_KILLED = (137, -9)


def test_before_every_change_the_volume_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledged: list[str] = []
    seen = 0
    with open_registry(tmp_path) as observer:

        def looked_at(call: Callable[..., object], *arguments: object, **named: object) -> object:
            nonlocal seen
            if threading.current_thread().name.startswith("AnyIO"):
                seen += 1
                with monkeypatch.context() as undone:
                    for name, original in originals.items():
                        undone.setattr(os, name, original)
                    check_links(Layout(tmp_path))
                    check_promises(observer, set(acknowledged))
            return call(*arguments, **named)

        originals = {name: getattr(os, name) for name in CHANGES}
        for name, original in originals.items():
            monkeypatch.setattr(os, name, partial(looked_at, original))
        asyncio.run(run(tmp_path, acknowledged.append))
        monkeypatch.undo()
        check_promises(observer, set(acknowledged))
    assert tuple(acknowledged) == STEPS
    assert seen > 200


def killed(root: Path, call: str, number: int) -> tuple[bool, list[str]]:
    """Run the scenario until that call comes for that time. Whether it was killed, and what was acknowledged."""
    inject = f"inject=?{call}:signal=KILL:when={number}"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace=?{call}", "-e", inject]
    done = subprocess.run(
        [*command, sys.executable, "-B", "-m", "tests.registry.crash_scenario", str(root)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode in (0, *_KILLED), done.stderr
    return done.returncode != 0, done.stdout.splitlines()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: str(call).partition(",")[0])
def test_at_no_system_call_a_crash_does_harm(tmp_path: Path, call: str, need: Callable[[bool, str], None]) -> None:
    need(has_strace(), "strace is missing or may not trace")
    number = 1 - STRIDE
    more = True
    while more:
        number += STRIDE
        root = tmp_path / str(number)
        root.mkdir()
        more, acknowledged = killed(root, call, number)
        assert acknowledged == list(STEPS[: len(acknowledged)])
        assert more or len(acknowledged) == len(STEPS)
        check_links(Layout(root))
        with open_registry(root) as registry:
            check_promises(registry, set(acknowledged))
        finished: list[str] = []
        asyncio.run(run(root, finished.append))
        assert tuple(finished) == STEPS
        shutil.rmtree(root)
    assert number > 10


def check_links(layout: Layout) -> None:
    """Every link leads to whole content, every tag to a manifest with all that it needs."""
    for name in (NAME, OTHER):
        repository = layout.repository(name)
        for link in (
            *repository.folder.glob("_layers/*/*/link"),
            *repository.folder.glob("_manifests/revisions/*/*/link"),
        ):
            stored = read_link(link)
            assert stored is not None, link
            content = layout.content(stored).read_bytes()
            assert hashlib.sha256(content).hexdigest() == stored.encoded
            named = parse_digest(f"{link.parent.parent.name}:{link.parent.name}")
            assert named == digest_of(content, link.parent.parent.name)
        for link in repository.folder.glob("_manifests/tags/*/current/link"):
            tagged = read_link(link)
            assert tagged is not None
            stored = repository.manifests.resolve(tagged)
            assert stored is not None, f"{link} has no manifest"
            document = json.loads(layout.content(stored).read_bytes())
            for entry in (document["config"], *document["layers"]):
                digest = parse_digest(entry["digest"])
                assert digest is not None
                assert repository.layers.resolve(digest) is not None


def check_promises(registry: Registry, acknowledged: set[str]) -> None:
    """What was acknowledged is so, whatever came after it. Each line holds from its step on to the end."""
    listed = {
        entry["digest"] for entry in registry.call("GET", f"/v2/{NAME}/referrers/{SUBJECT}").json()["manifests"]
    }
    promises = {
        "config": (f"/v2/{NAME}/blobs/{digest_of(CONFIG)}", 200),
        "layer": (f"/v2/{NAME}/blobs/{LONG_NAME}", 200),
        "mountable": (f"/v2/{OTHER}/blobs/{digest_of(GOES)}", 200),
        "v1": (f"/v2/{NAME}/manifests/v1", 200),
        "two tags": (f"/v2/{NAME}/manifests/stays", 200),
        "referrers": (f"/v2/{NAME}/manifests/{KEPT}", 200),
        "mount": (f"/v2/{NAME}/blobs/{digest_of(STAYS)}", 200),
        "tag deleted": (f"/v2/{NAME}/manifests/goes", 404),
        "referrer deleted": (f"/v2/{NAME}/manifests/{REMOVED}", 404),
        "blob deleted": (f"/v2/{NAME}/blobs/{digest_of(GOES)}", 404),
    }
    for step in acknowledged & promises.keys():
        path, status = promises[step]
        assert registry.call("HEAD", path).status_code == status, step
    for digest in listed:
        assert registry.call("HEAD", f"/v2/{NAME}/manifests/{digest}").status_code == 200
    assert "referrers" not in acknowledged or str(KEPT) in listed
    assert "referrer deleted" not in acknowledged or str(REMOVED) not in listed
