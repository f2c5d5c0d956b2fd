"""Patterns: what matches what, placeholders as literals, linear time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import reference
from token_service.policy import pattern
from token_service.policy.notation import parse_resource
from token_service.policy.pattern import Fill, match_pieces, matches, paths

MATCHES = [
    ("team/app", "team/app"), ("team/*", "team/app"), ("*/app", "team/app"), ("team/**", "team/a"),
    ("team/**", "team/a/b/c"), ("**", "a"), ("**", "a/b/c"), ("**/app", "app"), ("**/app", "a/b/app"),
    ("a/**/b", "a/b"), ("a/**/b", "a/x/b"), ("a/**/b", "a/x/y/b"), ("**/**", "a"), ("a/**/**", "a/b"),
    ("svc-*", "svc-"), ("svc-*", "svc-a"), ("*-db", "x-db"), ("a*b*c", "abc"), ("a*b*c", "aXbYbZc"), ("?", "a"),
    ("a?c", "abc"), ("*?", "a"), ("?*?", "ab"), ("*a?c*", "xxabcyy"), ("**/x/**", "a/x/b"), ("a/*/**", "a/b/c"),
    ("localhost:5000/a", "localhost:5000/a"), ("[::1]:5000/*", "[::1]:5000/a"), ("Host/a", "Host/a"),
    ("*.example.com/**", "r.example.com/a/b"), ("*ab*ab*", "abab"),
    ("*a?*", "xab"), ("*?b*", "ab"), ("xx*a*a*", "xxaxa"), ("a?*b?*c", "axbxc"), ("*.?*.?", "a.b.c"),
]  # fmt: skip
MISSES = [
    ("team/app", "team/app2"), ("team/app", "xteam/app"), ("team/app", "team"), ("team/app", "team/app/x"),
    ("team/*", "team"), ("team/*", "team/a/b"), ("team/**", "team"), ("team/**", "team2/a"), ("team/**", "x/team/a"),
    ("a/**/b", "a"), ("a/**/b", "b"), ("a/**/b", "a/x"), ("**/app", "app/x"), ("a/**/**", "a"), ("svc-*", "svc"),
    ("svc-*", "svc-a/b"), ("*-db", "-dbx"), ("a*a", "a"), ("ab*ba", "aba"), ("?", "ab"), ("a?c", "ac"), ("?*?", "a"),
    ("*a?c*", "xxacyy"), ("a?*b", "ab"), ("**/x/**", "x"), ("a/*/**", "a/b"), ("*ab*ab*", "aab"), ("a.b/c", "axb/c"),
    ("xx*a*a*", "xxa"), ("xa*a?*", "xab"), ("a?*b?*c", "axbc"), ("*aa*a", "aa"), ("ab*b?*", "abc"),
]  # fmt: skip


def no_slots(name: str) -> tuple[pattern.Path, ...]:
    raise AssertionError(f"asked for {name}")


def match(text: str, name: str, fill: Fill = no_slots) -> bool:
    return matches(parse_resource(f"repository:{text}", "f:1").pattern, name.split("/"), fill)


@pytest.mark.parametrize(("text", "name"), MATCHES)
def test_it_matches(text: str, name: str) -> None:
    assert match(text, name)
    assert reference.path_matches(text.split("/"), name.split("/"))


@pytest.mark.parametrize(("text", "name"), MISSES)
def test_it_does_not_match(text: str, name: str) -> None:
    assert not match(text, name)
    assert not reference.path_matches(text.split("/"), name.split("/"))


segment_patterns = st.one_of(st.text("ab*?", min_size=1, max_size=7), st.just("**"))
pattern_texts = st.lists(segment_patterns.filter(lambda s: s == "**" or "**" not in s), min_size=1, max_size=5)
names = st.lists(st.text("ab", min_size=1, max_size=7), min_size=1, max_size=6)


@given(pattern_texts, names)
def test_matching_agrees_with_the_reference(parts: list[str], name: list[str]) -> None:
    parsed = parse_resource("repository:" + "/".join(parts), "f:1").pattern
    assert matches(parsed, name, no_slots) == reference.path_matches(parts, name)


@given(pattern_texts)
def test_a_pattern_is_printed_as_it_was_written(parts: list[str]) -> None:
    text = "repository:" + "/".join(parts)
    assert str(parse_resource(text, "f:1")) == text


PLACEHOLDERS = [
    "{principal}",
    "{label.team}/**",
    "a*?b{principal}?c*-*d",
    "x-{principal}",
    "*{principal}?",
    "a/{label.a-b_c.d}",
    "**/{principal}/*",
]


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_pattern_with_placeholders_is_printed_as_it_was_written(text: str) -> None:
    assert str(parse_resource(f"repository:{text}", "f:1")) == f"repository:{text}"


# R4 of the threat model: whatever an identity provider sends must not become a pattern, nor climb out of its place.
INJECTIONS = [
    "*", "**", "?", "a*", "*a", "a?", "[a]", "[a-z]", "{a,b}", "{principal}", "{label.x}", ".", "..", "../x", "a/..",
    "a/../b", "/", "/a", "a/", "a//b", "", " ", "a b", "a\n", "\na", "a\0", "a\0b", "$", "^a$", ".*", "a|b",
    "(a)", "\\",
    "\\a", "a\\*", "${account}", "%2f", "a%2fb", "A", "Alice", "a:b", "a:latest", "a@sha256", "user:a", "\uff41",
    "é", "\u202ea",
    "\u212a", "a\u0301", "-a", "a-", "_a", "a_", "a___b", "a..b", "a._b", "a/**", "**/a", "a/*", "~", "~a",
    "#", "x" * 256,
]  # fmt: skip
FORMS = [
    "{principal}", "{principal}/**", "{principal}/*", "**/{principal}", "*/{principal}/**", "x-{principal}",
    "{principal}-x", "*{principal}*", "?{principal}", "a/{principal}/b", "**/{principal}/**",
]  # fmt: skip
TARGETS = [
    "a", "b", "ab", "x-a", "a-x", "a/b", "a/b/c", "x/a", "x/a/b", "a/a/b", "alice", "alice/x", "xx", "x-alice",
    "a/b/b", "x-", "-x", "aa", "k", "x-ab-x", "a/x/b", "library/nginx",
]  # fmt: skip


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("form", FORMS)
def test_a_value_that_is_no_path_matches_nothing(value: str, form: str) -> None:
    for kind in ("{principal}", "{label.team}"):
        for target in [*TARGETS, value]:
            assert not match(form.replace("{principal}", kind), target, lambda name: paths([value])), (form, target)


@given(st.text(max_size=20), st.sampled_from(FORMS), st.sampled_from(TARGETS))
def test_what_fills_a_slot_is_literal(value: str, form: str, target: str) -> None:
    """If it matches, then the name is the pattern with the value written in it, wildcards only where they were."""
    if match(form, target, lambda name: paths([value])):
        assert value in target
        assert reference.path_matches(form.replace("{principal}", value).split("/"), target.split("/"))


def test_a_slot_in_a_segment_takes_one_component_and_a_whole_segment_takes_a_path() -> None:
    fill: Fill = lambda name: paths(["a/b"])  # noqa: E731
    assert match("{principal}/x", "a/b/x", fill)
    assert match("**/{principal}", "q/a/b", fill)
    assert not match("{principal}/x", "a/x", fill)
    assert not match("x-{principal}", "x-a/b", fill)
    assert not match("x-{principal}/b", "x-a/b", fill)


def test_a_slot_with_several_values_matches_with_any_of_them() -> None:
    fill: Fill = lambda name: paths(["one", "*", "two/three"])  # noqa: E731
    assert match("{label.t}/x", "one/x", fill)
    assert match("{label.t}/x", "two/three/x", fill)
    assert not match("{label.t}/x", "four/x", fill)
    assert match("p-{label.t}", "p-one", fill)
    assert not match("{label.t}", "one", lambda name: ())


def test_a_slot_is_filled_with_what_bears_its_name() -> None:
    values = {"principal": ("alice",), "label.team": ("core",), "label.env": ("prod",)}
    fill: Fill = lambda name: paths(values[name])  # noqa: E731
    assert match("{principal}/{label.team}/x-{label.env}", "alice/core/x-prod", fill)
    assert not match("{principal}/{label.team}/x-{label.env}", "core/alice/x-prod", fill)
    assert not match("{principal}/{label.team}/x-{label.env}", "alice/core/x-core", fill)


FILLED: list[tuple[str, str | None]] = [
    ("a/*/b?/**", "a/*/b?/**"),
    ("{principal}", "alice"),
    ("{label.path}/x", "group/project/x"),
    ("a/{label.path}/**/{principal}", "a/group/project/**/alice"),
    ("x-{principal}-y", "x-alice-y"),
    ("{principal}?", "alice?"),
    ("*-{principal}", "*-alice"),
    ("?*-{principal}-*?/z", "?*-alice-*?/z"),
    ("x-{label.path}", None),
    ("{principal}/x-{label.path}/y", None),
    ("{label.gone}", None),
    ("a/x-{label.gone}", None),
]


@pytest.mark.parametrize(("text", "expected"), FILLED)
def test_a_filled_pattern_is_as_if_it_had_been_written_so(text: str, expected: str | None) -> None:
    filled = pattern.fill(
        parse_resource(f"repository:{text}", "f:1").pattern, {"principal": "alice", "label.path": "group/project"}
    )
    wanted = None if expected is None else parse_resource(f"repository:{expected}", "f:1").pattern
    assert filled == wanted


@pytest.mark.parametrize("value", ["a", "a/b", "a-b", "a--b", "a__b", "a.b", "0", "a/b.c/d_e", "x" * 255])
def test_a_path_may_fill_a_slot(value: str) -> None:
    assert paths([value]) == (tuple(value.split("/")),)


@pytest.mark.parametrize(
    "text",
    [
        "*a" * 100 + "b",
        "*?" * 100 + "b",
        "?" * 255,
        "*a?" * 80 + "b",
        "**/" * 80 + "b",
        "**/a/" * 50 + "b",
        "*/" * 100 + "b",
    ],
)
def test_matching_is_linear_in_the_name(text: str) -> None:
    """R5. Ten times as long a name takes about ten times as long; backtracking would not come back at all."""
    parsed = parse_resource(f"repository:{text[:255].rstrip('/')}", "f:1").pattern
    for name in ("a" * 4000, "a/" * 2000 + "a", "a" * 250):
        started = time.process_time()
        matches(parsed, name.split("/"), no_slots)
        assert time.process_time() - started < 5


def test_pieces_need_room_of_their_own() -> None:
    assert not match_pieces(("ab", "ba"), "aba")
    assert match_pieces(("ab", "ba"), "abba")
    assert not match_pieces(("a", "b", "b"), "ab")


@pytest.mark.parametrize(
    ("text", "is_name"),
    [("a", True), ("a/b-c/d", True), ("a/*", False), ("**", False), ("a?", False), ("{principal}", False)],
)
def test_a_pattern_of_one_name_is_that_name_cut_into_segments(text: str, is_name: bool) -> None:
    parsed = parse_resource(f"repository:{text}", "f:1").pattern
    assert pattern.is_exact(parsed) is is_name
    assert (pattern.exactly(text) == parsed) is is_name
