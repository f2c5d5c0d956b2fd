"""Shapes in our notation: what each hole becomes where, names that cannot be, and the same names as before."""

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token_service.policy.docker_auth.shapes import Hole, Items, Sequence, Shape, Slot, Unsupported, to_sequence
from token_service.policy.docker_auth.spell import matches_empty, spell_names, spell_resources
from token_service.policy.pattern import matches, no_slots, show

STAR, ONE, ANY, SOME = Hole.STAR, Hole.ONE, Hole.ANY, Hole.SOME
ACCOUNT, A, B = Slot("principal"), Slot("label.a"), Slot("label.b")
NAMES = ["/".join(parts) for count in (1, 2, 3) for parts in product(["a", "b", "ab", "bab"], repeat=count)]


def resources(*alternatives: Sequence, kind: str = "repository") -> list[str]:
    return [str(one) for one in spell_resources(Shape(alternatives), kind)]


def names(*alternatives: Sequence) -> list[str]:
    return [show(one) for one in spell_names(Shape(alternatives))]


# --- holes -------------------------------------------------------------------------------------------------------

SPELLED: list[tuple[Sequence, list[str]]] = [
    ((), []),
    (("a",), ["a"]),
    (("a/b/c",), ["a/b/c"]),
    (("a/", "b"), ["a/b"]),
    (("a", "b"), ["ab"]),
    (("/",), []),
    (("/a",), []),
    (("a/",), []),
    (("a//b",), []),
    ((ONE,), ["?"]),
    (("a", ONE, "/", ONE, "b"), ["a?/?b"]),
    ((STAR,), ["*"]),
    (("a", STAR, "b/", STAR), ["a*b/*"]),
    ((STAR, "a", STAR), ["*a*"]),
    ((STAR, STAR), ["*"]),
    ((STAR, "/a"), ["*/a"]),
    ((ONE, STAR), ["?*"]),
    ((ANY,), ["**"]),
    ((ANY, "a"), ["**/*a"]),
    ((ANY, "/a"), ["*/**/a"]),
    (("a/", ANY), ["a/**"]),
    (("a/", ANY, "b"), ["a/**/*b"]),
    (("a/", ANY, "/b"), ["a/*/**/b"]),
    (("a", ANY), ["a*", "a*/**"]),
    (("a", ANY, "b"), ["a*b", "a*/**/*b"]),
    (("a", ANY, "/b"), ["a*/**/b"]),
    ((STAR, "a", STAR, "/", ANY), ["*a*/**"]),
    ((ANY, ONE), ["**/*?"]),
    ((ONE, ANY, "/a"), ["?*/**/a"]),
    ((ANY, "a", ANY), ["**/*a*", "**/*a*/**"]),
    ((SOME,), ["**"]),
    ((SOME, "a"), ["?*a", "*/**/*a"]),
    ((SOME, "/a"), ["*/**/a"]),
    (("a/", SOME), ["a/**"]),
    (("a/", SOME, "b"), ["a/?*b", "a/*/**/*b"]),
    (("a/", SOME, "/b"), ["a/*/**/b"]),
    (("a", SOME), ["a?*", "a*/**"]),
    (("a", SOME, "b"), ["a?*b", "a*/**/*b"]),
    (("a", SOME, "/b"), ["a?*/b", "a*/*/**/b"]),
    ((SOME, SOME), ["?*?*", "?*/**", "*/**/*?*", "*/**/*/**"]),
    ((ANY, "/", ANY), ["*/**/**"]),
]


@pytest.mark.parametrize(("sequence", "expected"), SPELLED)
def test_each_hole_is_spelled_by_what_stands_around_it(sequence: Sequence, expected: list[str]) -> None:
    assert resources(sequence) == [f"repository:{one}" for one in expected]
    assert names(sequence) == expected


