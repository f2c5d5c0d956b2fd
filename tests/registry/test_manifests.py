import json

import pytest

from tests.registry.conftest import NAME, OTHER, MakeRegistry, Registry, descriptor, image, index
from token_service.registry.digest import digest_of
from token_service.registry.document import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA_1,
    SCHEMA_1_SIGNED,
)
from token_service.registry.layout import Layout

PATH = f"/v2/{NAME}/manifests/"


def code(answer: object) -> str:
    return str(answer.json()["errors"][0]["code"])  # type: ignore[attr-defined]


@pytest.fixture
def document(registry: Registry) -> dict[str, object]:
    return image(registry.push_blob(b"{}"), registry.push_blob(b"layer"))


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image_is_served_byte_for_byte(registry: Registry, document: dict[str, object], media_type: str) -> None:
    content = json.dumps(document | {"mediaType": media_type}, indent=3).encode() + b"\n"
    digest = str(digest_of(content))
    pushed = registry.push(content, "v1", headers={"Content-Type": media_type})
    assert pushed.status_code == 201
    assert pushed.headers["location"] == PATH + digest
    assert pushed.headers["docker-content-digest"] == digest
    for reference in ("v1", digest):
        for method, body in (("GET", content), ("HEAD", b"")):
            answer = registry.call(method, PATH + reference, headers={"Accept": "text/plain"})
            assert (answer.status_code, answer.content) == (200, body)
            assert answer.headers["content-type"] == media_type
            assert answer.headers["content-length"] == str(len(content))
            assert answer.headers["docker-content-digest"] == digest
            assert answer.headers["etag"] == f'"{digest}"'
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_of_what_is_here_is_accepted(registry: Registry, media_type: str) -> None:
    content = index(registry.push_image()) | {"mediaType": media_type}
    assert registry.push(content, "all", headers={"Content-Type": media_type}).status_code == 201
    assert registry.call("GET", PATH + "all").headers["content-type"] == media_type


def test_an_index_may_list_blobs(registry: Registry) -> None:
    """BuildKit's registry cache is such an index."""
    assert registry.push(index(registry.push_blob(b"cache")), "cache").status_code == 201


def test_an_artifact_with_the_empty_config_is_accepted(registry: Registry) -> None:
    empty = descriptor(registry.push_blob(b"{}"), "application/vnd.oci.empty.v1+json")
    artifact = image("", "") | {"config": empty, "layers": [], "artifactType": "application/x.thing"}
    assert registry.push(artifact, "thing").status_code == 201


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_push_by_digest_needs_the_digest_of_the_bytes(
    registry: Registry, document: dict[str, object], algorithm: str
) -> None:
    content = json.dumps(document).encode()
    wrong = registry.push(content, str(digest_of(b"other", algorithm)))
    assert (wrong.status_code, code(wrong)) == (400, "DIGEST_INVALID")
    digest = str(digest_of(content, algorithm))
    assert registry.push(content, digest).headers["docker-content-digest"] == digest
    answer = registry.call("GET", PATH + digest)
    assert (answer.content, answer.headers["docker-content-digest"]) == (content, digest)


def test_a_push_by_digest_may_set_tags(registry: Registry, document: dict[str, object]) -> None:
    content = json.dumps(document).encode()
    digest = digest_of(content, "sha512")
    tags = [f"t{number}" for number in range(12)]
    answer = registry.push(content, f"{digest}?{'&'.join(f'tag={tag}' for tag in tags)}")
    assert answer.status_code == 201
    assert answer.headers.get_list("oci-tag") == tags
    for tag in tags:
        assert registry.call("HEAD", PATH + tag).headers["docker-content-digest"] == str(digest)


@pytest.mark.parametrize(
    ("reference", "status", "error"),
    [
        ("{digest}?" + "&".join(["tag=a"] * 101), 414, "UNSUPPORTED"),
        ("{digest}?tag=.a", 400, "MANIFEST_INVALID"),
        ("{digest}?tag=../../x", 400, "MANIFEST_INVALID"),
        ("{digest}?tag=", 400, "MANIFEST_INVALID"),
        ("v1?tag=v2", 400, "UNSUPPORTED"),
    ],
)
def test_tags_that_cannot_be_set_stop_the_push(
    registry: Registry, document: dict[str, object], reference: str, status: int, error: str
) -> None:
    content = json.dumps(document).encode()
    answer = registry.push(content, reference.format(digest=digest_of(content)))
    assert (answer.status_code, code(answer)) == (status, error)
    assert registry.call("GET", f"{PATH}{digest_of(content)}").status_code == 404


