import json
import re
from typing import Any

import pytest

from tests.registry.conftest import NAME, OTHER, Registry, descriptor, image, index, sign
from token_service.registry.digest import digest_of
from token_service.registry.document import OCI_INDEX, OCI_MANIFEST
from token_service.registry.layout import Layout

SUBJECT = str(digest_of(b"subject"))
PATH = f"/v2/{NAME}/referrers/"


def listed(registry: Registry, subject: str = SUBJECT, query: str = "") -> list[dict[str, object]]:
    answer = registry.call("GET", f"{PATH}{subject}{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == OCI_INDEX
    body = answer.json()
    assert (body["schemaVersion"], body["mediaType"]) == (2, OCI_INDEX)
    return list(body["manifests"])


def refer(registry: Registry, subject: str = SUBJECT, **fields: Any) -> str:
    return registry.push_image(subject=descriptor(subject), **fields)


@pytest.mark.parametrize("name", [NAME, "nobody/knows"])
def test_an_unknown_subject_or_repository_has_an_empty_list(registry: Registry, name: str) -> None:
    answer = registry.call("GET", f"/v2/{name}/referrers/{SUBJECT}", token=sign(f"repository:{name}:pull"))
    assert (answer.status_code, answer.json()["manifests"]) == (200, [])


def test_a_referrer_is_described_by_its_manifest(registry: Registry) -> None:
    digest = refer(registry, artifactType="application/x.sbom", annotations={"k": "v"})
    size = int(registry.call("HEAD", f"/v2/{NAME}/manifests/{digest}").headers["content-length"])
    assert listed(registry) == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": digest,
            "size": size,
            "artifactType": "application/x.sbom",
            "annotations": {"k": "v"},
        }
    ]


def test_a_referrer_pushed_by_another_digest_is_listed_by_it(registry: Registry) -> None:
    document = image(registry.push_blob(b"{}")) | {"subject": descriptor(SUBJECT)}
    digest = str(digest_of(json.dumps(document).encode(), "sha512"))
    assert registry.push(document, digest).status_code == 201
    assert [entry["digest"] for entry in listed(registry)] == [digest]
    registry.call("DELETE", f"/v2/{NAME}/manifests/{digest}")
    assert listed(registry) == []


def test_the_list_can_be_filtered(registry: Registry) -> None:
    wanted = refer(registry, artifactType="a/b+c")
    refer(registry, artifactType="other/type")
    answer = registry.call("GET", f"{PATH}{SUBJECT}?artifactType=a/b%2Bc")
    assert [entry["digest"] for entry in answer.json()["manifests"]] == [wanted]
    assert answer.headers["oci-filters-applied"] == "artifactType"
    assert "oci-filters-applied" not in registry.call("GET", PATH + SUBJECT).headers


def test_a_referrer_disappears_with_its_manifest(registry: Registry) -> None:
    digest = refer(registry)
    assert registry.call("DELETE", f"/v2/{NAME}/manifests/{digest}").status_code == 202
    assert listed(registry) == []
    assert not list(Layout(registry.options.root).repository(NAME).folder.glob("_referrers/*/*/*"))


def test_a_manifest_that_another_program_removed_is_not_listed(registry: Registry) -> None:
    digest = refer(registry)
    link = Layout(registry.options.root).repository(NAME).folder / f"_manifests/revisions/sha256/{digest[7:]}/link"
    link.unlink()
    assert listed(registry) == []


@pytest.mark.parametrize("digest", ["x", "sha256:x", "sha256:" + "A" * 64, "md5:" + "a" * 32])
def test_a_malformed_digest_is_refused(registry: Registry, digest: str) -> None:
    answer = registry.call("GET", PATH + digest)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")


def test_referrers_of_another_repository_are_not_listed(registry: Registry) -> None:
    registry.push_image(name=OTHER, subject=descriptor(SUBJECT))
    assert listed(registry) == []


def test_the_list_of_an_older_registry_is_read_from_its_tag(registry: Registry) -> None:
    """Distribution knows no subjects: clients keep an index under a tag made of the subject's digest."""
    referrer = refer(registry, artifactType="a/b")
    stranger = registry.push_image(annotations={"not": "a referrer"})
    repository = Layout(registry.options.root).repository(NAME)
    for entry in repository.folder.glob("_referrers/*/*/*"):
        entry.unlink()
    assert listed(registry) == []
    assert registry.push(index(referrer, stranger), SUBJECT.replace(":", "-")).status_code == 201
    assert [(entry["digest"], entry["artifactType"]) for entry in listed(registry)] == [(referrer, "a/b")]


def test_a_tag_that_only_looks_like_such_a_list_is_none(registry: Registry) -> None:
    registry.push_image(SUBJECT.replace(":", "-"))
    assert listed(registry) == []


def test_a_long_list_comes_in_pages_no_larger_than_a_manifest(registry: Registry) -> None:
    digests = {refer(registry, artifactType="a/b", annotations={str(number): "x" * 1_500_000}) for number in range(5)}
    seen: list[object] = []
    path = f"{PATH}{SUBJECT}?artifactType=a/b"
    while path:
        answer = registry.call("GET", path)
        assert len(answer.content) < 4 * 1024 * 1024 + 1000
        seen += [entry["digest"] for entry in answer.json()["manifests"]]
        match = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        path = match[1] if match else ""
    assert len(seen) == 5
    assert set(seen) == digests
