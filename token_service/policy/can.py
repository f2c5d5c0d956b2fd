"""What a principal can do, answered for all names and not by trying. Pure.

What belongs here: one principal, in one context, and everything. What does not: one resource and everybody
(`who_can.py`), and single requests (`explain.py`).

The answer for a type and an action is a set of patterns less another set: a name is allowed exactly if one of
`patterns` matches it and none of `but` does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from token_service.policy.automaton import difference, outside, resource_names, union
from token_service.policy.condition import Context
from token_service.policy.index import CompiledPolicy
from token_service.policy.match import Filled, Request, applies, filled
from token_service.policy.rule import ANY_ACTION, REPOSITORY, REPOSITORY_ACTIONS, Effect, Mode, Rule
from token_service.principal import Principal


@dataclass(frozen=True, slots=True)
class Reach:
    type: str
    action: str
    patterns: tuple[Filled, ...]
    but: tuple[Filled, ...]


def can(policy: CompiledPolicy, principal: Principal, context: Context) -> tuple[Reach, ...]:
    """All that the principal may do. Patterns of which nothing is left are not in it."""
    request = Request.of(policy, principal, context)
    rules = [rule for rule in policy.rules if rule.mode is Mode.ENFORCE and applies(rule, request)]
    found = []
    for kind in sorted({resource.type for rule in rules for resource in rule.resources}):
        for action in _actions(policy, kind):
            reach = _reach(rules, request, kind, action)
            if reach.patterns:
                found.append(reach)
    return tuple(found)


def _actions(policy: CompiledPolicy, kind: str) -> list[str]:
    """The actions that any rule names. `*` is itself where it may be granted; unnamed ones are not listed."""
    named = {action for rule in policy.rules for action in rule.actions}
    return sorted((named | REPOSITORY_ACTIONS) - {ANY_ACTION} if kind == REPOSITORY else named)


def _reach(rules: list[Rule], request: Request, kind: str, action: str) -> Reach:
    speaking = [rule for rule in rules if rule.covers(kind, action)]
    allows = [one for rule in speaking if rule.effect is Effect.ALLOW for one in filled(rule, kind, request)]
    denies = [one for rule in speaking if rule.effect is Effect.DENY for one in filled(rule, kind, request)]
    names = resource_names([one.resource.pattern for one in (*allows, *denies)])
    denied = [one.resource.pattern for one in denies]
    left = [one for one in allows if outside([one.resource.pattern], denied, names) is not None]
    inside = union([one.resource.pattern for one in left], names)
    but = [one for one in denies if difference([inside, union([one.resource.pattern], names)], [], names) is not None]
    return Reach(kind, action, tuple(left), tuple(but))


def to_plain(reaches: Iterable[Reach]) -> list[dict[str, object]]:
    """The answer as JSON can hold it."""
    return [
        {
            "type": reach.type,
            "action": reach.action,
            "allowed": [_plain(one) for one in reach.patterns],
            "denied": [_plain(one) for one in reach.but],
        }
        for reach in reaches
    ]


def _plain(one: Filled) -> dict[str, str]:
    return {"resource": str(one.resource), "rule": one.rule.id, "place": one.rule.place}


def lines(reaches: Iterable[Reach]) -> list[str]:
    found = []
    for reach in reaches:
        found.append(f"{reach.action} on")
        found += [f"  {one.resource}  ({one.rule.id}, {one.rule.place})" for one in reach.patterns]
        found += [f"  but not {one.resource}  ({one.rule.id}, {one.rule.place})" for one in reach.but]
    return found or ["nothing"]