@pytest.mark.parametrize("tag", ["a" * 129, ".a", "-a", "a+b", "a\u00e4", "a%0a", "a b", "%2e%2e"])
def test_a_bad_tag_cannot_be_pushed_and_is_not_found(
    registry: Registry, document: dict[str, object], tag: str
) -> None:
    answer = registry.push(document, tag)
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_INVALID")
    assert code(registry.call("GET", PATH + tag)) == "MANIFEST_UNKNOWN"


@pytest.mark.parametrize("tag", ["a", "_", "A.b-c_d", "0" * 128, "latest"])
def test_a_good_tag_is_taken(registry: Registry, document: dict[str, object], tag: str) -> None:
    assert registry.push(document, tag).status_code == 201
    assert registry.call("HEAD", PATH + tag).status_code == 200


def test_a_tag_moves(registry: Registry) -> None:
    first, second = registry.push_image("v1"), registry.push_image("v1", annotations={"a": "b"})
    assert first != second
    assert registry.call("HEAD", PATH + "v1").headers["docker-content-digest"] == second
    assert registry.call("HEAD", PATH + first).status_code == 200


def test_missing_references_are_named(registry: Registry, document: dict[str, object]) -> None:
    missing = [str(digest_of(b"none")), str(digest_of(b"none", "sha512"))]
    elsewhere = registry.push_blob(b"elsewhere", OTHER)
    layers = [descriptor(digest) for digest in (*missing, elsewhere)]
    answer = registry.push(document | {"layers": layers}, "v1")
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == [{"digest": digest} for digest in (*missing, elsewhere)]
    child = registry.push(index(registry.push_image(name=OTHER)), "v1")
    assert (child.status_code, code(child)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert registry.call("GET", PATH + "v1").status_code == 404


def test_a_link_whose_bytes_a_collector_removed_is_no_reference(
    registry: Registry, document: dict[str, object]
) -> None:
    child = registry.push_image()
    for content in registry.volume.glob("blobs/sha256/*/*/data"):
        content.unlink()
    for what in (document, index(child)):
        answer = registry.push(what, "v1")
        assert (answer.status_code, code(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_a_missing_subject_is_no_reference(registry: Registry, document: dict[str, object]) -> None:
    subject = str(digest_of(b"later"))
    answer = registry.push(document | {"subject": descriptor(subject)}, "v1")
    assert (answer.status_code, answer.headers["oci-subject"]) == (201, subject)


def test_a_refused_document_says_why(registry: Registry, document: dict[str, object]) -> None:
    answer = registry.push(document | {"manifests": []}, "v1")
    assert answer.json() == {"errors": [{"code": "MANIFEST_INVALID", "message": f"{OCI_MANIFEST} has no manifests"}]}


@pytest.mark.parametrize("media_type", [SCHEMA_1, SCHEMA_1_SIGNED])
def test_a_push_of_schema_1_is_refused_with_its_replacement(registry: Registry, media_type: str) -> None:
    answer = registry.push(b'{"schemaVersion": 1}', "v1", headers={"Content-Type": media_type})
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_INVALID")
    assert OCI_MANIFEST in answer.text
    assert DOCKER_MANIFEST in answer.text


@pytest.mark.parametrize(("extra", "media_type"), [({}, SCHEMA_1), ({"signatures": [{"x": 1}]}, SCHEMA_1_SIGNED)])
def test_schema_1_on_an_old_volume_is_served_byte_for_byte(
    registry: Registry, extra: dict[str, object], media_type: str
) -> None:
    content = json.dumps({"schemaVersion": 1, "name": NAME, "tag": "old", "fsLayers": []} | extra, indent=3).encode()
    layout = Layout(registry.options.root)
    stored, repository = layout.add_bytes(content), layout.repository(NAME)
    repository.manifests.add(stored, stored)
    link = repository.tags / "old/current/link"
    link.parent.mkdir(parents=True)
    link.write_text(str(stored))
    for reference in ("old", str(stored)):
        answer = registry.call("GET", PATH + reference)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == media_type
        assert answer.headers["docker-content-digest"] == str(stored)


def test_a_manifest_of_four_megabytes_passes_and_one_byte_more_does_not(
    registry: Registry, document: dict[str, object]
) -> None:
    padding = 4 * 1024 * 1024 - len(json.dumps(document | {"annotations": {"a": ""}}))
    content = json.dumps(document | {"annotations": {"a": "x" * padding}}).encode()
    assert len(content) == 4 * 1024 * 1024
    assert registry.push(content, "v1").status_code == 201
    answer = registry.push(content + b" ", "v1")
    assert (answer.status_code, code(answer)) == (413, "MANIFEST_INVALID")


def test_the_size_of_a_manifest_is_an_option(make_registry: MakeRegistry) -> None:
    assert make_registry(max_manifest_bytes=10).push(b"x" * 11, "v1").status_code == 413


@pytest.mark.parametrize("reference", ["v1", str(digest_of(b"none"))])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_is_not_here_is_unknown(registry: Registry, method: str, reference: str) -> None:
    registry.push_image(name=OTHER, reference="v1")
    answer = registry.call(method, PATH + reference)
    assert answer.status_code == 404
    assert method == "HEAD" or code(answer) == "MANIFEST_UNKNOWN"


def test_what_the_client_has_is_not_sent_again(registry: Registry) -> None:
    digest = registry.push_image("v1")
    for reference in ("v1", digest):
        answer = registry.call("GET", PATH + reference, headers={"If-None-Match": f'"{digest}"'})
        assert (answer.status_code, answer.content) == (304, b"")


def test_bytes_that_a_collector_removed_are_unknown(registry: Registry) -> None:
    digest = registry.push_image("v1")
    Layout(registry.options.root).content(digest_of(b"")).parent.mkdir(parents=True, exist_ok=True)
    registry.volume.joinpath(f"blobs/sha256/{digest[7:9]}/{digest[7:]}/data").unlink()
    for reference in ("v1", digest):
        assert code(registry.call("GET", PATH + reference)) == "MANIFEST_UNKNOWN"


def test_deleting_a_tag_leaves_the_manifest_and_its_other_tags(registry: Registry) -> None:
    digest = registry.push_image("v1")
    registry.push_image("v2")
    assert registry.call("DELETE", PATH + "v1").status_code == 202
    assert [registry.call("HEAD", PATH + ref).status_code for ref in ("v1", "v2", digest)] == [404, 200, 200]
    assert registry.call("DELETE", PATH + "v1").status_code == 404
    assert not (Layout(registry.options.root).repository(NAME).tags / "v1").exists()


def test_a_tag_whose_manifest_another_program_removed_can_be_deleted(registry: Registry) -> None:
    digest = registry.push_image("v1")
    (registry.volume / f"repositories/{NAME}/_manifests/revisions/sha256/{digest[7:]}/link").unlink()
    assert registry.call("HEAD", PATH + "v1").status_code == 404
    assert registry.call("DELETE", PATH + "v1").status_code == 202
    assert registry.call("DELETE", PATH + "v1").status_code == 404


def test_deleting_a_manifest_takes_its_tags_along(registry: Registry) -> None:
    digest = registry.push_image("v1")
    registry.push_image("v2")
    other = registry.push_image("other", annotations={"a": "b"})
    assert registry.call("DELETE", PATH + digest).status_code == 202
    references = ("v1", "v2", digest, "other", other)
    assert [registry.call("HEAD", PATH + ref).status_code for ref in references] == [404, 404, 404, 200, 200]
    assert registry.call("DELETE", PATH + digest).status_code == 404
    assert registry.call("GET", f"/v2/{NAME}/tags/list").json()["tags"] == ["other"]


def test_a_manifest_is_deleted_under_all_its_digests(registry: Registry, document: dict[str, object]) -> None:
    content = json.dumps(document).encode()
    registry.push(content, f"{digest_of(content, 'sha512')}?tag=long")
    registry.push(content, "short")
    assert registry.call("DELETE", f"{PATH}{digest_of(content)}").status_code == 202
    for reference in ("long", "short", str(digest_of(content, "sha512"))):
        assert registry.call("HEAD", PATH + reference).status_code == 404
