"""docker_auth's globs and regular expressions as shapes: each construct, what is refused, and against `re`."""

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.docker_auth_model import path_match
from token_service.policy.docker_auth.glob import MAX_DEPTH, read_pattern
from token_service.policy.docker_auth.shapes import Hole, Sequence, Shape, Slot, Unsupported

STAR, ONE, ANY, SOME = Hole.STAR, Hole.ONE, Hole.ANY, Hole.SOME
ACCOUNT, GROUP = Slot("principal"), Slot("label.group")
TEXTS = ["".join(letters) for length in range(5) for letters in product("ab/", repeat=length)]


def refusal(pattern: str, *, slots: bool = True) -> str:
    with pytest.raises(Unsupported) as caught:
        read_pattern(pattern, slots=slots)
    return str(caught.value)


# --- globs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "alternatives"),
    [
        ("", [()]),
        ("team/app", [("team/app",)]),
        ("team/*", [("team/", STAR)]),
        ("**", [(STAR,)]),
        ("a?b", [("a", ONE, "b")]),
        ("?*", [(ONE, STAR)]),
        ("[ab]c", [("ac",), ("bc",)]),
        ("[ab][xy]", [("ax",), ("ay",), ("bx",), ("by",)]),
        ("a[/]b", [("a/b",)]),
        ("\\*\\?\\[\\\\\\a", [("*?[\\a",)]),
        ("a.+|(b)$^{}]-", [("a.+|(b)$^{}]-",)]),
        ("${account}/*", [(ACCOUNT, "/", STAR)]),
        ("x-${labels:group}-y", [("x-", GROUP, "-y")]),
        ("${account}${labels:group}", [(ACCOUNT, GROUP)]),
        ("${account", [("${account",)]),
        ("/", [("/",)]),
        ("//", [("//",)]),
        ("/a", [("/a",)]),
        ("a/", [("a/",)]),
    ],
)
def test_a_glob_is_read_character_by_character(pattern: str, alternatives: list[Sequence]) -> None:
    assert read_pattern(pattern, slots=True) == Shape(tuple(alternatives), unanchored=False)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a\\", "the pattern ends in a backslash; docker_auth never matches it"),
        ("\\${account}", "a placeholder stands after a backslash or in a class of characters"),
        ("[^a]", "a negated class of characters has no counterpart"),
        ("a[-b]", "a class of characters in a glob holds a bare `-`; docker_auth never matches it"),
        ("[a-z][abc]", "it has more than 64 alternatives when written out"),
        ("${labels:}", "a capture group (${labels:}) has no counterpart"),
    ],
)
def test_globs_that_have_no_counterpart(pattern: str, message: str) -> None:
    assert refusal(pattern) == message


@pytest.mark.parametrize("pattern", ["${account}/*", "/^${account}$/"])
def test_placeholders_are_for_names_only(pattern: str) -> None:
    assert refusal(pattern, slots=False) == "a placeholder (${account}) is read in `name` only"


@given(st.lists(st.sampled_from([*"ab/*?-[]^\\", "[ab]", "[a-b]"]), max_size=5).map("".join))
@settings(max_examples=150)
def test_a_glob_matches_what_docker_auth_matches(pattern: str) -> None:
    if len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/"):
        return
    try:
        shape = read_pattern(pattern, slots=False)
    except Unsupported:
        return
    for text in TEXTS:
        assert shape.matches(text) is path_match(pattern, text), text


# --- regular expressions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "alternatives"),
    [
        ("^$", [()]),
        ("^a/b-c$", [("a/b-c",)]),
        ("^Team X$", [("Team X",)]),
        ("^team\\/x\\.y$", [("team/x.y",)]),
        ("^\\^\\$\\\\\\_$", [("^$\\_",)]),
        ("^.$", [(ONE,), ("/",)]),
        ("^.*$", [(ANY,)]),
        ("^.+$", [(SOME,)]),
        ("^[^/]$", [(ONE,)]),
        ("^[^/]*$", [(STAR,)]),
        ("^[^/]+$", [(ONE, STAR)]),
        ("^a.*b$", [("a", ANY, "b")]),
        ("^.*?.+?$", [(SOME,)]),
        ("^(.)*([^/])+$", [(ANY, ONE, STAR)]),
        ("^ab?$", [("ab",), ("a",)]),
        ("^ab??$", [("ab",), ("a",)]),
        ("^(a|b)?$", [("a",), ("b",), ()]),
        ("^[^/]?$", [(ONE,), ()]),
        ("^[ab]c$", [("ac",), ("bc",)]),
        ("^[a-]$", [("a",), ("-",)]),
        ("^(a|b/)(?:c|d)$", [("ac",), ("ad",), ("b/c",), ("b/d",)]),
        ("^((a)|(b|c))$", [("a",), ("b",), ("c",)]),
        ("^()$", [()]),
        ("^(a|)$", [("a",), ()]),
        ("^(a|a)$", [("a",)]),
        ("^a$|^b$", [("a",), ("b",)]),
        ("(^a$|^b$)", [("a",), ("b",)]),
        ("^]$", [("]",)]),
        ("^${account}/.*$", [(ACCOUNT, "/", ANY)]),
        ("^x-(${account})?$", [("x-", ACCOUNT), ("x-",)]),
    ],
)
def test_an_anchored_expression_is_read_piece_by_piece(pattern: str, alternatives: list[Sequence]) -> None:
    assert read_pattern(f"/{pattern}/", slots=True) == Shape(tuple(alternatives), unanchored=False)


