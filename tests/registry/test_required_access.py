import pytest

from token_service.access import Access
from token_service.registry.query import Query
from token_service.registry.required_access import ACTIONS, NAMELESS, Kind, mount_source, required_access

PULL, PUSH, DELETE = ("pull",), ("pull", "push"), ("delete",)


@pytest.mark.parametrize(
    ("kind", "methods", "actions"),
    [
        (Kind.TAGS, ["GET", "HEAD"], PULL),
        (Kind.REFERRERS, ["GET", "HEAD"], PULL),
        (Kind.MANIFEST, ["GET", "HEAD"], PULL),
        (Kind.MANIFEST, ["PUT"], PUSH),
        (Kind.MANIFEST, ["DELETE"], DELETE),
        (Kind.BLOB, ["GET", "HEAD"], PULL),
        (Kind.BLOB, ["DELETE"], DELETE),
        (Kind.UPLOADS, ["POST"], PUSH),
        (Kind.UPLOAD, ["GET", "HEAD", "PATCH", "PUT", "DELETE"], PUSH),
    ],
)
def test_a_repository_request_needs_these_actions(kind: Kind, methods: list[str], actions: tuple[str, ...]) -> None:
    for method in methods:
        assert required_access(kind, method, "a/b") == (Access("repository", "a/b", actions),)


def test_only_two_resources_have_no_repository() -> None:
    assert set(NAMELESS) == {Kind.BASE, Kind.CATALOG}
    assert required_access(Kind.BASE, "GET", "") == ()
    assert required_access(Kind.CATALOG, "HEAD", "") == (Access("registry", "catalog", ("*",)),)


@pytest.mark.parametrize("kind", set(Kind) - set(NAMELESS))
def test_a_resource_of_a_repository_without_its_name_is_refused(kind: Kind) -> None:
    method = next(method for declared, method in ACTIONS if declared is kind)
    with pytest.raises(ValueError, match="without a repository name"):
        required_access(kind, method, "")


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (Kind.BASE, "POST"),
        (Kind.CATALOG, "DELETE"),
        (Kind.BLOB, "PUT"),
        (Kind.MANIFEST, "PATCH"),
        (Kind.TAGS, "DELETE"),
        (Kind.REFERRERS, "PUT"),
        (Kind.UPLOADS, "GET"),
    ],
)
def test_what_is_not_in_the_table_has_no_access_that_would_do(kind: Kind, method: str) -> None:
    with pytest.raises(KeyError):
        required_access(kind, method, "a/b")


def test_a_mount_also_needs_pull_on_the_source_the_target_coming_first() -> None:
    target, source = Access("repository", "a/b", PUSH), Access("repository", "c", PULL)
    assert required_access(Kind.UPLOADS, "POST", "a/b", "c") == (target, source)
    assert required_access(Kind.UPLOADS, "POST", "a/b", "a/b") == (target,)


@pytest.mark.parametrize(
    ("query", "source"),
    [
        (b"mount=sha256:x&from=c/d", "c/d"),
        (b"mount=sha256:x", None),
        (b"from=c/d", None),
        (b"mount=sha256:x&from=", None),
        (b"mount=sha256:x&from=C/../d", None),
        (b"mount=sha256:x&from=a%22,error=%22x", None),
    ],
)
def test_the_source_of_a_mount_is_a_repository_name_or_nothing(query: bytes, source: str | None) -> None:
    assert mount_source(Query(query)) == source