@given(st.lists(st.sampled_from(["a", "b", "/", "ab", "/a", "b/", STAR, ONE, ANY, SOME]), max_size=5).map(tuple))
@settings(max_examples=150)
def test_what_is_spelled_matches_the_same_names(items: Items) -> None:
    sequence = to_sequence(items)
    expression = re.compile("".join(one.value if isinstance(one, Hole) else str(one) for one in sequence))
    try:
        patterns = [one.pattern for one in spell_resources(Shape((sequence,)), "repository")]
    except Unsupported:  # it begins anywhere in too many ways
        assert sum(one in {ANY, SOME} for one in sequence) > 2
        return
    assert tuple(patterns) == spell_names(Shape((sequence,)))
    for name in NAMES:
        is_match = any(matches(pattern, name.split("/"), no_slots) for pattern in patterns)
        assert is_match is (expression.fullmatch(name) is not None), name


# --- resources ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        ([("b",), ("a",), ("b",)], ["zoo:b", "zoo:a"]),
        ([("a",), (ANY,), ("b/", STAR)], ["zoo:**"]),
        ([(SOME,), (ANY,)], ["zoo:**"]),
        ([("a/", ANY)], ["zoo:a/**"]),
        ([], []),
        ([(ACCOUNT, "/", ANY)], ["zoo:{principal}/**"]),
        ([("x-", A, "-y/", B)], ["zoo:x-{label.a}-y/{label.b}"]),
        ([(ACCOUNT, "/", ACCOUNT)], ["zoo:{principal}/{principal}"]),
    ],
)
def test_resources_are_patterns_of_one_type_without_doubles(
    alternatives: list[Sequence], expected: list[str]
) -> None:
    assert resources(*alternatives, kind="zoo") == expected


@pytest.mark.parametrize("text", [*"*?{}\\^$|"])
def test_what_no_name_holds_matches_no_resource(text: str) -> None:
    """Not even `*` and `?`, which would be wildcards of ours."""
    assert resources((f"a{text}",), ("b",)) == ["repository:b"]


@pytest.mark.parametrize("text", ["a/B", "a b", "a/b:c", "a]", "a/[b]", "uses a label twice", "é"])
def test_what_no_registry_accepts_matches_no_resource(text: str) -> None:
    assert resources((text,), (ACCOUNT, text), ("b",)) == ["repository:b"]


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (("X:5000/a",), ["X:5000/a"]),
        (("[::1]:50/", ANY), ["[::1]:50/**"]),
        (("[::1]", STAR, "/a"), ["[::1]*/a"]),
        ((STAR, "X", STAR, "/", ANY), ["*X*/**"]),
        ((ANY, ":5000/", ANY), ["*:5000/**"]),
        ((ANY, "X", ANY), ["*X*/**"]),  # alone it would be no host
        ((ANY, "X"), []),
        ((ANY, "X/Y"), []),
        ((ANY, "/X/a"), []),
        (("a/", ANY, "X/b"), []),
        ((SOME, "X/a"), ["?*X/a"]),
        ((ANY, "x/a"), ["**/*x/a"]),
    ],
)
def test_a_host_may_hold_what_a_path_may_not(sequence: Sequence, expected: list[str]) -> None:
    """It stands in front, so an expression that begins anywhere is one that begins there."""
    assert resources(sequence) == [f"repository:{one}" for one in expected]


_HOSTS = ("X/", "aX/", "Xa/", "a:5/", "a:55/", "[::1]/", "")
_HOSTED = [f"{host}{path}" for host in _HOSTS for path in ("a", "b", "ab", "a/b", "b/a/a")]
_BITS = ("a", "b", "/", "X", "X/", ":5", ":5/", "[::1]", "]/", "/a", STAR, ONE, ANY, SOME)


@given(st.lists(st.sampled_from(_BITS), max_size=5).map(tuple))
@settings(max_examples=150)
def test_what_is_spelled_matches_the_same_names_with_hosts(items: Items) -> None:
    sequence = to_sequence(items)
    try:
        patterns = [one.pattern for one in spell_resources(Shape((sequence,)), "repository")]
    except Unsupported:
        return
    for name in _HOSTED:
        is_match = any(matches(pattern, name.split("/"), no_slots) for pattern in patterns)
        assert is_match is Shape((sequence,)).matches(name), name


