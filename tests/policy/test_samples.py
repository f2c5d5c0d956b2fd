"""Samples against brute force: one for each combination that a short name makes."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.policy import reference
from token_service.policy.automaton import Names, path_names, principal_names, union
from token_service.policy.nfa import Nfa
from token_service.policy.notation import parse_resource
from token_service.policy.pattern import Pattern
from token_service.policy.samples import samples

NAMES = [
    "".join(letters)
    for length in range(1, 6)
    for letters in itertools.product("ab/", repeat=length)
    if "" not in "".join(letters).split("/")
]
segments = st.sampled_from(["a", "b", "*", "**", "a*", "*b", "?", "a?", "*a*", "??"])
texts = st.lists(segments, min_size=1, max_size=3).map("/".join)


def parse(text: str) -> Pattern:
    return parse_resource(f"repository:{text}", "f:1").pattern


def machine(names: Names, *texts: str) -> Nfa:
    return union([parse(text) for text in texts], names)


def match(text: str, name: str) -> bool:
    return reference.path_matches(text.split("/"), name.split("/"))


@given(st.lists(texts, max_size=3), st.lists(texts, max_size=1), st.lists(texts, max_size=1))
def test_every_combination_has_one_shortest_name(told: list[str], apart: list[str], within: list[str]) -> None:
    names = path_names([parse(text) for text in (*told, *apart, *within)])
    found, is_all = samples(
        [machine(names, text) for text in told],
        machine(names, *apart),
        names,
        [machine(names, text) for text in within],
    )
    assert is_all
    made = {tuple(match(text, name) for text in told): len(name) for name in found}
    assert len(made) == len(found), "one for each"
    for name in (*found, *NAMES):
        if all(match(text, name) for text in within) and not any(match(text, name) for text in apart):
            assert made[tuple(match(text, name) for text in told)] <= len(name)
        else:
            assert name not in found


def test_the_empty_name_is_none() -> None:
    names = principal_names([parse("a")])
    assert samples([machine(names, "a")], union((), names), names) == (["/", "a"], True)


def test_it_says_where_it_stopped() -> None:
    names = path_names([parse("a*b")])
    assert samples([machine(names, "a*b")], union((), names), names, most=2)[1] is False
    assert samples([machine(names, "a*b")], union((), names), names, most=200)[1] is True
