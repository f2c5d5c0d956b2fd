"""What a new policy grants that an old one did not, and the other way round. Pure.

What belongs here: access gained and lost, by rule and pattern (`diff`), and for given requests (`replay`). What does
not: reading policies from folders, revisions and logs.

Only a rule that was added, removed or changed (itself or by the members of a group) can change a decision: access is
gained where the new policy has a rule that allows, or the old one had a rule that denied. For each term, pattern and
action of such a rule somebody is looked for who gains or loses by it (`witness.py`). So a change is found if there is
one, unless there are too many combinations to look at, which is said; and each comes with an example.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from token_service.policy.condition import Context
from token_service.policy.contexts import ADDRESS, SERVICE
from token_service.policy.decide import Decision, decide
from token_service.policy.index import CompiledPolicy
from token_service.policy.match import describe
from token_service.policy.pattern import ResourcePattern, exactly, matches, no_slots
from token_service.policy.reach import meant
from token_service.policy.rule import Effect, Group, Mode, Rule, Term, Who
from token_service.policy.witness import UNNAMED_ACTION, Comparison
from token_service.principal import Principal
from token_service.scope import Scope


@dataclass(frozen=True, slots=True)
class Change:
    """`rule` is the one that was added, removed or changed; `who` and `resource` are the parts that it shows in.

    `principal`, `context` and `name` are an example: there the old and the new policy decide differently.
    """

    gained: bool
    rule: Rule
    who: Term
    resource: ResourcePattern
    action: str
    principal: Principal
    context: Context
    name: str

    def __str__(self) -> str:
        word = "gained" if self.gained else "lost"
        example = f"{_show(self.principal)} on {self.resource.type}:{self.name}{_unusual(self.context)}"
        action = "any other action" if self.action == UNNAMED_ACTION else self.action
        what = f"{action} on {self.resource} for {self.who}"
        return f"{word}: {what}, as {example} (rule {self.rule.id}, {self.rule.place})"

    def to_plain(self) -> dict[str, object]:
        """The change as JSON can hold it."""
        return {
            "change": "gained" if self.gained else "lost",
            "action": self.action,
            "resource": str(self.resource),
            "principals": str(self.who),
            "rule": self.rule.id,
            "place": self.rule.place,
            "example": {
                "principal": describe(self.principal),
                "groups": sorted(self.principal.groups),
                "labels": {label: list(values) for label, values in self.principal.labels.items()},
                "name": self.name,
                "service": self.context.audience,
                "source_ip": self.context.source_ip,
                "now": self.context.now,
            },
        }


def _show(principal: Principal) -> str:
    groups = f" in {' and '.join(sorted(principal.groups))}" if principal.groups else ""
    labels = [f"{label} {' and '.join(values)}" for label, values in sorted(principal.labels.items())]
    return f"{describe(principal)}{groups}{' with ' if labels else ''}{', '.join(labels)}"


def _unusual(context: Context) -> str:
    """What of a context matters, which is what rules mention."""
    service = f" of {context.audience}" if context.audience != SERVICE else ""
    address = f" from {context.source_ip or 'an unknown address'}" if context.source_ip != ADDRESS else ""
    catalogue = " where it is filtered" if context.filters_catalogue else ""
    return f"{service}{address}{catalogue}"


@dataclass(frozen=True, slots=True)
class Diff:
    """`unfinished` are rules with more combinations of principals and contexts than were looked at."""

    changes: tuple[Change, ...]
    unfinished: tuple[Rule, ...]


def diff(old: CompiledPolicy, new: CompiledPolicy, now: int) -> Diff:
    """All changes, one for each (rule, principal, resource, action) and direction.

    `now` is the time at which the policies are compared, besides the times that conditions name.
    """
    found: dict[tuple[bool, str, str, str, str], Change] = {}
    unfinished: dict[str, Rule] = {}
    moved = _moved(old, new)
    comparisons = {True: Comparison(old, new, now), False: Comparison(new, old, now)}
    for rule, is_new in _changed(old, new, moved):
        gained = is_new is (rule.effect is Effect.ALLOW)
        for term in _terms(rule, new if is_new else old, old if is_new else new, moved):
            for resource, action in comparisons[gained].questions(rule):
                witness, is_complete = comparisons[gained].find(rule, term, resource, action)
                if witness is not None:
                    change = Change(gained, rule, term, resource, action, *witness)
                    found.setdefault((gained, rule.id, str(term), str(resource), action), change)
                elif not is_complete:
                    unfinished.setdefault(rule.id, rule)
    return Diff(tuple(found[key] for key in sorted(found)), tuple(unfinished.values()))


def changed_limits(old: CompiledPolicy, new: CompiledPolicy) -> tuple[str, ...]:
    """Rules whose limits on tags or on the catalogue differ, a line each; a rule that is not there sets none."""
    before, after = ({rule.id: rule for rule in policy.rules} for policy in (old, new))
    found = []
    for name in sorted(before.keys() | after.keys()):
        was, now = _limits(before.get(name)), _limits(after.get(name))
        if was != now:
            found.append(
                f"limits: rule {name} ({(after.get(name) or before[name]).place}): {was} before, {now} after"
            )
    return tuple(found)


def _limits(rule: Rule | None) -> str:
    if rule is None:
        return "none"
    tags = [f"{key} {' '.join(globs)}" for key, globs in asdict(rule.tags).items() if globs]
    return ", ".join([*tags, *(["catalogue filtered"] if rule.is_filtered else [])]) or "none"


def _moved(old: CompiledPolicy, new: CompiledPolicy) -> list[Group]:
    """The static groups whose members differ, with those who entered or left."""
    empty = Group("", frozenset())
    names = sorted({*old.groups, *new.groups})
    pairs = [(name, old.groups.get(name, empty).members ^ new.groups.get(name, empty).members) for name in names]
    return [Group(name, members) for name, members in pairs if members]


def _changed(old: CompiledPolicy, new: CompiledPolicy, moved: list[Group]) -> Iterator[tuple[Rule, bool]]:
    """Enforced rules that are not in the other policy (and whether they are new), and those about a moved group."""
    for mine, theirs in ((old, new), (new, old)):
        known = set(theirs.rules)
        for rule in mine.rules:
            if rule.mode is Mode.ENFORCE and (rule not in known or _is_about(rule, moved)):
                yield rule, mine is new


def _is_about(rule: Rule, groups: list[Group]) -> bool:
    return any(
        matches(term.pattern, group.name.split("/"), no_slots)
        for term in (*rule.principals, *rule.exceptions)
        if term.who is Who.GROUP
        for group in groups
    )


def _terms(rule: Rule, mine: CompiledPolicy, theirs: CompiledPolicy, moved: list[Group]) -> Iterator[Term]:
    """For whom a rule may have changed: where it says what it said, only for the members that moved."""
    if rule not in theirs.rules:
        yield from meant(rule, mine.groups)
        return
    for kind, name in sorted({member for group in moved for member in group.members}):
        yield Term(Who(kind), exactly(name))


# --- a decision log --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Logged:
    """A request that was made."""

    principal: Principal
    scopes: tuple[Scope, ...]
    context: Context


@dataclass(frozen=True, slots=True)
class Replayed:
    request: Logged
    old: Decision
    new: Decision

    @property
    def gained(self) -> frozenset[tuple[str, str, str]]:
        return _granted(self.new) - _granted(self.old)

    @property
    def lost(self) -> frozenset[tuple[str, str, str]]:
        return _granted(self.old) - _granted(self.new)


def replay(old: CompiledPolicy, new: CompiledPolicy, requests: Iterable[Logged]) -> Iterator[Replayed]:
    """The requests that the two policies answer with different access."""
    for request in requests:
        before = decide(old, request.principal, request.scopes, request.context)
        after = decide(new, request.principal, request.scopes, request.context)
        if before.access != after.access:
            yield Replayed(request, before, after)


def _granted(decision: Decision) -> frozenset[tuple[str, str, str]]:
    return frozenset((one.type, one.name, action) for one in decision.access for action in one.actions)
