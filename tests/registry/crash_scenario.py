"""Uses a volume in every way that changes it, and prints each step that the registry has acknowledged.

`python -m tests.registry.crash_scenario FOLDER`, for test_crash to kill. One worker thread, so that a system call's
number means the same in each run.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette

from tests.registry import conftest
from tests.registry.conftest import NAME, OTHER, descriptor, image, send_raw
from token_service.registry import CachingVerifier, RegistryOptions, build_registry
from token_service.registry.digest import digest_of
from token_service.token.verifier import TrustedKey

CONFIG, LAYER, STAYS, GOES = b"{}", b"layer" * 1000, b"stays", b"goes"
LONG_NAME = digest_of(LAYER, "sha512")
FIRST = image(str(digest_of(CONFIG)), str(LONG_NAME))
SUBJECT = digest_of(json.dumps(FIRST).encode())
REFERRERS = [
    json.dumps(FIRST | {"subject": descriptor(str(SUBJECT)), "annotations": {"number": number}}).encode()
    for number in ("stays", "goes")
]
KEPT, REMOVED = (digest_of(content) for content in REFERRERS)
STEPS = (
    "config", "layer", "mountable", "v1", "v1 moved", "two tags", "referrers", "mount",
    "tag deleted", "referrer deleted", "blob deleted", "cancelled",
)  # fmt: skip


async def run(root: Path, acknowledge: Callable[[str], None]) -> None:
    """All steps, in order. Raises AssertionError where the registry does not do one."""
    current_default_thread_limiter().total_tokens = 1
    keys = {"test": TrustedKey("ES256", conftest.KEY.public_key())}
    clock = conftest.MovableClock()
    verifier = CachingVerifier(lambda: keys, conftest.ISSUER, conftest.SERVICE, clock)
    options = RegistryOptions(root=root, realm=conftest.REALM, service=conftest.SERVICE)
    app = build_registry(options, verifier, _ignore, clock)
    await _fill(app, acknowledge)
    await _empty(app, acknowledge)


async def _fill(app: Starlette, acknowledge: Callable[[str], None]) -> None:
    await _push_blob(app, NAME, CONFIG)
    acknowledge("config")
    location = await _call(app, "POST", f"/v2/{NAME}/blobs/uploads/", 202)
    await _call(app, "PATCH", location, 202, LAYER[:100])
    await _call(app, "PUT", f"{location}?digest={LONG_NAME}", 201, LAYER[100:])
    acknowledge("layer")
    await _push_blob(app, OTHER, STAYS)
    await _push_blob(app, OTHER, GOES)
    acknowledge("mountable")
    await _call(app, "PUT", f"/v2/{NAME}/manifests/v1", 201, json.dumps(FIRST).encode())
    acknowledge("v1")
    moved = json.dumps(FIRST | {"annotations": {"is": "newer"}}).encode()
    await _call(app, "PUT", f"/v2/{NAME}/manifests/v1", 201, moved)
    acknowledge("v1 moved")
    long_name = digest_of(moved, "sha512")
    await _call(app, "PUT", f"/v2/{NAME}/manifests/{long_name}?tag=goes&tag=stays", 201, moved)
    acknowledge("two tags")
    for content in REFERRERS:
        await _call(app, "PUT", f"/v2/{NAME}/manifests/{digest_of(content)}", 201, content)
    acknowledge("referrers")
    for content in (STAYS, GOES):
        await _call(app, "POST", f"/v2/{NAME}/blobs/uploads/?mount={digest_of(content)}&from={OTHER}", 201)
    acknowledge("mount")


async def _empty(app: Starlette, acknowledge: Callable[[str], None]) -> None:
    await _call(app, "DELETE", f"/v2/{NAME}/manifests/goes", 202)
    acknowledge("tag deleted")
    await _call(app, "DELETE", f"/v2/{NAME}/manifests/{REMOVED}", 202)
    acknowledge("referrer deleted")
    await _call(app, "DELETE", f"/v2/{NAME}/blobs/{digest_of(GOES)}", 202)
    acknowledge("blob deleted")
    location = await _call(app, "POST", f"/v2/{NAME}/blobs/uploads/", 202)
    await _call(app, "DELETE", location, 204)
    acknowledge("cancelled")


async def _push_blob(app: Starlette, name: str, content: bytes) -> None:
    await _call(app, "POST", f"/v2/{name}/blobs/uploads/?digest={digest_of(content)}", 201, content)


async def _call(app: Starlette, method: str, target: str, status: int, content: bytes = b"") -> str:
    answer = await send_raw(app, method, target, {}, [{"type": "http.request", "body": content}])
    assert answer["status"] == status, (method, target, answer)
    location: bytes = dict(answer["headers"]).get(b"location", b"")
    return location.decode()


def _ignore(_line: Mapping[str, object]) -> None:
    pass


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), lambda step: print(step, flush=True)))
