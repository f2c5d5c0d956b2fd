"""Walking automata side by side: a shortest name for each way to match, what is not looked at, and the limit."""

import pytest

from token_service.policy.automaton import principal_names, resource_names
from token_service.policy.docker_auth import walk
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.notation import parse_name
from token_service.policy.pattern import Pattern

Patterns = tuple[Pattern, ...]
Ways = list[tuple[str, tuple[bool, ...]]]


def patterns(*texts: str) -> Patterns:
    return tuple(parse_name(text, "") for text in texts)


def ways(needed: tuple[Patterns, ...], others: tuple[Patterns, ...] = (), *, of_users: bool = False) -> Ways:
    """Of repositories, or of users, whose names may be anything."""
    used = [one for each in (*needed, *others) for one in each]
    return list(walk.walk(principal_names(used) if of_users else resource_names(used), needed, others))


def test_there_is_a_shortest_name_for_each_way_to_match() -> None:
    assert ways((), (patterns("a"), patterns("b"))) == [
        ("0", (False, False)),
        ("a", (True, False)),
        ("b", (False, True)),
        ("0/0", (False, False)),  # longer names, which can match nothing any more
    ]


def test_several_patterns_are_one_set() -> None:
    found = ways((patterns("a", "b"),), (patterns("b"),), of_users=True)
    assert found == [("", (False, False)), ("a", (True, False)), ("b", (True, True))]


def test_what_is_needed_comes_before_the_others() -> None:
    found = ways((patterns("a?"), patterns("*b")), (patterns("aa"),), of_users=True)
    assert [one for one in found if one[1] != (False, False, False)] == [
        ("aa", (True, False, True)),
        ("ab", (True, True, False)),
        ("ac", (True, False, False)),  # c is every other letter
    ]


def test_only_names_of_the_universe_are_given() -> None:
    """`a/` leads to `a/b`, but no registry accepts it; an account may be called so."""
    assert [name for name, _ in ways((patterns("a/b"),))] == ["a", "a/b"]
    assert [name for name, _ in ways((patterns("a/b"),), of_users=True)] == ["", "a", "a/", "a/b"]


def test_what_none_of_a_needed_set_can_match_is_not_looked_at() -> None:
    assert ways((patterns("a"), patterns("b"))) == []
    assert ways((patterns("a"), ())) == []
    assert [name for name, _ in ways((patterns("a"),), (patterns("b"),))] == ["a"]


def test_nothing_asked_for_leaves_the_universe() -> None:
    assert ways((), (), of_users=True) == [("", ())]


@pytest.mark.parametrize(
    ("needed", "others", "states"),
    [
        ((patterns("a?"), patterns("*b")), (patterns("ab"),), 4),
        ((patterns("a?"),), (patterns("*b"), patterns("ab")), 4),
        ((), (patterns("a?"), patterns("*b"), patterns("ab")), 7),
    ],
)
def test_too_many_ways_are_refused(
    needed: tuple[Patterns, ...], others: tuple[Patterns, ...], states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is needed keeps the number down."""
    monkeypatch.setattr(walk, "MAX_STATES", states)
    ways(needed, others, of_users=True)
    monkeypatch.setattr(walk, "MAX_STATES", states - 1)
    with pytest.raises(Unsupported) as caught:
        ways(needed, others, of_users=True)
    assert str(caught.value) == f"names can match in more than {states - 1} ways; anchor patterns, or import a part"
