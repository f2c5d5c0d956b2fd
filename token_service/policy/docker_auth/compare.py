"""A list that is decided by its first match against rules that override, for every name at once. Pure.

What belongs here: the two ways to decide. What does not: which entries and rules concern whom (`prove.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress

from token_service.policy.automaton import resource_names
from token_service.policy.docker_auth.entry import CATALOG, REGISTRY
from token_service.policy.docker_auth.walk import walk
from token_service.policy.pattern import Pattern, matches, no_slots
from token_service.policy.rule import ANY_ACTION, REPOSITORY


@dataclass(frozen=True, slots=True)
class Line:
    """An entry or rule as it is for one principal: what it says of each action, and of which names.

    `is_deny` of a rule: it denies the actions that it says. Of an entry: it is not known what it matches, so it
    denies what it does not say, and grants nothing for sure.
    """

    says: frozenset[str]
    patterns: tuple[Pattern, ...]
    is_deny: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One principal's two sides. `is_certain` false: the entries are a lower bound, and nothing can be missed."""

    kind: str
    entries: tuple[Line, ...]
    rules: tuple[Line, ...]
    is_certain: bool


def compare(case: Case, actions: tuple[str, ...]) -> Iterator[tuple[str, str, bool]]:
    """A name and an action for each direction in which the two sides differ; True: the rules grant more."""
    asked = actions if case.kind == REPOSITORY else (*actions, ANY_ACTION)
    seen: set[bool] = set()
    for name, hits in _names(case):
        entries = tuple(compress(case.entries, hits))
        rules = tuple(compress(case.rules, hits[len(case.entries) :]))
        for action in asked:
            theirs, ours = _first_match(entries, action), _overriding(rules, action)
            if ours is not theirs and ours not in seen and (ours or case.is_certain):
                seen.add(ours)
                yield name, action, ours
        if len(seen) == 2:
            return


def _first_match(entries: tuple[Line, ...], action: str) -> bool:
    for entry in entries:
        if not entry.is_deny:
            return action in entry.says
        if action not in entry.says:
            return False
    return False


def _overriding(rules: tuple[Line, ...], action: str) -> bool:
    acting = [rule for rule in rules if action in rule.says]
    return bool(acting) and not any(rule.is_deny for rule in acting)


def _names(case: Case) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """A shortest name for each way in which names can be matched by the lines, and which of them match it."""
    lines = (*case.entries, *case.rules)
    if case.kind == REGISTRY:
        yield CATALOG, tuple(any(matches(one, [CATALOG], no_slots) for one in line.patterns) for line in lines)
        return
    names = resource_names([pattern for line in lines for pattern in line.patterns])
    yield from walk(names, (), tuple(line.patterns for line in lines))
