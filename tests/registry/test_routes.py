import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio import CapacityLimiter
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.routing import Route

from tests.registry.conftest import (
    EVERYTHING,
    ISSUER,
    NAME,
    NOW,
    OTHER,
    REALM,
    SERVICE,
    MakeRegistry,
    MovableClock,
    Registry,
    sign,
)
from token_service.registry import CachingVerifier, Gate, RegistryOptions
from token_service.registry.digest import digest_of
from token_service.registry.layout import Layout
from token_service.registry.required_access import Kind
from token_service.registry.routes import PATHS, Context, PathShape, build_routes, check_version

DIGEST = digest_of(b"nowhere")
UPLOAD = f"/v2/{NAME}/blobs/uploads/00000000-0000-4000-8000-000000000000"
PULL, PUSH, DELETE = (f"repository:{NAME}:{actions}" for actions in ("pull", "pull,push", "delete"))

ENDPOINTS = [
    ("GET", "/v2/", ""),
    ("HEAD", "/v2/", ""),
    ("GET", "/v2", ""),
    ("HEAD", "/v2", ""),
    ("GET", "/v2/_catalog", "registry:catalog:*"),
    ("HEAD", "/v2/_catalog", "registry:catalog:*"),
    ("GET", f"/v2/{NAME}/tags/list", PULL),
    ("HEAD", f"/v2/{NAME}/tags/list", PULL),
    ("GET", f"/v2/{NAME}/referrers/{DIGEST}", PULL),
    ("HEAD", f"/v2/{NAME}/referrers/{DIGEST}", PULL),
    ("GET", f"/v2/{NAME}/manifests/latest", PULL),
    ("HEAD", f"/v2/{NAME}/manifests/latest", PULL),
    ("GET", f"/v2/{NAME}/manifests/{DIGEST}", PULL),
    ("PUT", f"/v2/{NAME}/manifests/latest", PUSH),
    ("PUT", f"/v2/{NAME}/manifests/{DIGEST}", PUSH),
    ("PUT", f"/v2/{NAME}/manifests/{DIGEST}?tag=a&tag=b", PUSH),
    ("DELETE", f"/v2/{NAME}/manifests/latest", DELETE),
    ("DELETE", f"/v2/{NAME}/manifests/{DIGEST}", DELETE),
    ("POST", f"/v2/{NAME}/blobs/uploads/", PUSH),
    ("POST", f"/v2/{NAME}/blobs/uploads", PUSH),
    ("POST", f"/v2/{NAME}/blobs/uploads/?digest={DIGEST}", PUSH),
    ("POST", f"/v2/{NAME}/blobs/uploads/?mount={DIGEST}", PUSH),
    ("POST", f"/v2/{NAME}/blobs/uploads/?mount={DIGEST}&from={NAME}", PUSH),
    ("POST", f"/v2/{NAME}/blobs/uploads/?mount={DIGEST}&from={OTHER}", f"{PUSH} repository:{OTHER}:pull"),
    ("GET", UPLOAD, PUSH),
    ("HEAD", UPLOAD, PUSH),
    ("PATCH", UPLOAD, PUSH),
    ("PUT", f"{UPLOAD}?digest={DIGEST}", PUSH),
    ("DELETE", UPLOAD, PUSH),
    ("GET", f"/v2/{NAME}/blobs/{DIGEST}", PULL),
    ("HEAD", f"/v2/{NAME}/blobs/{DIGEST}", PULL),
    ("DELETE", f"/v2/{NAME}/blobs/{DIGEST}", DELETE),
]

