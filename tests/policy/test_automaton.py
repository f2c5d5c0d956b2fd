"""The algebra against brute force over small alphabets, and the grammar against the one of scopes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import reference
from token_service.policy.automaton import (
    Names,
    difference,
    outside,
    path_names,
    principal_names,
    quotient,
    resource_names,
    union,
)
from token_service.policy.nfa import Nfa
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.pattern import Literal, Pattern, Slot, SlotGlob, fill, show
from token_service.scope import is_resource_name

MAX_LENGTH = 6
ALL_NAMES = [
    "".join(letters)
    for length in range(1, MAX_LENGTH + 1)
    for letters in itertools.product("ab/", repeat=length)
    if "" not in "".join(letters).split("/")
]

segments = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "*b", "?", "a?", "*a*", "a*b", "??"])
texts = st.lists(segments, min_size=1, max_size=3).map("/".join)


def parse(text: str) -> Pattern:
    return parse_resource(f"repository:{text}", "f:1").pattern


def within(inner: list[str], outer: list[str]) -> str | None:
    patterns = [parse(text) for text in (*inner, *outer)]
    return outside(patterns[: len(inner)], patterns[len(inner) :], resource_names(patterns))


def matches_any(patterns: list[str], name: str) -> bool:
    return any(reference.path_matches(pattern.split("/"), name.split("/")) for pattern in patterns)


@given(texts, st.lists(texts, max_size=3))
def test_inclusion_is_what_brute_force_finds(inner: str, outer: list[str]) -> None:
    """A witness is one; and where there is none, no short name is one either."""
    witness = within([inner], outer)
    if witness is not None:
        assert is_resource_name(witness)
        assert matches_any([inner], witness)
        assert not matches_any(outer, witness)
    else:
        assert not [name for name in ALL_NAMES if matches_any([inner], name) and not matches_any(outer, name)]


@given(texts, texts, texts)
def test_the_witness_is_a_shortest_one(inner: str, outer: str, more: str) -> None:
    found = [name for name in ALL_NAMES if matches_any([inner], name) and not matches_any([outer, more], name)]
    witness = within([inner], [outer, more])
    assert not found or (witness is not None and len(witness) <= min(map(len, found)))


@given(texts, texts, texts)
def test_intersection_is_what_brute_force_finds(one: str, two: str, but: str) -> None:
    patterns = [parse(one), parse(two), parse(but)]
    names = resource_names(patterns)
    a, b, c = (union([pattern], names) for pattern in patterns)
    witness = difference([a, b], [c], names)
    if witness is None:
        assert not [
            name
            for name in ALL_NAMES
            if matches_any([one], name) and matches_any([two], name) and not matches_any([but], name)
        ]
    else:
        assert matches_any([one], witness)
        assert matches_any([two], witness)
        assert not matches_any([but], witness)


INCLUDED = [
    (["a/b"], ["a/*"]), (["a/*"], ["a/**"]), (["a/**"], ["**"]), (["**"], ["*", "**/*"]),
    (["*", "*/*", "*/*/**"], ["**"]),
    (["a/**/b"], ["a/**"]), (["svc-*-db"], ["svc-*"]), (["**/a/**"], ["**"]), (["**"], ["*", "*/**"]), (["?"], ["*"]),
    (["a*"], ["a", "a?*"]), (["a.b"], ["a?b"]), (["a/*/*"], ["*/**/*"]), ([], ["a"]), (["**/**"], ["**"]),
    (["a-"], []),
    (["_a", "a__-b", "-", "a/.b", "Ab", "a:5000"], []), (["Ab/c"], ["*/c"]), (["**"], ["*", "**/*/*"]),
]  # fmt: skip
NOT_INCLUDED = [
    (["a/*"], ["a/b"], "a/0"), (["a/**"], ["a/*"], "a/0/0"), (["**"], ["*/**"], "0"), (["**"], ["*"], "0/0"),
    (["a*"], ["a"], "a0"),
    (["a/b"], [], "a/b"), (["?"], ["a"], "0"), (["localhost:5000/*"], ["localhost/*"], "localhost:5000/0"),
    (["*"], ["a*", "b*"], "0"),
    (["**"], ["*", "*/*", "*/*/*"], "0/0/0/0"),
]  # fmt: skip


@pytest.mark.parametrize(("inner", "outer"), INCLUDED)
def test_included(inner: list[str], outer: list[str]) -> None:
    assert within(inner, outer) is None


@pytest.mark.parametrize(("inner", "outer", "witness"), NOT_INCLUDED)
def test_not_included(inner: list[str], outer: list[str], witness: str) -> None:
    assert within(inner, outer) == witness


def accepts(names: Names, text: str) -> bool:
    nfa = names.universe
    states = nfa.closed(nfa.starts)
    for character in text:
        states = nfa.step(states, character)
    return nfa.accepts(states)


@given(st.text("ab0A._-:[]/F", max_size=14))
def test_the_universe_is_the_grammar_of_scopes(text: str) -> None:
    names = resource_names([parse_resource(f"repository:{c}", "").pattern for c in ("a", "b", "0", "F/x", "A/x")])
    assert accepts(names, text) == is_resource_name(text)


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "localhost:5000/a",
        "[::1]:5000/a/b",
        "r.example.com/a",
        "A/a",
        "a__b",
        "a---b",
        "x.y_z",
        "[::1]/a",
        "a-b.c/d",
    ],
)
def test_names_that_the_universe_holds(name: str) -> None:
    assert is_resource_name(name)
    assert within(["**"], []) is not None
    names = resource_names([(parse(name)[0],), parse(name)])
    assert accepts(names, name)


def test_principals_may_be_called_anything() -> None:
    def check(inner: str, outer: str) -> str | None:
        patterns = [parse_name(inner, ""), parse_name(outer, "")]
        return outside(patterns[:1], patterns[1:], principal_names(patterns))

    assert check("al*", "*") is None
    assert check("a/*", "a/**") is None
    assert check("**", "*") is not None
    assert check("*", "**") is None
    assert check("Ä b", "?? ?") is not None
    assert check("Ä b", "? ?") is None
    assert check("*", "?*") == ""
    assert check("a/**/b", "a/**") is None


@given(texts, texts)
def test_principal_patterns_against_brute_force(inner: str, outer: str) -> None:
    patterns = [parse_name(inner, ""), parse_name(outer, "")]
    witness = outside(patterns[:1], patterns[1:], principal_names(patterns))
    names = ["".join(letters) for length in range(5) for letters in itertools.product("ab/c", repeat=length)]
    short = [name for name in names if matches_any([inner], name) and not matches_any([outer], name)]
    assert not (short and witness is None)
    if witness is not None:
        assert matches_any([inner], witness)
        assert not matches_any([outer], witness)


FILLS = [
    ("{principal}/**", {"principal": "a/b"}, "a/b/**"),
    ("x-{principal}", {"principal": "a"}, "x-a"),
    ("x-{principal}-*", {"principal": "a"}, "x-a-*"),
    ("?{principal}", {"principal": "a"}, "?a"),
    ("x-{principal}", {"principal": "a/b"}, None),
    ("{label.t}/{principal}", {"principal": "a", "label.t": "q"}, "q/a"),
    ("{label.t}/{principal}", {"principal": "a"}, None),
    ("a/*/**", {}, "a/*/**"),
]


@pytest.mark.parametrize(("text", "values", "expected"), FILLS)
def test_filling_slots(text: str, values: dict[str, str], expected: str | None) -> None:
    filled = fill(parse(text), values)
    assert (filled and show(filled)) == expected
    assert filled is None or filled == parse(expected or "")


# --- what may fill a slot ----------------------------------------------------------------------------------------

SLOTTED = [
    "{principal}", "{principal}/**", "a/{principal}", "**/{principal}", "*/{principal}/b", "{principal}-a",
    "a-{principal}", "a*{principal}", "{principal}*a", "a?{principal}?", "{principal}/a*/**", "b{principal}/a",
]  # fmt: skip


@given(st.sampled_from(SLOTTED), texts)
def test_a_slot_holds_what_gives_both_patterns_a_name_in_common(text: str, other: str) -> None:
    pattern, there = parse(text), parse(other)
    names = path_names([pattern, there])
    (index,) = [number for number, segment in enumerate(pattern) if isinstance(segment, Slot | SlotGlob)]
    machine = quotient(pattern, index, there, names)
    for value in ALL_NAMES[:40]:
        filled = fill(pattern, {"principal": value})
        if filled is not None:
            machines = [union([filled], names), union([there], names)]
            accepted = difference([spelled(value, names), machine], [], names) is not None
            assert accepted is (difference(machines, [], names) is not None), value


def spelled(value: str, names: Names) -> Nfa:
    return union([tuple(map(Literal, value.split("/")))], names)


@pytest.mark.parametrize(
    ("text", "other", "inside", "beyond"),
    [
        ("{principal}/{label.team}", "a/b", ["a"], ["b", "a/b"]),
        ("{label.team}/{principal}", "a/b/c", ["c", "b/c"], ["b", "a/b"]),
        ("{principal}/x", "{label.team}", ["a", "a/b"], []),
        ("{principal}/**", "a-{label.team}/b", ["a-c", "a-c-d"], ["a-", "b", "a-c/b/c"]),
    ],
)
def test_other_slots_hold_anything(text: str, other: str, inside: list[str], beyond: list[str]) -> None:
    pattern, there = parse(text), parse(other)
    names = path_names([pattern, there, *(tuple(map(Literal, name.split("/"))) for name in (*inside, *beyond))])
    index = [str(segment) for segment in pattern].index("{principal}")
    machine = quotient(pattern, index, there, names)
    accepted = {name for name in (*inside, *beyond) if difference([spelled(name, names), machine], [], names)}
    assert accepted == set(inside)


def test_paths_have_no_host() -> None:
    host = tuple(map(Literal, ["A.b:5", "c"]))
    assert outside([host], [], resource_names([host])) == "A.b:5/c"
    assert outside([host], [], path_names([host])) is None
    assert outside([parse("a_b/c")], [], path_names([parse("a_b/c")])) == "a_b/c"


def test_a_letter_that_no_pattern_names_stands_for_all_others() -> None:
    assert principal_names([parse("c/b")]).symbols == ("/", "a", "b", "c")
    assert principal_names([parse("b*a")]).symbols == ("/", "a", "b", "c")
