"""The notation of patterns: what each means, what is no pattern, and that the error says what to write instead."""

import pytest

from token_service.errors import LoadError
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.pattern import Deep, Glob, Literal, Pattern, ResourcePattern, Slot, SlotGlob, Wild, matches

ANY = ("", "")  # what stands around one star
RESOURCES: list[tuple[str, str, Pattern]] = [
    ("repository:a", "repository", (Literal("a"),)),
    ("registry:catalog", "registry", (Literal("catalog"),)),
    ("x9:a/b-c.d_e", "x9", (Literal("a"), Literal("b-c.d_e"))),
    ("repository:*", "repository", (Wild(),)),
    ("repository:**", "repository", (Deep(),)),
    ("repository:?", "repository", (Glob(("?",)),)),
    ("repository:a/**/*/b", "repository", (Literal("a"), Deep(), Wild(), Literal("b"))),
    ("repository:a/b*c?d", "repository", (Literal("a"), Glob(("b", "c?d")))),
    ("repository:a/*b*c*", "repository", (Literal("a"), Glob(("", "b", "c", "")))),
    ("repository:a/b?c", "repository", (Literal("a"), Glob(("b?c",)))),
    ("repository:{principal}/{label.a-b_c.d}", "repository", (Slot("principal"), Slot("label.a-b_c.d"))),
    ("repository:x/a-{principal}-b", "repository", (Literal("x"), SlotGlob("principal", ("a-",), ("-b",)))),
    ("repository:x/*{principal}*", "repository", (Literal("x"), SlotGlob("principal", ANY, ANY))),
    ("repository:x/a*b?{label.t}?c*d", "repository",
     (Literal("x"), SlotGlob("label.t", ("a", "b?"), ("?c", "d")))),
    ("repository:{label.a}/{label.b}", "repository", (Slot("label.a"), Slot("label.b"))),
    ("repository:{principal}/x/{principal}", "repository", (Slot("principal"), Literal("x"), Slot("principal"))),
    ("repository:localhost:5000/a", "repository", (Literal("localhost:5000"), Literal("a"))),
    ("repository:Host.Example:*/a", "repository", (Glob(("Host.Example:", "")), Literal("a"))),
    ("repository:[2001:DB8::1]:5000/a", "repository", (Literal("[2001:DB8::1]:5000"), Literal("a"))),
    (f"repository:{'a' * 255}", "repository", (Literal("a" * 255),)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "pattern"), RESOURCES)
def test_what_a_resource_pattern_says(text: str, kind: str, pattern: Pattern) -> None:
    assert parse_resource(text, "f:1") == ResourcePattern(kind, pattern)


