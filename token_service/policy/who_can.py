"""Who can do something with one resource, answered for all principals and not by trying. Pure.

What belongs here: one action on one resource, and everybody. What does not: one principal and everything (`can.py`).

The answer is a list of claims less another list: a principal may do it exactly if one of `grants` applies to them and
none of `denials` does. A placeholder becomes a demand on the name or on a label, since only finitely many values make
a pattern match a given name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from token_service.policy.condition import parts
from token_service.policy.index import LABEL_PREFIX, CompiledPolicy
from token_service.policy.match import Request, applies
from token_service.policy.pattern import (
    PRINCIPAL_SLOT,
    Deep,
    Path,
    Pattern,
    Segment,
    Slot,
    SlotGlob,
    Wild,
    match_pieces,
    matches,
    no_slots,
)
from token_service.policy.reach import are_apart, implies, is_within, meant
from token_service.policy.rule import Effect, Mode, Rule, Term, Who
from token_service.scope import is_path


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom one rule is for, with regard to one resource: `who` without `exceptions`, and all the rest as well.

    `name` is what they must be called, `labels` what they must have, because a placeholder must be filled so.
    `void_by` is a deny that takes all of it away.
    """

    rule: Rule
    who: tuple[Term, ...]
    name: str | None
    labels: tuple[tuple[str, str], ...]
    void_by: Rule | None = None

    def applies(self, request: Request) -> bool:
        principal = request.principal
        return (
            applies(self.rule, request)
            and (self.name is None or principal.name == self.name)
            and all(value in principal.labels.get(label, ()) for label, value in self.labels)
        )


@dataclass(frozen=True, slots=True)
class WhoCan:
    grants: tuple[Claim, ...]
    denials: tuple[Claim, ...]


def who_can(policy: CompiledPolicy, action: str, kind: str, name: str) -> WhoCan:
    """The claims for and against. A deny that is for none of those who are granted is not among the denials."""
    claims = [
        claim
        for rule in policy.rules
        if rule.mode is Mode.ENFORCE and rule.covers(kind, action)
        for claim in _claims(rule, policy, kind, name)
    ]
    denials = [claim for claim in claims if claim.rule.effect is Effect.DENY]
    grants = [_voided(claim, denials, policy) for claim in claims if claim.rule.effect is Effect.ALLOW]
    return WhoCan(tuple(grants), tuple(denial for denial in denials if any(_may_meet(denial, one) for one in grants)))


def _claims(rule: Rule, policy: CompiledPolicy, kind: str, name: str) -> Iterator[Claim]:
    segments = tuple(name.split("/"))
    terms = tuple(meant(rule, policy.groups))
    ways = {
        way
        for resource in rule.resources
        if resource.type == kind and "" not in segments
        for way in solutions(resource.pattern, segments)
    }
    for way in sorted(ways, key=sorted):
        values = dict(way)
        called = values.pop(PRINCIPAL_SLOT, None)
        who = tuple(term for term in terms if called is None or _may_be_called(term, called))
        if who:
            labels = tuple(sorted((slot.removeprefix(LABEL_PREFIX), value) for slot, value in values.items()))
            yield Claim(rule, who, called, labels)


def _may_be_called(term: Term, name: str) -> bool:
    """Groups say nothing of names; those who are not logged in have none, which no empty pattern matches."""
    return term.who is Who.GROUP or matches(term.pattern, name.split("/"), no_slots)


def _voided(claim: Claim, denials: list[Claim], policy: CompiledPolicy) -> Claim:
    return replace(
        claim, void_by=next((denial.rule for denial in denials if _takes_all(denial, claim, policy)), None)
    )


def _takes_all(denial: Claim, claim: Claim, policy: CompiledPolicy) -> bool:
    return (
        denial.name in (None, claim.name)
        and set(denial.labels) <= set(claim.labels)
        and implies(claim.rule.when, denial.rule.when)
        and all(is_within(term, denial.rule.principals, policy.groups) for term in claim.who)
        and all(are_apart(term, exception) for term in claim.who for exception in denial.rule.exceptions)
    )