@pytest.mark.parametrize(
    ("pattern", "alternatives", "unanchored"),
    [
        ("a", [(ANY, "a", ANY)], True),
        ("^a", [("a", ANY)], True),
        ("a$", [(ANY, "a")], True),
        ("^", [(ANY,)], True),
        ("$", [(ANY,)], True),
        ("^a$|b", [("a",), (ANY, "b", ANY)], True),
        ("b|^a$", [(ANY, "b", ANY), ("a",)], True),
        ("a|^a|^.*a.*", [(ANY, "a", ANY), ("a", ANY), (ANY, "a", ANY)], True),
        (".*", [(ANY,)], False),
        (".+", [(SOME,)], False),
        ("^.*", [(ANY,)], False),
        (".+$", [(SOME,)], False),
        (".*.+", [(SOME,)], False),
        (".*a", [(ANY, "a", ANY)], True),
        ("[^/]*", [(ANY,)], True),
    ],
)
def test_an_end_that_is_open_is_told_unless_the_expression_says_so_itself(
    pattern: str, alternatives: list[Sequence], unanchored: bool
) -> None:
    expected = Shape(tuple(dict.fromkeys(alternatives)), unanchored=unanchored)
    assert read_pattern(f"/{pattern}/", slots=True) == expected


_LONE = "stands where docker_auth would not accept it, or has no counterpart"
_OTHER = "after something else than `.` or `[^/]` has no counterpart"
_REPEATED_PLACEHOLDER = "a repetition after a placeholder repeats its last character only; use a group"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*a", f"`*` {_LONE}"),
        ("+", f"`+` {_LONE}"),
        ("(?)", "flags and named groups have no counterpart"),
        ("a|?", f"`?` {_LONE}"),
        ("a{2}", f"`{{` {_LONE}"),
        ("a}", f"`}}` {_LONE}"),
        ("a*", f"`*` {_OTHER}"),
        ("[ab]+", f"`+` {_OTHER}"),
        ("(.|a)*", f"`*` {_OTHER}"),
        ("()*", f"`*` {_OTHER}"),
        ("a**", "two repetitions in a row have no counterpart"),
        (".**a", "two repetitions in a row have no counterpart"),
        (".*+", "two repetitions in a row have no counterpart"),
        ("a??+", "two repetitions in a row have no counterpart"),
        ("a???", "two repetitions in a row have no counterpart"),
        ("^*", "a repeated anchor has no counterpart"),
        ("(a|b$)?", "a repeated anchor has no counterpart"),
        ("a^", "an anchor stands elsewhere than at an end"),
        ("^^a", "an anchor stands elsewhere than at an end"),
        ("$a", "an anchor stands elsewhere than at an end"),
        ("a(^b|c)", "an anchor stands elsewhere than at an end"),
        ("a$$", "an anchor stands elsewhere than at an end"),
        ("a)", "a parenthesis is closed that was not opened"),
        ("(a", "a parenthesis is not closed"),
        ("(a|(b)", "a parenthesis is not closed"),
        ("(?i)a", "flags and named groups have no counterpart"),
        ("(?P<x>a)", "flags and named groups have no counterpart"),
        ("\\d", "the escape \\d has no counterpart"),
        ("\\1", "the escape \\1 has no counterpart"),
        ("\\é", "the escape \\é has no counterpart"),
        ("\\€", "the escape \\€ has no counterpart"),
        ("a\\", "the escape \\ has no counterpart"),
        ("\\${account}", "a placeholder stands after a backslash or in a class of characters"),
        ("[a${account}]", "a placeholder stands after a backslash or in a class of characters"),
        ("[^a]", "a negated class of characters has no counterpart"),
        ("[^/a]", "a negated class of characters has no counterpart"),
        ("[a", "a class of characters is not closed, or empty"),
        ("${account}*", _REPEATED_PLACEHOLDER),
        ("${account}+", _REPEATED_PLACEHOLDER),
        ("${account}?", _REPEATED_PLACEHOLDER),
        ("${account}{2}", _REPEATED_PLACEHOLDER),
        (
            "${labels:group}",
            "docker_auth inserts labels into a regular expression unquoted; write a glob",
        ),
        ("[a-z]|[a-z]|[a-m]", "it has more than 64 alternatives when written out"),
        ("[a-z][abc]", "it has more than 64 alternatives when written out"),
    ],
)
def test_expressions_that_have_no_counterpart(pattern: str, message: str) -> None:
    assert refusal(f"/{pattern}/") == message


def test_alternatives_are_written_out_up_to_the_limit() -> None:
    assert len(read_pattern("/^([a-z]|[A-Z]|[0-9]|-|_)$/", slots=True).alternatives) == 64


def test_groups_are_nested_up_to_the_limit() -> None:
    deepest = f"/^{'(' * MAX_DEPTH}a{')' * MAX_DEPTH}(b)$/"
    assert read_pattern(deepest, slots=True) == Shape((("ab",),))
    assert refusal(f"/({deepest[1:-1]})/") == "its groups are nested deeper than 20"


def test_a_group_that_is_closed_is_not_deep_any_more() -> None:
    deepest = f"{'(' * MAX_DEPTH}a{')' * MAX_DEPTH}"
    assert read_pattern(f"/^(b)(c){deepest}$/", slots=True) == Shape((("bca",),))
    assert refusal(f"/(b(c){deepest})/") == "its groups are nested deeper than 20"


_PIECES = ("a", "b", "/", ".", "[^/]", "[ab]", "*", "+", "?", "(", "(?:", ")", "|", ".*", ".+", "[^/]*", "^", "$")


@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=7).map("".join))
@settings(max_examples=150)
def test_an_expression_matches_what_docker_auth_matches(text: str) -> None:
    try:
        shape = read_pattern(f"/{text}/", slots=False)
    except Unsupported:
        return
    expression = re.compile(text)
    for name in TEXTS:
        assert shape.matches(name) is (expression.search(name) is not None), name