NO_TYPE = "is not a resource type (types are literal: repository, registry)"
EMPTY_SEGMENT = "has an empty segment (remove the extra /)"
NOT_ALONE = "(let ** stand alone between slashes)"
KNOWN = "(known: {principal}, {label.NAME})"
NO_CHARACTERS = "holds characters that no name can hold (use a-z 0-9 . _ - / and the wildcards *, ?, **)"
BAD_RESOURCES = [
    ("team/app", "resource `team/app` has no type (write `repository:team/app`)"),
    ("", "resource `` has no type (write `repository:`)"),
    ("a\nb", "resource `a?b` has no type (write `repository:a?b`)"),
    (":a", f"`` {NO_TYPE}"),
    ("repo*:a", f"`repo*` {NO_TYPE}"),
    ("Repository:a", f"`Repository` {NO_TYPE}"),
    ("repository(plugin):a", f"`repository(plugin)` {NO_TYPE}"),
    ("repository:", "the pattern has no name (write one after the colon; ** matches every name)"),
    ("repository:/a", f"pattern `/a` {EMPTY_SEGMENT}"),
    ("repository:a/", f"pattern `a/` {EMPTY_SEGMENT}"),
    ("repository:a//b", f"pattern `a//b` {EMPTY_SEGMENT}"),
    ("repository:a**", f"** is only a part of a segment in `a**` {NOT_ALONE}"),
    ("repository:a/**b/c", f"** is only a part of a segment in `a/**b/c` {NOT_ALONE}"),
    ("repository:***", f"** is only a part of a segment in `***` {NOT_ALONE}"),
    ("repository:a/{user}", f"unknown placeholder in `repository:a/{{user}}` {KNOWN}"),
    ("repository:a/{label.}", f"unknown placeholder in `repository:a/{{label.}}` {KNOWN}"),
    ("repository:{principal", f"unknown placeholder in `repository:{{principal` {KNOWN}"),
    ("repository:a/principal}", f"unknown placeholder in `repository:a/principal}}` {KNOWN}"),
    ("repository:{principal}{", f"unknown placeholder in `repository:{{principal}}{{` {KNOWN}"),
    ("repository:${principal}", f"`repository:${{principal}}` {NO_CHARACTERS}"),
    (
        "repository:{principal}{label.x}",
        "two placeholders in one segment of `{principal}{label.x}` (put a / between them)",
    ),
    (
        "repository:{label.x}/a/{label.x}",
        "`repository:{label.x}/a/{label.x}` uses a label twice (use each label once in a pattern)",
    ),
    ("repository:a/b:v1", "colon in the path of `repository:a/b:v1` (tags are not part of a scope: remove it)"),
    ("repository:a/App", "upper case in the path of `repository:a/App` (repository names are lower case)"),
    ("repository:a/APP", "upper case in the path of `repository:a/APP` (repository names are lower case)"),
    ("repository:a/App+", f"`repository:a/App+` {NO_CHARACTERS}"),
    ("repository:a/[a-z]+", f"`repository:a/[a-z]+` {NO_CHARACTERS}"),
    ("repository:[ab]/x", f"`repository:[ab]/x` {NO_CHARACTERS}"),
    ("repository:/^a$/", f"pattern `/^a$/` {EMPTY_SEGMENT}"),
    ("repository:a b", f"`repository:a b` {NO_CHARACTERS}"),
    ("repository:a\n", f"`repository:a?` {NO_CHARACTERS}"),
    ("repository:a/é", f"`repository:a/é` {NO_CHARACTERS}"),
    ("repository:a/\uff42", f"`repository:a/\uff42` {NO_CHARACTERS}"),
    ("repository:a\\*", f"`repository:a\\*` {NO_CHARACTERS}"),
    ("repository:a/../b/%2e", f"`repository:a/../b/%2e` {NO_CHARACTERS}"),
    (
        "repository:" + "a" * 256,
        "pattern `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` is longer than 255 (shorten it)",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_RESOURCES)
def test_what_is_no_resource_pattern(text: str, message: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_resource(text, "p.yaml:7")
    assert str(caught.value) == f"p.yaml:7: {message}"


@pytest.mark.parametrize(
    ("text", "name"),
    [("alice@example.com", "alice@example.com"), ("gitlab/**", "gitlab/g/p"),
     ("CN=Dev Team,OU=x", "CN=Dev Team,OU=x"), ("/developers", "/developers"), ("**", "a//b"), ("*", ""),
     ("repo:org/*", "repo:org/x"), ("Ä*", "Äb"), ("/", "/"), ("a/", "a/"), ("x" * 255, "x" * 255)],
)  # fmt: skip
def test_names_of_principals_are_free(text: str, name: str) -> None:
    assert matches(parse_name(text, "f:1"), name.split("/"), lambda slot: ())


NO_EXPRESSION = "(use *, ? and **; there are no others)"
NO_OTHERS = f"holds one of \\ ^ $ | {{ }} [ ] {NO_EXPRESSION}"


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the pattern has no name (write one after the colon; ** matches every name)"),
     ("/^a/", f"`/^a/` {NO_OTHERS}"), ("a[bc", f"`a[bc` {NO_OTHERS}"), ("{principal", f"`{{principal` {NO_OTHERS}"),
     ("a}", f"`a}}` {NO_OTHERS}"), ("a]", f"`a]` {NO_OTHERS}"), ("a$", f"`a$` {NO_OTHERS}"),
     ("a|b", f"`a|b` {NO_OTHERS}"), ("a\\d", f"`a\\d` {NO_OTHERS}"),
     ("/a.*/", f"`/a.*/` looks like a regular expression {NO_EXPRESSION}"),
     ("//", f"`//` looks like a regular expression {NO_EXPRESSION}"),
     ("a**", f"** is only a part of a segment in `a**` {NOT_ALONE}"),
     ("x" * 256, f"pattern `{'x' * 60}…` is longer than 255 (shorten it)")],
)  # fmt: skip
def test_what_is_no_principal_pattern(text: str, message: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_name(text, "f:9")
    assert str(caught.value) == f"f:9: {message}"