@pytest.mark.parametrize(
    ("alternatives", "message"),
    [
        *(
            ([sequence], "a host in brackets is read only where it is written out: `[::1]/*`")
            for sequence in (("[b]/a",), (STAR, "1]/a"), (ANY, "]/a"), ("[", A, "]/a/b"), ("[::1]a/", ANY))
        ),
        ([(A, "/", A)], "it uses a label twice"),
        ([("x",), ("x-", A, "/y/", A)], "it uses a label twice"),
        ([(A, B)], "two placeholders in one segment have no counterpart"),
        ([("a/", ACCOUNT, "-", ACCOUNT, "/b")], "two placeholders in one segment have no counterpart"),
        ([("x" * 256,)], "it is longer than 255 characters"),
        ([(f"{letter}", STAR) for letter in map(str, range(65))], "it becomes more than 64 patterns"),
        (
            [(ANY, f"{number}") for number in range(9)],
            "it becomes more than 8 patterns that begin anywhere; anchor it with ^",
        ),
    ],
)
def test_resources_that_cannot_be_spelled(alternatives: list[Sequence], message: str) -> None:
    with pytest.raises(Unsupported) as caught:
        resources(*alternatives)
    assert str(caught.value) == message


def test_resources_are_spelled_up_to_the_limits() -> None:
    assert len(resources(*((f"{number}",) for number in range(64)))) == 64
    assert len(resources(*((ANY, f"{number}") for number in range(8)), *(("a", ANY),))) == 10
    assert resources(("x" * 255,)) == [f"repository:{'x' * 255}"]


def test_one_sequence_becomes_few_patterns() -> None:
    """Each hole between texts doubles them, although most would be no names in the end."""
    holes: Sequence = ("a", ANY) * 6
    assert len(list(spell_names(Shape(((*holes[:6],),))))) == 8
    with pytest.raises(Unsupported) as caught:
        names((*holes, "a", ANY))
    assert str(caught.value) == "it becomes more than 64 patterns"
    with pytest.raises(Unsupported) as caught:
        names(holes)
    assert str(caught.value) == "it becomes more than 8 patterns that begin anywhere; anchor it with ^"


# --- accounts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        ([("Bob@x.org",), ("é ü",), ("Bob@x.org",)], ["Bob@x.org", "é ü"]),
        ([("a",), (ANY,), ("b",)], ["**"]),
        ([("a",), (STAR,)], ["a", "*"]),
        ([()], []),
        ([(), ("a",)], ["a"]),
        ([], []),
        ([("x" * 255,)], ["x" * 255]),
    ],
)
def test_accounts_may_be_called_anything_but_nothing(alternatives: list[Sequence], expected: list[str]) -> None:
    assert names(*alternatives) == expected


_UNWRITABLE = "it holds a character that our patterns for principals cannot hold"


@pytest.mark.parametrize(
    ("alternatives", "message"),
    [
        *(([("a",), (f"a{character}", STAR)], _UNWRITABLE) for character in "*?{}\\^$|[]"),
        ([("x" * 256,)], "it is longer than 255 characters"),
        ([(f"{number}",) for number in range(65)], "it becomes more than 64 patterns"),
        (
            [(ANY, f"{number}") for number in range(9)],
            "it becomes more than 8 patterns that begin anywhere; anchor it with ^",
        ),
        ([(ACCOUNT,)], "`{principal}` holds one of \\ ^ $ | { } [ ]"),
    ],
)
def test_accounts_that_cannot_be_spelled(alternatives: list[Sequence], message: str) -> None:
    with pytest.raises(Unsupported) as caught:
        names(*alternatives)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [([()], True), ([("a",), (STAR,)], True), ([(ANY,)], True), ([(SOME,)], False), ([("a",)], False), ([], False)],
)
def test_who_is_not_logged_in_is_called_nothing(alternatives: list[Sequence], expected: bool) -> None:
    assert matches_empty(Shape(tuple(alternatives))) is expected
