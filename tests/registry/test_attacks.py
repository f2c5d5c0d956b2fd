"""The attacks on other registries that ours must not repeat, by the numbers of the check-list that the project's
security notes keep (`docs/registry.md`, "Attacks"). What a single module already refuses is tested there, too."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.registry.conftest import (
    EVERYTHING,
    NAME,
    NOW,
    OTHER,
    MakeRegistry,
    Registry,
    descriptor,
    image,
    index,
    send_raw,
    sign,
)
from token_service.registry.digest import digest_of
from token_service.registry.document import OCI_INDEX

SECRET = b"secret"
HERE, THERE = f"repository:{NAME}:pull,push,delete", f"repository:{OTHER}:pull,push,delete"


def files(registry: Registry) -> list[str]:
    root = registry.options.root
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_01_a_digest_of_another_repository_opens_nothing(registry: Registry, method: str) -> None:
    """openshift/origin#9755, zot CVE-2024-39897: blobs were looked up in the whole registry."""
    blob, manifest = registry.push_blob(SECRET, OTHER), registry.push_image("v1", OTHER)
    for path in (f"blobs/{blob}", f"manifests/{manifest}", "manifests/v1"):
        assert registry.call(method, f"/v2/{NAME}/{path}", token=sign(HERE)).status_code == 404
    assert registry.call("GET", f"/v2/{OTHER}/blobs/{blob}").content == SECRET


