"""Why a request is granted or refused: for each action the rules that decided, and those that nearly did. Pure.

What belongs here: reasons. What does not: deciding (the verdicts come from `decide`, unchanged), printing, and where
a principal comes from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from token_service.access import Access, intersect
from token_service.policy.condition import Context
from token_service.policy.decide import Decision, Verdict, decide
from token_service.policy.index import CompiledPolicy
from token_service.policy.match import Match, Request, describe, match_rule, reasons
from token_service.policy.rule import Effect, Mode, Rule
from token_service.principal import Principal
from token_service.scope import Scope

MAX_NEAR_MISSES = 5
MAX_REASONS = 2


class Outcome(StrEnum):
    """Of the whole request. Nothing asked is nothing granted."""

    GRANTED = "granted"
    PARTLY = "partly"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that would have allowed, but for the reasons."""

    rule: Rule
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One action. `rules` determined the verdict; `overruled` are allow rules that a deny beat; `audit` only watched.

    `is_cut`: the policy allows it and the credential's ceiling does not.
    """

    verdict: Verdict
    rules: tuple[Rule, ...]
    overruled: tuple[Rule, ...]
    audit: tuple[Rule, ...]
    near_misses: tuple[NearMiss, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """`granted` is what a token would hold: the decision's access within the ceiling."""

    principal: Principal
    groups: frozenset[str]
    decision: Decision
    granted: tuple[Access, ...]
    answers: tuple[Answer, ...]

    @property
    def outcome(self) -> Outcome:
        kept = [answer.verdict.allowed and not answer.is_cut for answer in self.answers]
        if not any(kept):
            return Outcome.DENIED
        return Outcome.GRANTED if all(kept) else Outcome.PARTLY


def explain(
    policy: CompiledPolicy,
    principal: Principal,
    scopes: Iterable[Scope],
    context: Context,
    ceiling: Iterable[Access] | None = None,
) -> Explanation:
    """The decision with its reasons. `ceiling` is what the credential may do at most; None: it has none."""
    decision = decide(policy, principal, scopes, context)
    granted = decision.access if ceiling is None else intersect(decision.access, ceiling)
    request = Request.of(policy, principal, context)
    answers = tuple(_answer(policy, request, verdict, granted) for verdict in decision.verdicts)
    return Explanation(principal, request.groups, decision, granted, answers)


def _answer(policy: CompiledPolicy, request: Request, verdict: Verdict, granted: tuple[Access, ...]) -> Answer:
    speaking = [
        match_rule(rule, request, verdict.type, verdict.name)
        for rule in policy.rules
        if rule.covers(verdict.type, verdict.action)
    ]
    return Answer(
        verdict=verdict,
        rules=_by_id(speaking, verdict.rules),
        overruled=_overruled(speaking, verdict),
        audit=_by_id(speaking, verdict.audit),
        near_misses=() if verdict.allowed or verdict.rules else _near_misses(speaking, request, verdict),
        is_cut=verdict.allowed and not _holds(granted, verdict),
    )


def _holds(granted: tuple[Access, ...], verdict: Verdict) -> bool:
    """Unlike for `access.covers`, a granted `*` is only itself here: what is shown is what the token says."""
    key = (verdict.type, verdict.name)
    return any((access.type, access.name) == key and verdict.action in access.actions for access in granted)


def _by_id(speaking: list[Match], ids: tuple[str, ...]) -> tuple[Rule, ...]:
    return tuple(match.rule for match in speaking if match.rule.id in ids)


def _overruled(speaking: list[Match], verdict: Verdict) -> tuple[Rule, ...]:
    if verdict.allowed or not verdict.rules:
        return ()
    return tuple(match.rule for match in speaking if match.is_full and _would_allow(match.rule))


def _would_allow(rule: Rule) -> bool:
    return rule.effect is Effect.ALLOW and rule.mode is Mode.ENFORCE


def _near_misses(speaking: list[Match], request: Request, verdict: Verdict) -> tuple[NearMiss, ...]:
    """Allow rules with the fewest reasons against them. About neither resource nor principal is far."""
    found = [
        NearMiss(match.rule, reasons(match, request, verdict.type, verdict.name))
        for match in speaking
        if _would_allow(match.rule) and (match.principals or match.resources)
    ]
    near = [miss for miss in found if len(miss.reasons) <= MAX_REASONS]
    near.sort(key=lambda miss: (len(miss.reasons), miss.rule.id))
    fewest = len(near[0].reasons) if near else 0
    return tuple(miss for miss in near if len(miss.reasons) == fewest)[:MAX_NEAR_MISSES]


# --- for people and programs -----------------------------------------------------------------------------------


def lines(explanation: Explanation) -> list[str]:
    """The explanation as text, without colour."""
    groups = ", ".join(sorted(explanation.groups))
    found = [f"{describe(explanation.principal)}{f' (groups: {groups})' if groups else ''}"]
    for answer in explanation.answers:
        verdict = answer.verdict
        word = "cut by the credential" if answer.is_cut else "allowed" if verdict.allowed else "denied"
        found.append(f"{verdict.type}:{verdict.name}:{verdict.action} {word}")
        found += [f"  by {_named(rule)}" for rule in answer.rules]
        if not answer.rules:
            found.append("  no rule allows it")
        found += [f"  although allowed by {_named(rule)}" for rule in answer.overruled]
        found += [f"  watched by {_named(rule)}" for rule in answer.audit]
        for miss in answer.near_misses:
            found.append(f"  {_named(miss.rule)} would allow it, but {' and '.join(miss.reasons)}")
    if explanation.decision.lifetime is not None:
        found.append(f"lifetime: {explanation.decision.lifetime} s")
    return [*found, f"outcome: {explanation.outcome}"]


def _named(rule: Rule) -> str:
    return f"{rule.id} ({rule.place})"


def to_plain(explanation: Explanation) -> dict[str, object]:
    """The explanation as JSON can hold it."""
    return {
        "principal": describe(explanation.principal),
        "groups": sorted(explanation.groups),
        "outcome": str(explanation.outcome),
        "granted": [str(Scope(a.type, a.name, a.actions, a.resource_class)) for a in explanation.granted],
        "lifetime": explanation.decision.lifetime,
        "actions": [
            {
                "type": answer.verdict.type,
                "name": answer.verdict.name,
                "action": answer.verdict.action,
                "allowed": answer.verdict.allowed,
                "cut_by_credential": answer.is_cut,
                "rules": [_plain_rule(rule) for rule in answer.rules],
                "overruled": [_plain_rule(rule) for rule in answer.overruled],
                "audit": [_plain_rule(rule) for rule in answer.audit],
                "near_misses": [
                    {**_plain_rule(miss.rule), "reasons": list(miss.reasons)} for miss in answer.near_misses
                ],
            }
            for answer in explanation.answers
        ],
    }


def _plain_rule(rule: Rule) -> dict[str, str]:
    return {"id": rule.id, "effect": str(rule.effect), "place": rule.place}
