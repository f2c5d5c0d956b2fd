"""Shapes: what they match, how neighbours are joined, placeholders, and classes of characters."""

import re
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.docker_auth_model import path_match
from token_service.policy.docker_auth.shapes import (
    MAX_ALTERNATIVES,
    Anchor,
    Hole,
    Item,
    Items,
    Sequence,
    Shape,
    Slot,
    Unsupported,
    joined,
    placeholder_slot,
    read_class,
    times,
    to_sequence,
)

STAR, ONE, ANY, SOME = Hole.STAR, Hole.ONE, Hole.ANY, Hole.SOME
TEXTS = ["".join(letters) for length in range(5) for letters in product("ab/", repeat=length)]

sequences = st.lists(st.sampled_from(["a", "b", "/", "ab", "a/", STAR, ONE, ANY, SOME]), max_size=4).map(tuple)


def expression(sequence: Sequence) -> re.Pattern[str]:
    return re.compile("".join(token.value if isinstance(token, Hole) else str(token) for token in sequence))


# --- what a shape matches --------------------------------------------------------------------------------------


@given(st.lists(sequences, max_size=2))
@settings(max_examples=40)
def test_a_shape_matches_what_any_of_its_alternatives_spans(alternatives: list[Sequence]) -> None:
    shape = Shape(tuple(alternatives))
    expressions = [expression(sequence) for sequence in alternatives]
    for text in TEXTS:
        assert shape.matches(text) is any(one.fullmatch(text) for one in expressions), text


@pytest.mark.parametrize(
    ("hole", "texts"),
    [
        (STAR, ["", "a", "ab"]),
        (ONE, ["a"]),
        (ANY, ["", "/", "a", "/a", "a/", "ab", "a/b"]),
        (SOME, ["/", "a", "/a", "a/", "ab", "a/b"]),
    ],
)
def test_holes_are_empty_or_not_and_cross_slashes_or_not(hole: Hole, texts: list[str]) -> None:
    candidates = ["", "/", "a", "/a", "a/", "ab", "a/b"]
    assert [text for text in candidates if Shape(((hole,),)).matches(text)] == texts


@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        (((ANY,),), True),
        (((SOME,),), True),
        ((("a",), (ANY,)), True),
        (((STAR,),), False),
        (((ANY, "a"),), False),
        (((ONE, ANY),), False),
        (((),), False),
        ((), False),
    ],
)
def test_everything_is_one_hole_that_crosses_slashes(alternatives: tuple[Sequence, ...], expected: bool) -> None:
    assert Shape(alternatives).is_everything is expected


@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        ((("a", "b"), ("c",)), ("ab", "c")),
        ((("b",), ("a",), ("b",)), ("b", "a")),
        (((),), ("",)),
        ((), ()),
        ((("a",), (ONE,)), None),
        ((("a", Slot("principal")),), None),
    ],
)
def test_the_texts_that_match_are_counted_where_there_is_no_hole(
    alternatives: tuple[Sequence, ...], expected: tuple[str, ...] | None
) -> None:
    assert Shape(alternatives).literals == expected


# --- placeholders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "in_regex", "slot"),
    [
        ("account", False, "principal"),
        ("account", True, "principal"),
        ("labels:group", False, "label.group"),
        ("labels:my-group.2", False, "label.my-group.2"),
    ],
)
def test_placeholders_are_slots(text: str, in_regex: bool, slot: str) -> None:
    assert placeholder_slot(text, slots=True, in_regex=in_regex) == Slot(slot)


