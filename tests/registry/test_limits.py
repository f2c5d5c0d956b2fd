"""Limits that a token carries are enforced: tags it does not reach, names its catalogue does not show."""

from typing import Any

import pytest

from tests.registry.conftest import NAME, OTHER, Registry, sign
from token_service.access import Access, to_claim
from token_service.name_filter import NameFilter
from token_service.registry.digest import digest_of
from token_service.tag_rules import TagRules

ALL = ("delete", "pull", "push")


def limited(**rules: tuple[str, ...]) -> str:
    return sign(access=to_claim([Access("repository", NAME, ALL, "", TagRules(**rules))]))


def is_denied(answer: Any) -> bool:
    return bool(answer.status_code == 403 and answer.json()["errors"][0]["code"] == "DENIED")


def put(registry: Registry, digest: str, tag: str, token: str) -> Any:
    content = registry.call("GET", f"/v2/{NAME}/manifests/{digest}").content
    return registry.call("PUT", f"/v2/{NAME}/manifests/{tag}", token, content=content)


def test_a_tag_that_may_not_be_pushed_is_refused_and_others_are_not(registry: Registry) -> None:
    digest, token = registry.push_image(), limited(push=("v*",))
    assert is_denied(put(registry, digest, "v1", token))
    assert put(registry, digest, "latest", token).status_code == 201
    assert registry.call("GET", f"/v2/{NAME}/manifests/v1").status_code == 404


def test_tags_in_the_query_are_tags_too_and_nothing_is_set_where_one_is_refused(registry: Registry) -> None:
    digest = registry.push_image()
    content = registry.call("GET", f"/v2/{NAME}/manifests/{digest}").content
    path = f"/v2/{NAME}/manifests/{digest}?tag=ok&tag=v1"
    assert is_denied(registry.call("PUT", path, limited(push=("v*",)), content=content))
    assert registry.call("GET", f"/v2/{NAME}/manifests/ok").status_code == 404


def test_an_immutable_tag_may_be_made_and_pushed_again_but_not_moved(registry: Registry) -> None:
    first, second = registry.push_image(), registry.push_image(annotations={"a": "b"})
    token = limited(immutable=("v*",))
    for digest, status in ((first, 201), (first, 201), (second, 403)):
        assert put(registry, digest, "v1", token).status_code == status
    assert registry.call("HEAD", f"/v2/{NAME}/manifests/v1").headers["docker-content-digest"] == first


@pytest.mark.parametrize("rules", [{"delete": ("v*",)}, {"immutable": ("v*",)}])
def test_a_protected_tag_cannot_be_deleted_nor_can_its_manifest(
    registry: Registry, rules: dict[str, tuple[str, ...]]
) -> None:
    digest = registry.push_image("v1")
    token = limited(**rules)
    assert is_denied(registry.call("DELETE", f"/v2/{NAME}/manifests/v1", token))
    assert is_denied(registry.call("DELETE", f"/v2/{NAME}/manifests/{digest}", token))
    assert registry.call("GET", f"/v2/{NAME}/manifests/v1").status_code == 200
    other = registry.push_image("latest", annotations={"a": "b"})
    assert registry.call("DELETE", f"/v2/{NAME}/manifests/{other}", token).status_code == 202


def test_limits_of_one_repository_are_none_of_another(registry: Registry) -> None:
    rules = TagRules(push=("*",))
    accesses = [Access("repository", NAME, ALL), Access("repository", OTHER, ALL, "", rules)]
    assert put(registry, registry.push_image(), "v1", sign(access=to_claim(accesses))).status_code == 201


def test_an_expression_that_is_not_ours_protects_every_tag(registry: Registry) -> None:
    entry = {
        "type": "repository",
        "name": NAME,
        "actions": list(ALL),
        "meta": {"tag_immutable_patterns": ["^(a|b)$"]},
    }
    registry.push_image("v1")
    assert is_denied(registry.call("DELETE", f"/v2/{NAME}/manifests/v1", sign(access=[entry])))


def test_a_filtered_catalogue_shows_what_its_filter_shows_on_every_page(registry: Registry) -> None:
    for name in (NAME, OTHER):
        registry.push_image(name=name)

    def listed(names: NameFilter | None, query: str = "") -> list[str]:
        token = sign(access=to_claim([Access("registry", "catalog", ("*",), name_filter=names)]))
        answer = registry.call("GET", f"/v2/_catalog{query}", token)
        assert answer.status_code == 200
        found: list[str] = answer.json()["repositories"]
        return found

    assert listed(None) == sorted([NAME, OTHER])
    assert listed(NameFilter(("team/**",))) == [NAME]
    assert listed(NameFilter(("team/**",)), "?n=1") == [NAME]
    assert listed(NameFilter(("**",), ("team/*",))) == [OTHER]
    assert listed(NameFilter(())) == []


def test_a_filter_holds_beside_an_entry_without_one(registry: Registry) -> None:
    """The class of an entry is ignored by what demands `*`, so it must not matter to what limits it."""
    for name in (NAME, OTHER):
        registry.push_image(name=name)
    entries = [
        Access("registry", "catalog", ("pull",)),
        Access("registry", "catalog", ("*",), "plugin", name_filter=NameFilter(("team/**",))),
    ]
    answer = registry.call("GET", "/v2/_catalog", sign(access=to_claim(entries)))
    assert answer.json()["repositories"] == [NAME]


def test_who_protects_tags_deletes_no_blobs(registry: Registry) -> None:
    blob = registry.push_blob(b"a layer, maybe of a protected tag")
    path = f"/v2/{NAME}/blobs/{blob}"
    for rules in ({"delete": ("x",)}, {"immutable": ("x",)}):
        assert is_denied(registry.call("DELETE", path, limited(**rules)))
    assert registry.call("DELETE", path, limited(push=("x",))).status_code == 202


def test_the_same_content_under_its_other_digest_is_no_move(registry: Registry) -> None:
    digest = registry.push_image("v1")
    content = registry.call("GET", f"/v2/{NAME}/manifests/{digest}").content
    other = digest_of(content, "sha512")
    path = f"/v2/{NAME}/manifests/{other}?tag=v1"
    assert registry.call("PUT", path, limited(immutable=("v*",)), content=content).status_code == 201
