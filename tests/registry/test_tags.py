import re

import pytest

from tests.registry.conftest import NAME, OTHER, Registry, sign
from token_service.registry.digest import digest_of
from token_service.registry.layout import Layout

LIST = f"/v2/{NAME}/tags/list"


def follow(registry: Registry, path: str, member: str) -> list[list[str]]:
    pages = []
    while path:
        answer = registry.call("GET", path)
        assert answer.status_code == 200
        pages.append(answer.json()[member])
        match = re.fullmatch(r'<(/v2/[^>]+)>; rel="next"', answer.headers.get("link", ""))
        path = match[1] if match else ""
    return pages


@pytest.fixture
def tagged(registry: Registry) -> Registry:
    for tag in ("b", "a", "C", "_", "a.1"):
        registry.push_image(tag)
    return registry


def test_tags_come_in_ascii_order(tagged: Registry) -> None:
    answer = tagged.call("GET", LIST)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"name": NAME, "tags": ["C", "_", "a", "a.1", "b"]}
    assert "link" not in answer.headers


def test_tags_come_in_pages(tagged: Registry) -> None:
    assert follow(tagged, f"{LIST}?n=2", "tags") == [["C", "_"], ["a", "a.1"], ["b"]]
    assert follow(tagged, f"{LIST}?n=5", "tags") == [["C", "_", "a", "a.1", "b"]]
    assert follow(tagged, f"{LIST}?n=0", "tags") == [[]]


@pytest.mark.parametrize(("last", "tags"), [("", 5), ("C", 4), ("Z", 4), ("a", 2), ("b", 0), ("zz", 0), ("%00", 5)])
def test_a_list_goes_on_after_a_name_that_need_not_exist(tagged: Registry, last: str, tags: int) -> None:
    assert len(tagged.call("GET", f"{LIST}?last={last}").json()["tags"]) == tags


def test_a_list_is_never_longer_than_a_thousand(registry: Registry) -> None:
    digest = registry.push_image()
    tags = [f"t{number:04}" for number in range(1001)]
    for tag in tags:
        link = Layout(registry.options.root).repository(NAME).tags / tag / "current/link"
        link.parent.mkdir(parents=True)
        link.write_text(digest)
    for query in ("", "?n=1001", "?n=999999999999"):
        assert follow(registry, LIST + query, "tags") == [tags[:1000], tags[1000:]]


@pytest.mark.parametrize("n", ["-1", "x", "1" * 40])
def test_a_bad_page_size_is_refused(tagged: Registry, n: str) -> None:
    answer = tagged.call("GET", f"{LIST}?n={n}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "UNSUPPORTED")


def test_an_unknown_repository_has_no_list(registry: Registry) -> None:
    registry.push_blob(b"but no manifest")
    answer = registry.call("GET", LIST)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "NAME_UNKNOWN")


def test_a_repository_without_tags_has_an_empty_list(registry: Registry) -> None:
    registry.push_image()
    assert registry.call("GET", LIST).json() == {"name": NAME, "tags": []}


def test_what_a_crash_left_half_made_is_no_tag(tagged: Registry) -> None:
    (Layout(tagged.options.root).repository(NAME).tags / "half/current").mkdir(parents=True)
    (Layout(tagged.options.root).repository(NAME).tags / ".half").mkdir()
    assert "half" not in tagged.call("GET", LIST).text


def test_the_catalogue_lists_repositories_with_manifests(registry: Registry) -> None:
    digest = digest_of(b"x")
    for name in ("b", "a-b", "a/b", "a"):
        Layout(registry.options.root).repository(name).manifests.add(digest, digest)
    registry.push_blob(b"no manifest")
    assert registry.call("GET", "/v2/_catalog").json() == {"repositories": ["a", "a/b", "a-b", "b"]}
    assert follow(registry, "/v2/_catalog?n=1", "repositories") == [["a"], ["a/b"], ["a-b"], ["b"]]
    assert follow(registry, "/v2/_catalog?n=3&last=a", "repositories") == [["a/b", "a-b", "b"]]


def test_the_catalogue_needs_its_own_right(registry: Registry) -> None:
    for scope in (f"repository:{NAME}:* repository:{OTHER}:*", "registry:catalog:pull", "registry:other:*"):
        assert registry.call("GET", "/v2/_catalog", token=sign(scope)).status_code == 401
    assert registry.call("GET", "/v2/_catalog", token=sign("registry:catalog:*")).status_code == 200