ELSEWHERE = f"repository:{OTHER}:pull,push,delete repository:{NAME}/sub:* repository:team:* registry:{NAME}:*"
REFUSED = {
    "no token": ("", ""),
    "garbage": ("not.a.token", "invalid_token"),
    "expired": (sign(exp=NOW - 60), "invalid_token"),
    "not yet": (sign(nbf=NOW + 61), "invalid_token"),
    "wrong audience": (sign(aud="other.example"), "invalid_token"),
    "wrong issuer": (sign(iss="https://other.example"), "invalid_token"),
    "wrong key": (sign(key=ec.generate_private_key(ec.SECP256R1())), "invalid_token"),
    "no scope": (sign(""), "insufficient_scope"),
    "other repository": (sign(ELSEWHERE), "insufficient_scope"),
    "half of it": (sign(f"repository:{NAME}:push"), "insufficient_scope"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_without_the_right_token_there_is_a_challenge(
    registry: Registry, method: str, path: str, scope: str, case: str
) -> None:
    token, error = REFUSED[case]
    answer = registry.call(method, path, token=token)
    if error == "insufficient_scope" and not scope:
        assert answer.status_code == 200
        return
    expected = f'Bearer realm="{REALM}",service="{SERVICE}"'
    expected += f',scope="{scope}"' if scope else ""
    expected += f',error="{error}"' if error else ""
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == [expected]
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert answer.headers["content-type"] == "application/json"
    if method != "HEAD":
        entry = answer.json()["errors"][0]
        assert entry["code"] == "UNAUTHORIZED"
        assert " ".join(f"{e['type']}:{e['name']}:{','.join(e['actions'])}" for e in entry["detail"]) == scope
    assert [line["status"] for line in registry.audit] == [401]


@pytest.mark.parametrize("widen", [False, True], ids=["right scope", "any action"])
@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_with_the_right_token_the_request_is_answered(
    registry: Registry, method: str, path: str, scope: str, widen: bool
) -> None:
    """Exactly what the challenge asks for is enough, and so is `*`."""
    granted = re.sub(r":[a-z,]+(?= |$)", ":*", scope) if widen else scope
    answer = registry.call(method, path, token=sign(granted))
    assert answer.status_code in (200, 202, 400, 404)
    assert "www-authenticate" not in answer.headers
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


def test_a_mount_needs_pull_on_its_source(registry: Registry) -> None:
    digest = registry.push_blob(b"secret", OTHER)
    path = f"/v2/{NAME}/blobs/uploads/?mount={digest}&from={OTHER}"
    for scope in (PUSH, f"{PUSH} repository:{OTHER}:push,delete", f"repository:{NAME}:pull repository:{OTHER}:pull"):
        answer = registry.call("POST", path, token=sign(scope))
        assert answer.status_code == 401
        assert f'scope="{PUSH} repository:{OTHER}:pull"' in answer.headers["www-authenticate"]
    assert registry.call("GET", f"/v2/{NAME}/blobs/{digest}").status_code == 404


def walked(routes: list[object]) -> Iterator[tuple[str, str]]:
    for route in routes:
        assert isinstance(route, Route)
        for method in sorted(route.methods or ()):
            yield method, route.path


def test_every_route_but_two_refuses_a_request_without_a_token(make_registry: MakeRegistry) -> None:
    registry = make_registry(metrics_enabled=True)
    open_paths = set()
    for method, template in walked(list(registry.app.routes)):
        path = template.replace("{name:path}", NAME).replace("{reference}", str(DIGEST))
        answer = registry.call(method, path, token="")
        if answer.status_code != 401:
            open_paths.add(path)
            assert NAME not in answer.text
        else:
            assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    assert open_paths == {"/healthz", "/metrics"}


def test_the_table_of_this_test_holds_every_route(registry: Registry) -> None:
    """So that a new route cannot forget its line in the table above."""
    tested = set()
    for method, path, _ in ENDPOINTS:
        for template in PATHS:
            pattern = re.escape(template.template).replace(r"\{name:path\}", ".+").replace(r"\{reference\}", "[^/]+")
            if re.fullmatch(pattern, path.partition("?")[0]):
                tested.add((method, template.template))
                break
    assert tested == {(m, p) for m, p in walked(list(registry.app.routes)) if p.startswith("/v2")}


@pytest.mark.parametrize(
    ("method", "kind"),
    [("POST", Kind.BASE), ("PATCH", Kind.MANIFEST), ("PUT", Kind.BLOB), ("GET", Kind.UPLOADS), ("TRACE", Kind.TAGS)],
)
def test_a_route_that_declares_no_access_does_not_start(tmp_path: Path, method: str, kind: Kind) -> None:
    options = RegistryOptions(root=tmp_path, realm=REALM, service=SERVICE)
    gate = Gate(REALM, SERVICE, CachingVerifier(dict, ISSUER, SERVICE, MovableClock()))
    context = Context(
        options=options,
        layout=Layout(tmp_path),
        gate=gate,
        audit=print,
        clock=MovableClock(),
        hashing=CapacityLimiter(1),
    )
    assert len(build_routes(context)) == len(PATHS)
    with pytest.raises(KeyError):
        build_routes(context, (*PATHS, PathShape("/v2/x", kind, {method: check_version})))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/UPPER/tags/list", 400, "NAME_INVALID"),
        ("GET", "/v2/a//b/tags/list", 400, "NAME_INVALID"),
        ("PUT", "/v2/a..b/manifests/x", 400, "NAME_INVALID"),
        ("GET", f"/v2/{'a' * 256}/tags/list", 400, "NAME_INVALID"),
        ("GET", f"/v2/{NAME}/manifests/sha256:bad", 400, "DIGEST_INVALID"),
        ("PUT", f"/v2/{NAME}/manifests/sha256:bad", 400, "DIGEST_INVALID"),
        ("DELETE", f"/v2/{NAME}/blobs/bad", 400, "DIGEST_INVALID"),
        ("GET", f"/v2/{NAME}/referrers/bad", 400, "DIGEST_INVALID"),
        ("PUT", f"/v2/{NAME}/manifests/-bad", 400, "MANIFEST_INVALID"),
        ("POST", f"/v2/{NAME}/blobs/uploads/?mount={DIGEST}&from=a&from=b", 400, "UNSUPPORTED"),
        ("POST", f"/v2/{NAME}/blobs/uploads/?mount={DIGEST}&mount={DIGEST}", 400, "UNSUPPORTED"),
        ("GET", f"/v2/{NAME}/tags/list?x=%ff", 400, "UNSUPPORTED"),
        ("GET", f"/v2/{NAME}/manifests/-bad", 401, "UNAUTHORIZED"),
        ("GET", f"/v2/{NAME}/blobs/{DIGEST}", 401, "UNAUTHORIZED"),
        ("GET", "/v2/nobody/knows/tags/list", 401, "UNAUTHORIZED"),
        ("GET", "/v2/x", 404, "UNSUPPORTED"),
        ("GET", "/v2/a/b/c", 404, "UNSUPPORTED"),
        ("GET", "/", 404, "UNSUPPORTED"),
        ("GET", "/docs", 404, "UNSUPPORTED"),
        ("GET", "/openapi.json", 404, "UNSUPPORTED"),
        ("GET", "/metrics", 404, "UNSUPPORTED"),
        ("POST", "/v2/", 405, "UNSUPPORTED"),
        ("DELETE", "/v2/_catalog", 405, "UNSUPPORTED"),
        ("OPTIONS", f"/v2/{NAME}/tags/list", 405, "UNSUPPORTED"),
        ("PUT", f"/v2/{NAME}/blobs/{DIGEST}", 405, "UNSUPPORTED"),
        ("GET", f"/v2/{NAME}/blobs/uploads/", 405, "UNSUPPORTED"),
    ],
)
def test_to_a_stranger_syntax_comes_before_the_token_and_the_token_before_existence(
    registry: Registry, method: str, path: str, status: int, code: str
) -> None:
    answer = registry.call(method, path, token="")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert answer.headers["content-type"] == "application/json"
    assert [line["status"] for line in registry.audit] == [status]