def _may_meet(denial: Claim, grant: Claim) -> bool:
    if grant.name is not None and denial.name not in (None, grant.name):
        return False
    return any(not are_apart(one, other) for one in denial.who for other in grant.who)


def solutions(pattern: Pattern, segments: Path) -> Iterator[frozenset[tuple[str, str]]]:
    """The ways to fill the slots of `pattern` so that it matches `segments`, each as (slot, value) pairs."""
    if pattern and isinstance(pattern[-1], Deep):
        pattern = (*pattern, Wild())
    yield from set(_solve(pattern, segments, frozenset()))


_Way = frozenset[tuple[str, str]]


def _solve(pattern: Pattern, segments: Path, way: _Way) -> Iterator[_Way]:
    if not pattern:
        if not segments:
            yield way
        return
    for used, following in _takes(pattern[0], segments, way):
        yield from _solve(pattern[1:], segments[used:], following)


def _takes(head: Segment, segments: Path, way: _Way) -> Iterator[tuple[int, _Way]]:
    """How many segments the head of a pattern may take, and what is known of the slots then."""
    if isinstance(head, Deep):
        yield from ((used, way) for used in range(len(segments) + 1))
    elif isinstance(head, Slot):
        for used in range(1, len(segments) + 1):
            yield from ((used, bound) for bound in _bind(way, head.name, "/".join(segments[:used])))
    elif segments and isinstance(head, SlotGlob):
        for value in _pieces(segments[0]):
            if match_pieces(head.filled(value), segments[0]):
                yield from ((1, bound) for bound in _bind(way, head.name, value))
    elif segments and matches((head,), segments[:1], no_slots):
        yield 1, way


def _bind(way: _Way, slot: str, value: str) -> Iterator[_Way]:
    if is_path(value) and dict(way).get(slot, value) == value:
        yield way | {(slot, value)}


def _pieces(text: str) -> set[str]:
    return {text[start:end] for start in range(len(text)) for end in range(start + 1, len(text) + 1)}


# --- for people ------------------------------------------------------------------------------------------------


def to_plain(answer: WhoCan) -> dict[str, object]:
    """The answer as JSON can hold it."""
    return {
        "grants": [_plain(claim) for claim in answer.grants],
        "denials": [_plain(claim) for claim in answer.denials],
    }


def _plain(claim: Claim) -> dict[str, object]:
    return {
        "rule": claim.rule.id,
        "place": claim.rule.place,
        "principals": [str(term) for term in claim.who],
        "except": [str(term) for term in claim.rule.exceptions],
        "name": claim.name,
        "labels": dict(claim.labels),
        "conditions": _conditions(claim.rule),
        "void_by": claim.void_by.id if claim.void_by is not None else None,
    }


def lines(answer: WhoCan) -> list[str]:
    grants = [f"{_show(claim)}{_void(claim)}" for claim in answer.grants]
    denials = [f"but not {_show(claim)}" for claim in answer.denials]
    return [*grants, *denials] if grants else ["nobody"]


def _void(claim: Claim) -> str:
    return f", all of whom {claim.void_by.id} denies" if claim.void_by is not None else ""


def _show(claim: Claim) -> str:
    called = f" called {claim.name}" if claim.name is not None else ""
    labels = "".join(f", with label {label} {value}" for label, value in claim.labels)
    without = f", without {' and '.join(map(str, claim.rule.exceptions))}" if claim.rule.exceptions else ""
    conditions = _conditions(claim.rule)
    when = f", under its conditions on {', '.join(conditions)}" if conditions else ""
    who = " or ".join(map(str, claim.who if claim.name is not None else claim.rule.principals))
    return f"{who}{called}{labels}{without}{when}  ({claim.rule.id}, {claim.rule.place})"


def _conditions(rule: Rule) -> list[str]:
    """The keys of what else must hold. `filter` asks for a registry that filters its catalogue."""
    return [*(name for name, _ in parts(rule.when)), *(("filter",) if rule.is_filtered else ())]