@pytest.mark.parametrize(
    ("text", "slots", "in_regex", "message"),
    [
        ("account", False, False, "a placeholder (${account}) is read in `name` only"),
        (
            "labels:group",
            True,
            True,
            "docker_auth inserts labels into a regular expression unquoted; write a glob",
        ),
        ("labels:my group", True, False, "a capture group (${labels:my group}) has no counterpart"),
        ("account:1", True, False, "a capture group (${account:1}) has no counterpart"),
        ("label:group", True, False, "a capture group (${label:group}) has no counterpart"),
        ("labels", True, False, "the placeholder ${labels} has no counterpart"),
        ("labels:", True, False, "a capture group (${labels:}) has no counterpart"),
        ("labels:a:b", True, False, "a capture group (${labels:a:b}) has no counterpart"),
        ("name", True, True, "the placeholder ${name} has no counterpart"),
        ("Account", True, False, "the placeholder ${Account} has no counterpart"),
        ("", True, False, "the placeholder ${} has no counterpart"),
    ],
)
def test_placeholders_that_have_no_counterpart(text: str, slots: bool, in_regex: bool, message: str) -> None:
    with pytest.raises(Unsupported) as caught:
        placeholder_slot(text, slots=slots, in_regex=in_regex)
    assert str(caught.value) == message


# --- neighbours --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ((), []),
        (("a",), ["a"]),
        (("a", "b", "/", "c"), ["ab/c"]),
        (("a", STAR, "b", "c"), ["a", STAR, "bc"]),
        (("a", Slot("principal"), "b"), ["a", Slot("principal"), "b"]),
        ((Slot("principal"), Slot("principal")), [Slot("principal"), Slot("principal")]),
        ((Anchor("^"), "a", "b", Anchor("$")), [Anchor("^"), "ab", Anchor("$")]),
        ((STAR, STAR), [STAR]),
        ((STAR, ONE), [STAR, ONE]),
        ((STAR, ANY), [ANY]),
        ((STAR, SOME), [SOME]),
        ((ONE, STAR), [ONE, STAR]),
        ((ONE, ONE), [ONE, ONE]),
        ((ONE, ANY), [ONE, ANY]),
        ((ONE, SOME), [ONE, SOME]),
        ((ANY, STAR), [ANY]),
        ((ANY, ONE), [ANY, ONE]),
        ((ANY, ANY), [ANY]),
        ((ANY, SOME), [SOME]),
        ((SOME, STAR), [SOME]),
        ((SOME, ONE), [SOME, ONE]),
        ((SOME, ANY), [SOME]),
        ((SOME, SOME), [SOME, SOME]),  # at least two characters
        ((STAR, STAR, ANY, STAR, "a", "b"), [ANY, "ab"]),
    ],
)
def test_neighbours_become_one_where_that_says_the_same(items: Items, expected: list[Item]) -> None:
    assert list(joined(items)) == expected


@given(sequences)
@settings(max_examples=40)
def test_joining_changes_nothing_that_matches(sequence: Sequence) -> None:
    short = to_sequence(sequence)
    assert not any(isinstance(one, str) and isinstance(two, str) for one, two in pairwise(short))
    matched = [text for text in TEXTS if expression(sequence).fullmatch(text)]
    assert [text for text in TEXTS if Shape((short,)).matches(text)] == matched


def test_a_sequence_spans_the_text_and_needs_no_anchors() -> None:
    assert to_sequence((Anchor("^"), "a", "b", STAR, STAR, Anchor("$"))) == ("ab", STAR)


@pytest.mark.parametrize(
    ("found", "choices", "expected"),
    [
        ([()], [("a",), ("b",)], [("a",), ("b",)]),
        ([("a",), (STAR,)], [("b",), ()], [("a", "b"), ("a",), (STAR, "b"), (STAR,)]),
        ([("a",)], [], []),
    ],
)
def test_every_beginning_goes_with_every_choice(
    found: list[Items], choices: list[Items], expected: list[Items]
) -> None:
    assert times(found, choices) == expected


def test_alternatives_are_limited_when_they_are_written_out() -> None:
    found: list[Items] = [("a",)] * 8
    assert len(times(found, found)) == MAX_ALTERNATIVES
    with pytest.raises(Unsupported) as caught:
        times(found, [*found, ("b",)])
    assert str(caught.value) == "it has more than 64 alternatives when written out"