def test_01_a_manifest_may_not_refer_to_what_lies_elsewhere(registry: Registry) -> None:
    blob, manifest = registry.push_blob(SECRET, OTHER), registry.push_image("v1", OTHER)
    for document in (image(blob), index(manifest)):
        assert registry.push(document, "v1").json()["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"


@pytest.mark.parametrize("source", ["", "&from=", f"&from={OTHER}", "&from=nobody/knows", f"&from={NAME}"])
def test_02_a_mount_reads_nothing_that_the_token_may_not_pull(registry: Registry, source: str) -> None:
    blob = registry.push_blob(SECRET, OTHER)
    statuses = {
        registry.call("POST", f"/v2/{NAME}/blobs/uploads/?mount={digest}{source}", token=sign(HERE)).status_code
        for digest in (blob, digest_of(b"nowhere"))
    }
    assert statuses in ({202}, {401})
    assert registry.call("HEAD", f"/v2/{NAME}/blobs/{blob}").status_code == 404


def test_03_knowing_a_digest_does_not_replace_the_bytes(registry: Registry) -> None:
    blob = registry.push_blob(SECRET, OTHER)
    assert registry.call("POST", f"/v2/{NAME}/blobs/uploads/?digest={blob}").status_code == 400
    assert registry.call("PUT", f"{registry.begin()}?digest={blob}").status_code == 400
    assert registry.call("HEAD", f"/v2/{NAME}/blobs/{blob}").status_code == 404


TRAVERSALS = [
    "..",
    "../..",
    "%2e%2e",
    "..%2f..%2fx",
    "%2Fetc%2Fpasswd",
    "a%00b",
    "sha256:..%2f..",
    "sha256:%2e%2e",
    ".",
]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
@pytest.mark.parametrize("evil", TRAVERSALS)
async def test_04_no_part_of_a_path_leaves_its_folder(registry: Registry, evil: str, method: str) -> None:
    registry.push_image("v1")
    (registry.options.root / "outside").write_bytes(SECRET)
    before = files(registry)
    for path in (
        f"/v2/{NAME}/manifests/{evil}",
        f"/v2/{NAME}/blobs/{evil}",
        f"/v2/{NAME}/blobs/uploads/{evil}?digest={digest_of(b'')}",
        f"/v2/{NAME}/referrers/{evil}",
        f"/v2/{evil}/tags/list",
        f"/v2/{evil}/{NAME}/manifests/v1",
        f"/v2/{NAME}/{evil}/manifests/v1",
        f"/v2/{NAME}/manifests/{digest_of(b'{}')}?tag={evil}",
    ):
        answer = await send_raw(registry.app, method, path, {}, [{"type": "http.request", "body": b"{}"}])
        assert answer["status"] in (400, 401, 404, 405), path
        assert SECRET not in answer["body"]
    assert files(registry) == before


async def test_05_one_reading_of_the_path_feeds_the_check_and_the_volume(registry: Registry) -> None:
    """`a%2fb` is `a/b` to both; and where a name could be cut at two places, it is cut at one."""
    reader = {"Authorization": f"Bearer {sign('repository:base/os:pull')}"}
    digest = registry.push_blob(SECRET, OTHER)
    for path, status in (
        (f"/v2/base%2fos/blobs/{digest}", 200),
        (f"/v2/{NAME}/../../base/os/blobs/{digest}", 400),
        (f"/v2/base/os/manifests/x/../../blobs/{digest}", 400),
        (f"/v2/base/os/blobs/uploads/blobs/{digest}", 401),
    ):
        assert (await send_raw(registry.app, "GET", path, reader, []))["status"] == status, path
    assert registry.audit[-1]["repository"] == "base/os/blobs/uploads"


@pytest.mark.parametrize(
    "query",
    [f"mount={digest_of(SECRET)}&from={OTHER}&from={NAME}", f"mount=a&mount=b&from={NAME}", "digest=a&digest=b"],
)
def test_05_repeated_parameters_are_refused(registry: Registry, query: str) -> None:
    assert registry.call("POST", f"/v2/{NAME}/blobs/uploads/?{query}").status_code == 400


def test_05_repeated_authorization_is_refused(registry: Registry) -> None:
    headers = [("Authorization", f"Bearer {sign(HERE)}"), ("Authorization", f"Bearer {sign(THERE)}")]
    assert registry.client.get("/v2/", headers=headers).status_code == 400


def ambiguous() -> list[bytes]:
    """CVE-2021-41190 and its family."""
    plain = image(str(digest_of(b"{}")))
    text = json.dumps(plain)
    return [
        json.dumps(plain | {"manifests": []}).encode(),
        json.dumps(plain | {"Manifests": []}).encode(),
        json.dumps(plain | {"mediaType": OCI_INDEX, "manifests": []}).encode(),
        text.encode("utf-16"),
        text.encode("utf-32"),
        text.encode("utf-8-sig"),
        text[:-1].encode() + b', "layers": []}',
        text[:-1].encode() + b', "a": NaN}',
        text[:-1].encode() + b', "a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        text[:-1].encode() + b', "a": ' + b"1" * 5000 + b"}",
    ]


@pytest.mark.parametrize("content", ambiguous(), ids=range(len(ambiguous())))
def test_06_a_document_with_two_readings_is_refused(registry: Registry, content: bytes) -> None:
    registry.push_blob(b"{}")
    answer = registry.push(content, "v1")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_INVALID")
    assert registry.call("HEAD", f"/v2/{NAME}/manifests/{digest_of(content)}").status_code == 404


def test_06_a_document_is_not_what_its_header_says_otherwise(registry: Registry) -> None:
    document = image(registry.push_blob(b"{}"))
    assert registry.push(document, "v1", headers={"Content-Type": OCI_INDEX}).status_code == 400


@pytest.mark.parametrize(
    "spell", [str.upper, lambda d: d.replace("sha256", "SHA256"), lambda d: d[:-1], lambda d: d + "0"]
)
def test_07_a_digest_has_one_spelling(registry: Registry, spell: object) -> None:
    assert callable(spell)
    digest = spell(registry.push_blob(SECRET))
    assert registry.call("GET", f"/v2/{NAME}/blobs/{digest}").status_code == 400
    assert registry.call("PUT", f"{registry.begin()}?digest={digest}", content=SECRET).status_code == 400


def test_07_nothing_is_named_by_a_digest_that_its_bytes_do_not_have(registry: Registry) -> None:
    wrong = digest_of(b"other")
    registry.call("PUT", f"{registry.begin()}?digest={wrong}", content=SECRET)
    registry.push(b"{}", str(wrong))
    assert not any(wrong.encoded in file for file in files(registry))


def test_08_an_endless_manifest_is_cut_off(registry: Registry) -> None:
    sent = 0

    def endless() -> object:
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            sent += 1024 * 1024
            yield b" " * 1024 * 1024

    assert registry.push(b"", "v1", headers={}).status_code == 400
    answer = registry.call("PUT", f"/v2/{NAME}/manifests/v1", content=endless())
    assert answer.status_code == 413


@pytest.mark.parametrize("n", ["1" * 18, "9" * 500, "-1", "1e9", "\u0661"])
def test_09_a_list_makes_no_room_for_what_is_asked(registry: Registry, n: str) -> None:
    """CVE-2023-2253."""
    registry.push_image("v1")
    for path in (f"/v2/{NAME}/tags/list", "/v2/_catalog"):
        answer = registry.call("GET", f"{path}?n={n}")
        assert answer.status_code == (200 if n == "1" * 18 else 400)


@pytest.mark.parametrize(
    "header",
    ["bytes=" + ",".join(["0-"] * 1000), "bytes=0-0,0-0", "bytes=" + "9" * 5000 + "-", "bytes=0-" + "9" * 5000],
)
def test_10_many_ranges_and_long_numbers_are_no_work(registry: Registry, header: str) -> None:
    """CVE-2025-62727."""
    digest = registry.push_blob(SECRET)
    answer = registry.call("GET", f"/v2/{NAME}/blobs/{digest}", headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, SECRET)


@pytest.mark.parametrize("kind", ["manifest", "tag", "blob"])
def test_11_every_delete_asks_for_delete_and_looks_at_the_switch(make_registry: MakeRegistry, kind: str) -> None:
    """CVE-2026-41888, zot CVE-2026-31801."""
    registry = make_registry()
    digest, blob = registry.push_image("latest"), registry.push_blob(SECRET)
    path = (
        f"/v2/{NAME}/" + {"manifest": f"manifests/{digest}", "tag": "manifests/latest", "blob": f"blobs/{blob}"}[kind]
    )
    assert registry.call("DELETE", path, token=sign(f"repository:{NAME}:pull,push")).status_code == 401
    assert make_registry(delete_enabled=False).call("DELETE", path).status_code == 405
    assert make_registry(read_only=True).call("DELETE", path).status_code == 405
    assert registry.call("HEAD", path).status_code == 200
    assert registry.call("DELETE", path, token=sign(f"repository:{NAME}:delete")).status_code == 202
    assert registry.call("HEAD", path).status_code == 404


def test_12_tokens_come_in_the_header_only(registry: Registry) -> None:
    for query in ("access_token", "token", "authorization"):
        assert registry.call("GET", f"/v2/?{query}={sign()}", token="").status_code == 401
    for header in (
        f"Basic {sign()}",
        f"Token {sign()}",
        sign(),
        f"Bearer {sign()} x",
        f"Bearer {sign()},Bearer {sign()}",
    ):
        assert registry.client.get("/v2/", headers={"Authorization": header}).status_code == 401


def test_12_a_key_in_the_token_is_not_looked_at(registry: Registry) -> None:
    """CVE-2025-24976: a foreign `jwk` was believed for its `kid`."""
    foreign = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(foreign.public_key(), as_dict=True) | {"kid": "test"}
    claims = jwt.decode(sign(), options={"verify_signature": False})
    forged = jwt.encode(claims, foreign, "ES256", headers={"kid": "test", "jwk": jwk})
    assert registry.call("GET", "/v2/", token=forged).status_code == 401


def test_13_an_upload_is_of_one_repository_and_one_subject(registry: Registry) -> None:
    location = registry.begin()
    registry.call("PATCH", location, content=SECRET)
    hijacked = location.replace(NAME, OTHER)
    done = f"?digest={digest_of(SECRET)}"
    for path, token in ((hijacked, sign()), (location, sign(EVERYTHING, sub="mallory"))):
        for method, query in (("GET", ""), ("PATCH", ""), ("PUT", done), ("DELETE", "")):
            answer = registry.call(method, path + query, token=token)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert registry.call("PUT", location + done).status_code == 201


def test_14_here_nowhere_and_elsewhere_look_alike_to_a_stranger(registry: Registry) -> None:
    digest = registry.push_image("v1")
    answers = {
        (answer.status_code, answer.content, answer.headers["www-authenticate"])
        for reference in ("v1", "v2", digest, str(digest_of(b"nowhere")))
        for answer in [registry.call("GET", f"/v2/{NAME}/manifests/{reference}", token="")]
    }
    assert len(answers) == 1
    expired = sign(exp=NOW - 100)
    assert registry.call("GET", f"/v2/{NAME}/manifests/v1", token=expired).status_code == 401


def test_15_an_uploaded_page_does_not_run_in_a_browser(registry: Registry) -> None:
    digest = registry.push_blob(b"<script>alert(1)</script>")
    answer = registry.call("GET", f"/v2/{NAME}/blobs/{digest}", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_15_nothing_is_taken_from_the_host_header(registry: Registry) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    registry.push_image("a")
    registry.push_image("b")
    answers = [
        registry.call("POST", f"/v2/{NAME}/blobs/uploads/", headers=evil),
        registry.call("GET", f"/v2/{NAME}/tags/list?n=1", headers=evil),
        registry.call("GET", "/v2/", token="", headers=evil),
    ]
    assert not any("evil" in str(answer.headers) + answer.text for answer in answers)


@pytest.mark.parametrize("tag", ["a%0d%0aSet-Cookie:%20x=y", "%1b%5b31m", "%22%3e%3cscript%3e", "\u2028"])
def test_15_what_a_client_sends_is_not_echoed(registry: Registry, tag: str) -> None:
    for path in (f"/v2/{NAME}/manifests/{tag}", f"/v2/{tag}/tags/list", f"/v2/{NAME}/blobs/{tag}"):
        answer = registry.call("GET", path)
        assert answer.status_code in (400, 404)
        assert "set-cookie" not in answer.headers
        assert "script" not in answer.text
        assert answer.text.isprintable()


def test_a_subject_is_no_way_around_the_rights_of_a_repository(registry: Registry) -> None:
    """Referrers live in the repository that they were pushed to, whatever they point at."""
    subject = registry.push_image("v1", OTHER)
    registry.push_image(subject=descriptor(subject))
    assert registry.call("GET", f"/v2/{OTHER}/referrers/{subject}").json()["manifests"] == []