@pytest.mark.parametrize(
    "name", ["a/manifests/b", "a/tags/list", "a/blobs/uploads", "manifests", "blobs", "a/referrers/b"]
)
def test_a_repository_may_be_named_like_a_route(registry: Registry, name: str) -> None:
    token = sign(f"repository:{name}:pull,push")
    digest = digest_of(b"x")
    pushed = registry.call("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", token=token, content=b"x")
    assert pushed.status_code == 201
    assert registry.call("GET", f"/v2/{name}/blobs/{digest}", token=token).content == b"x"
    assert registry.call("GET", f"/v2/{name}/tags/list", token=token).json()["errors"][0]["code"] == "NAME_UNKNOWN"
    assert {line["repository"] for line in registry.audit} == {name}


WRITES = [(method, path) for method, path, scope in ENDPOINTS if "push" in scope or "delete" in scope]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_read_only_registry_refuses_every_write(make_registry: MakeRegistry, method: str, path: str) -> None:
    answer = make_registry(read_only=True).call(method, path)
    if method in ("GET", "HEAD"):  # the state of an upload
        assert answer.status_code == 404
    else:
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (405, "UNSUPPORTED")


def test_a_read_only_registry_serves_what_it_has(make_registry: MakeRegistry) -> None:
    digest = make_registry().push_image("v1")
    frozen = make_registry(read_only=True)
    assert frozen.call("HEAD", f"/v2/{NAME}/manifests/v1").headers["docker-content-digest"] == digest