# --- classes of characters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "in_regex", "members"),
    [
        ("ab]", False, "ab"),
        ("a-c]", False, "abc"),
        ("a-a]", False, "a"),
        ("a-cx-z0]", False, "abcxyz0"),
        ("b-da-c]", False, "bcda"),
        ("a^]", False, "a^"),
        ("./]", False, "./"),
        ("\\]\\-\\\\]", False, "]-\\"),
        ("+-\\-]", False, "+,-"),
        ("\\+-.]", False, "+,-."),
        ("é]", False, "é"),
        ("$]", False, "$"),
        ("!a]", False, "!a"),
        ("-a]", True, "-a"),
        ("a-]", True, "a-"),
        ("-]", True, "-"),
        ("a-c-e]", True, "abc-e"),
        ("+--]", True, "+,-"),
        ("\\]]", True, "]"),
    ],
)
def test_the_members_of_a_class_are_written_out(text: str, in_regex: bool, members: str) -> None:
    assert read_class(text, 0, in_regex=in_regex) == (list(members), len(text))


def test_a_class_ends_at_its_bracket() -> None:
    assert read_class("x[a-b]]c", 2, in_regex=False) == (["a", "b"], 6)
    assert read_class("a-]b]", 0, in_regex=True) == (["a", "-"], 3)


_NEGATED = "a negated class of characters has no counterpart"
_OPEN = "a class of characters is not closed, or empty"
_RANGE = "a class of characters is empty or too large"
_ESCAPE = "an escape within a class of characters has no counterpart"
_PLACEHOLDER = "a placeholder stands after a backslash or in a class of characters"
_DASH = "a class of characters in a glob holds a bare `-`; docker_auth never matches it"


@pytest.mark.parametrize(
    ("text", "in_regex", "message"),
    [
        ("^a]", True, _NEGATED),
        ("^", False, _NEGATED),
        ("", True, _OPEN),
        ("]", True, _OPEN),
        ("]a]", False, _OPEN),
        ("a", False, _OPEN),
        ("ab-", True, _OPEN),
        ("a-c", False, _OPEN),
        ("b-a]", True, _RANGE),
        ("\u0100-\u0140]", True, _RANGE),
        ("a[b]", True, "a class of characters holds `[`"),
        ("[:alpha:]]", True, "a class of characters holds `[`"),
        ("\\d]", True, _ESCAPE),
        ("\\1]", False, _ESCAPE),
        ("a-\\w]", True, _ESCAPE),
        ("\\", False, _ESCAPE),
        ("\\€]", True, _ESCAPE),
        ("${account}]", False, _PLACEHOLDER),
        ("a${account}]", True, _PLACEHOLDER),
        ("!-${account}]", True, _PLACEHOLDER),
        ("\\${account}]", False, _PLACEHOLDER),
        ("-a]", False, _DASH),
        ("a-]", False, _DASH),
        ("a-c-e]", False, _DASH),
        ("+--]", False, _DASH),
    ],
)
def test_classes_that_have_no_counterpart(text: str, in_regex: bool, message: str) -> None:
    with pytest.raises(Unsupported) as caught:
        read_class(text, 0, in_regex=in_regex)
    assert str(caught.value) == message


def test_a_range_may_be_as_large_as_the_alternatives_may_be_many() -> None:
    members, _ = read_class("\u0100-\u013f]", 0, in_regex=True)
    assert len(members) == MAX_ALTERNATIVES


@given(st.text("abc-\\]^.é", max_size=5), st.booleans())
@settings(max_examples=100)
def test_a_class_that_is_read_is_read_as_docker_auth_does(text: str, in_regex: bool) -> None:
    try:
        members, end = read_class(f"{text}]", 0, in_regex=in_regex)
    except Unsupported:
        return
    pattern = f"[{text}]"[: end + 1]
    for letter in "abc-\\]^.é,[":
        is_match = re.fullmatch(pattern, letter) is not None if in_regex else path_match(pattern, letter)
        assert (letter in members) is is_match, (pattern, letter)
