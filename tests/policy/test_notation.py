"""The notation of patterns: what is no pattern, and that the error says what to write instead."""

import pytest

from token_service.errors import LoadError
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.pattern import matches

BAD_RESOURCES = [
    ("team/app", "no type", "repository:team/app"),
    ("", "no type", "repository:"),
    (":a", "not a resource type", "literal"),
    ("repo*:a", "not a resource type", "literal"),
    ("Repository:a", "not a resource type", "literal"),
    ("repository(plugin):a", "not a resource type", "literal"),
    ("repository:", "no name", "**"),
    ("repository:/a", "empty segment", "extra /"),
    ("repository:a/", "empty segment", "extra /"),
    ("repository:a//b", "empty segment", "extra /"),
    ("repository:a**", "only a part of a segment", "alone"),
    ("repository:a/**b/c", "only a part of a segment", "alone"),
    ("repository:***", "only a part of a segment", "alone"),
    ("repository:a/{user}", "unknown placeholder", "{principal}, {label.NAME}"),
    ("repository:a/{label.}", "unknown placeholder", "{principal}"),
    ("repository:{principal", "unknown placeholder", "{principal}"),
    ("repository:${principal}", "no name can hold", "wildcards"),
    ("repository:{principal}{label.x}", "two placeholders", "put a /"),
    ("repository:{label.x}/a/{label.x}", "a label twice", "once"),
    ("repository:a/b:v1", "colon in the path", "tags"),
    ("repository:a/App", "upper case", "lower case"),
    ("repository:a/[a-z]+", "no name can hold", "wildcards"),
    ("repository:[ab]/x", "no name can hold", "wildcards"),
    ("repository:/^a$/", "empty segment", "/"),
    ("repository:a b", "no name can hold", "a-z"),
    ("repository:a\n", "no name can hold", "a-z"),
    ("repository:a/é", "no name can hold", "a-z"),
    ("repository:a/\uff42", "no name can hold", "a-z"),
    ("repository:a\\*", "no name can hold", "wildcards"),
    ("repository:a/../b/%2e", "no name can hold", "wildcards"),
    ("repository:" + "a" * 256, "longer than 255", "shorten"),
]


@pytest.mark.parametrize(("text", "problem", "fix"), BAD_RESOURCES)
def test_what_is_no_resource_pattern(text: str, problem: str, fix: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_resource(text, "p.yaml:7")
    assert caught.value.place == "p.yaml:7"
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [("alice@example.com", "alice@example.com"), ("gitlab/**", "gitlab/g/p"),
     ("CN=Dev Team,OU=x", "CN=Dev Team,OU=x"), ("/developers", "/developers"), ("**", "a//b"), ("*", ""),
     ("repo:org/*", "repo:org/x"), ("Ä*", "Äb")],
)  # fmt: skip
def test_names_of_principals_are_free(text: str, name: str) -> None:
    assert matches(parse_name(text, "f:1"), name.split("/"), lambda slot: ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "no name"), ("/^a/", "holds one of"), ("/a.*/", "looks like"), ("a[bc]", "holds one of"),
     ("{principal}", "holds one of"), ("a|b", "holds one of"), ("a\\d", "holds one of"), ("a**", "only a part"),
     ("x" * 300, "longer than")],
)  # fmt: skip
def test_what_is_no_principal_pattern(text: str, problem: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_name(text, "f:9")
    assert caught.value.place == "f:9"
    assert problem in caught.value.problem
    assert caught.value.fix
