"""What expectations exercise of a policy, part by part of each rule. Pure.

What belongs here: counting. What does not: whether the expectations hold (`expectations.py`).

A part of a rule counts as exercised in a case in which it made the difference that it is there for:

* an action, a principal or a resource, if the rule matched by it and spoke about an action that was asked for;
* an exception, if the rule would have matched but for it;
* a condition twice: once when the rule matched, and once when it alone kept the rule from matching.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from token_service.policy.condition import Conditions, hold, parts
from token_service.policy.decide import decide
from token_service.policy.expectations import Case
from token_service.policy.index import CompiledPolicy
from token_service.policy.match import Match, Request, match_rule
from token_service.policy.rule import ANY_ACTION, Effect, Rule

Part = tuple[str, str]
"""What kind of part, and its text: ("principal", "user:*")."""


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    rule: Rule
    exercised: tuple[Part, ...]
    missing: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    rules: tuple[RuleCoverage, ...]

    @property
    def total(self) -> int:
        return sum(len(rule.exercised) + len(rule.missing) for rule in self.rules)

    @property
    def exercised(self) -> int:
        return sum(len(rule.exercised) for rule in self.rules)

    @property
    def percent(self) -> float:
        """Of a policy without rules, everything is exercised."""
        return 100 * self.exercised / self.total if self.total else 100.0

    def to_plain(self) -> dict[str, object]:
        """The figures as JSON can hold them."""
        return {
            "total": self.total,
            "exercised": self.exercised,
            "percent": round(self.percent, 1),
            "missing": [
                {"rule": rule.rule.id, "place": rule.rule.place, "kind": kind.removesuffix(":"), "part": text}
                for rule in self.rules
                for kind, text in rule.missing
            ],
        }

    def lines(self) -> list[str]:
        """For people: what is missing, then the figure."""
        found = [
            f"{rule.rule.place}: rule `{rule.rule.id}`: {kind} {text} is not exercised"
            for rule in self.rules
            for kind, text in rule.missing
        ]
        return [*found, f"{self.exercised} of {self.total} parts exercised ({self.percent:.1f} %)"]


def coverage(policy: CompiledPolicy, cases: Iterable[Case]) -> Coverage:
    seen: dict[str, set[Part]] = {rule.id: set() for rule in policy.rules}
    for case in cases:
        request = Request.of(policy, case.principal, case.context)
        decision = decide(policy, case.principal, case.scopes, case.context)
        asked: dict[tuple[str, str], set[str]] = {}
        for verdict in decision.verdicts:
            asked.setdefault((verdict.type, verdict.name), set()).add(verdict.action)
        for (kind, name), actions in asked.items():
            for rule in policy.rules:
                spoken = {action for action in actions if rule.covers(kind, action)}
                if spoken:
                    seen[rule.id].update(_exercised(match_rule(rule, request, kind, name), request, spoken))
    return Coverage(tuple(_of_rule(rule, seen[rule.id]) for rule in policy.rules))


def _of_rule(rule: Rule, seen: set[Part]) -> RuleCoverage:
    every = list(dict.fromkeys(_parts(rule)))
    return RuleCoverage(
        rule,
        tuple(part for part in every if part in seen),
        tuple(part for part in every if part not in seen),
    )


def _parts(rule: Rule) -> Iterator[Part]:
    yield from (("action", action) for action in sorted(rule.actions))
    yield from (("principal", str(term)) for term in rule.principals)
    yield from (("except", str(term)) for term in rule.exceptions)
    yield from (("resource", str(resource)) for resource in rule.resources)
    for name, _ in parts(rule.when):
        yield "condition that holds:", name
        yield "condition that does not hold:", name


def _exercised(match: Match, request: Request, spoken: set[str]) -> Iterator[Part]:
    rule = match.rule
    if not match.principals or not match.resources:
        return
    failing = [name for name, part in parts(rule.when) if not _holds(part, rule, request)]
    if match.exceptions:
        if not failing:
            yield from (("except", str(term)) for term in match.exceptions)
        return
    if len(failing) == 1:
        yield "condition that does not hold:", failing[0]
    if failing:
        return
    yield from (("action", action) for action in spoken & rule.actions)
    if ANY_ACTION in rule.actions:
        yield "action", ANY_ACTION
    yield from (("principal", str(term)) for term in match.principals)
    yield from (("resource", str(resource)) for resource in match.resources)
    yield from (("condition that holds:", name) for name, _ in parts(rule.when))


def _holds(part: Conditions, rule: Rule, request: Request) -> bool:
    return hold(part, request.principal, request.context, if_unknown=rule.effect is Effect.DENY)