def test_the_delete_switch_holds_for_manifests_tags_and_blobs(make_registry: MakeRegistry) -> None:
    """CVE-2026-41888: the tag route of another registry did not look at the switch."""
    registry = make_registry(delete_enabled=False)
    digest, blob = registry.push_image("v1"), registry.push_blob(b"{}")
    for path in (f"manifests/{digest}", "manifests/v1", f"blobs/{blob}"):
        answer = registry.call("DELETE", f"/v2/{NAME}/{path}")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (405, "UNSUPPORTED")
        assert registry.call("HEAD", f"/v2/{NAME}/{path}").status_code == 200
    assert registry.call("DELETE", registry.begin()).status_code == 204


def test_there_is_one_audit_line_a_request(registry: Registry) -> None:
    digest = registry.push_blob(b"x", OTHER)
    registry.audit.clear()
    token = sign(EVERYTHING, sub="bob", jti="token-1")
    registry.call("POST", f"/v2/{NAME}/blobs/uploads/?mount={digest}&from={OTHER}", token=token)
    registry.call("GET", f"/v2/{NAME}/blobs/{digest}", token=token)
    registry.call("GET", "/v2/", token=token)
    shared = {"event": "registry.request", "subject": "bob", "token_id": "token-1"}
    assert registry.audit == [
        shared
        | {
            "method": "POST",
            "kind": "uploads",
            "action": "mount",
            "repository": NAME,
            "source": OTHER,
            "reference": "",
            "digest": digest,
            "status": 201,
            "error": "",
        },
        shared
        | {
            "method": "GET",
            "kind": "blob",
            "action": "pull",
            "repository": NAME,
            "source": "",
            "reference": digest,
            "digest": digest,
            "status": 200,
            "error": "",
        },
        shared
        | {
            "method": "GET",
            "kind": "base",
            "action": "",
            "repository": "",
            "source": "",
            "reference": "",
            "digest": "",
            "status": 200,
            "error": "",
        },
    ]


def test_a_refusal_is_in_the_audit_log_with_its_reason_and_whose_token_it_was(registry: Registry) -> None:
    path = f"/v2/{NAME}/blobs/{DIGEST}"
    registry.call("GET", path, token=sign("", sub="bob", jti="token-2"))
    registry.call("GET", path, token=sign(aud="elsewhere", sub="bob"))
    registry.call("GET", path, token="")
    registry.call("GET", path)
    assert [(line["status"], line["subject"], line["token_id"], line["error"]) for line in registry.audit[:3]] == [
        (401, "bob", "token-2", "UNAUTHORIZED: the token does not grant this access"),
        (401, "", "", "UNAUTHORIZED: aud is another audience"),
        (401, "", "", "UNAUTHORIZED: authentication required"),
    ]
    assert registry.audit[3]["error"] == "BLOB_UNKNOWN: this repository does not hold the blob"
    assert "audience" not in registry.call("GET", path, token=sign(aud="elsewhere")).text


def test_a_crash_is_an_oci_error_and_in_the_audit_log(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk is on fire: /secret/path")

    monkeypatch.setattr("token_service.registry.layout.LinkFolder.resolve", broken)
    answer = registry.call("GET", f"/v2/{NAME}/blobs/{DIGEST}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (500, "UNKNOWN")
    assert "secret" not in answer.text
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert [line["status"] for line in registry.audit] == [500]
