"""Whatever is asked, the registry answers in its own words and never fails."""

import asyncio
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from tests.registry.conftest import NAME, OTHER, Registry, image, open_registry, send_raw, sign
from token_service.registry.digest import digest_of
from token_service.registry.document import OCI_INDEX, OCI_MANIFEST

CONFIG = digest_of(b"{}")
WORDS = [
    "", "v2", NAME, OTHER, "manifests", "blobs", "uploads", "tags", "list", "referrers", "_catalog", "latest", "..",
    ".", "%2f", "%00", "%ff", "\u00e4", "a" * 300, str(CONFIG), "sha256:bad", str(digest_of(b"x", "sha512")),
    "00000000-0000-4000-8000-000000000000", "healthz",
]  # fmt: skip
SHAPES = [
    "/v2/{}/manifests/{}", "/v2/{}/blobs/{}", "/v2/{}/blobs/uploads/{}", "/v2/{}/blobs/uploads/", "/v2/{}/tags/list",
    "/v2/{}/referrers/{}", "/v2/_catalog", "/v2/", "/{}/{}",
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]
NAMES = ["digest", "mount", "from", "n", "last", "tag", "artifactType", "digest-algorithm", "ns", "%zz"]
HEADERS = ["Content-Range", "Range", "Content-Type", "If-None-Match", "If-Range", "Content-Length", "Authorization"]

word = st.sampled_from(WORDS) | st.text(st.characters(codec="latin-1", exclude_characters="\r\n?#"), max_size=20)
target = st.builds(lambda shape, *words: shape.format(*words), st.sampled_from(SHAPES), word, word)
query = st.lists(st.tuples(st.sampled_from(NAMES), word), max_size=3)
value = st.sampled_from(
    ["0-0", "0-1", "5-2", "bytes=0-1", "bytes=-1", OCI_MANIFEST, OCI_INDEX, "*", "1", f"Bearer {sign()}", "Basic x"]
) | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20)
headers = st.dictionaries(st.sampled_from(HEADERS), value, max_size=3)
body = st.sampled_from([b"", b"{}", b"x" * 100, json.dumps(image(str(CONFIG))).encode()]) | st.binary(max_size=50)


def test_no_request_makes_the_registry_fail(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        registry.push_image("latest")
        seen: set[int] = set()

        @settings(max_examples=1500)
        @given(st.sampled_from(METHODS), target, query, headers, body, st.booleans())
        def ask(
            method: str,
            path: str,
            pairs: list[tuple[str, str]],
            more: dict[str, str],
            content: bytes,
            whole: bool,
        ) -> None:
            asked = "&".join(f"{name}={text}" for name, text in pairs).encode("utf-8").decode("latin-1")
            request: Message = {"type": "http.request", "body": content, "more_body": not whole}
            answer = asyncio.run(send_raw(registry.app, method, f"{path}?{asked}", more, [request]))
            seen.add(answer["status"])
            check(registry, method, path, answer)

        ask()
        assert {200, 400, 404, 405} <= seen


def check(registry: Registry, method: str, path: str, answer: Message) -> None:
    assert answer["status"] < 500
    named = dict(answer["headers"])
    assert path == "/healthz" or named[b"docker-distribution-api-version"] == b"registry/2.0"
    assert all(
        part.isascii() and b"\r" not in part and b"\n" not in part for pair in answer["headers"] for part in pair
    )
    if answer["status"] >= 400 and method != "HEAD":
        errors = json.loads(answer["body"])["errors"]
        assert all(error["code"].isupper() and error["message"] for error in errors)
    assert registry.audit[-1]["status"] == answer["status"] or path == "/healthz"
