"""What a new policy grants that an old one did not, and the other way round. Pure.

What belongs here: access gained and lost, by rule and pattern (`diff`), and for given requests (`replay`). What does
not: reading policies from folders, revisions and logs.

Only a rule that was added, removed or changed (itself or by the members of a group) can change a decision. For each
of its terms and patterns the names are compared exactly, as automata, in situations that let every other rule join in
(`situation.py`). Each change comes with somebody, a name and a context in which the two policies really decide
differently. A change that shows only where two other rules and an exception come together may go unseen; `replay` of
a decision log tells of those that matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache

from token_service.policy.automaton import Names, difference, resource_names, union
from token_service.policy.condition import Context
from token_service.policy.decide import Decision, decide
from token_service.policy.index import CompiledPolicy
from token_service.policy.match import Request, applies, describe, filled
from token_service.policy.pattern import Literal, Pattern, ResourcePattern, matches, no_slots
from token_service.policy.reach import may_meet, meant
from token_service.policy.rule import ANY_ACTION, REPOSITORY, REPOSITORY_ACTIONS, Effect, Group, Mode, Rule, Term, Who
from token_service.policy.situation import Situation, situations
from token_service.principal import Principal
from token_service.scope import Scope

UNNAMED_ACTION = "unnamed"
"""Stands for the actions that no rule names: `*` allows them on other types than repositories."""


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
        example = f"{describe(self.principal)} on {self.resource.type}:{self.name}"
        what = f"{self.action} on {self.resource} for {self.who}"
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


def diff(old: CompiledPolicy, new: CompiledPolicy, now: int) -> tuple[Change, ...]:
    """All changes, one for each (rule, principal, resource, action) and direction.

    `now` is the time at which the policies are compared, besides the times that conditions name.
    """
    found: dict[tuple[bool, str, str, str, str], Change] = {}
    moved = _moved(old, new)
    for rule, policy in _changed(old, new, moved):
        others = [one for one in (*old.rules, *new.rules) if one != rule and _could_join(one, rule)]
        for term in (*meant(rule, policy.groups), *_members(moved)):
            for situation in situations(rule, term, others, now):
                for change in _changes(old, new, rule, term, situation):
                    key = (change.gained, rule.id, str(term), str(change.resource), change.action)
                    found.setdefault(key, change)
    return tuple(found[key] for key in sorted(found))


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


def _members(groups: list[Group]) -> list[Term]:
    members = sorted({member for group in groups for member in group.members})
    return [Term(Who(kind), tuple(map(Literal, name.split("/")))) for kind, name in members]


def _changed(old: CompiledPolicy, new: CompiledPolicy, moved: list[Group]) -> Iterator[tuple[Rule, CompiledPolicy]]:
    """Enforced rules that are not in the other policy, and those about a group whose members moved."""
    for mine, theirs in ((old, new), (new, old)):
        known = set(theirs.rules)
        for rule in mine.rules:
            if rule.mode is Mode.ENFORCE and (rule not in known or _is_about(rule, moved)):
                yield rule, mine


def _is_about(rule: Rule, groups: list[Group]) -> bool:
    return any(
        matches(term.pattern, group.name.split("/"), no_slots)
        for term in (*rule.principals, *rule.exceptions)
        if term.who is Who.GROUP
        for group in groups
    )


def _could_join(other: Rule, rule: Rule) -> bool:
    return other.mode is Mode.ENFORCE and any(
        one.type == two.type and may_meet(one.pattern, two.pattern)
        for one in other.resources
        for two in rule.resources
    )


def _changes(
    old: CompiledPolicy, new: CompiledPolicy, rule: Rule, term: Term, situation: Situation
) -> Iterator[Change]:
    sides = [_Side.of(policy, situation) for policy in (old, new)]
    for resource in rule.resources:
        for action in _actions(rule, resource.type, old, new):
            views = [side.patterns(resource.type, action) for side in sides]
            if views[0] == views[1]:
                continue
            inside = [one.resource.pattern for one in filled(_only(rule, resource), resource.type, sides[0].request)]
            for gained, (before, after) in ((True, views), (False, views[::-1])):
                for name in _names(inside, before, after):
                    if _is_real(old, new, situation, resource.type, name, action, gained=gained):
                        yield Change(
                            gained, rule, term, resource, action, situation.principal, situation.context, name
                        )


def _only(rule: Rule, resource: ResourcePattern) -> Rule:
    return Rule(rule.id, rule.effect, rule.actions, rule.principals, (resource,))


def _actions(rule: Rule, kind: str, old: CompiledPolicy, new: CompiledPolicy) -> list[str]:
    """The actions that registries know, those that a rule names, and one for all that no rule names."""
    named = {action for policy in (old, new) for one in policy.rules for action in one.actions}
    every = named | REPOSITORY_ACTIONS | {UNNAMED_ACTION}
    return sorted(
        action for action in every if rule.covers(kind, action) and (action, kind) != (ANY_ACTION, REPOSITORY)
    )


_View = tuple[tuple[Pattern, ...], tuple[Pattern, ...]]


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the policies, reduced to the rules that apply in a situation."""

    request: Request
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, policy: CompiledPolicy, situation: Situation) -> "_Side":
        request = Request.of(policy, situation.principal, situation.context)
        return cls(request, tuple(r for r in policy.rules if r.mode is Mode.ENFORCE and applies(r, request)))

    def patterns(self, kind: str, action: str) -> _View:
        """What is allowed and what is denied, as sorted patterns."""
        found: dict[Effect, set[Pattern]] = {Effect.ALLOW: set(), Effect.DENY: set()}
        for rule in self.rules:
            if rule.covers(kind, action):
                found[rule.effect].update(one.resource.pattern for one in filled(rule, kind, self.request))
        allowed, denied = (tuple(sorted(found[effect], key=str)) for effect in (Effect.ALLOW, Effect.DENY))
        return allowed, denied


def _names(inside: list[Pattern], before: _View, after: _View) -> Iterator[str]:
    """Names that `after` allows and `before` does not: never allowed before, or denied before."""
    for pattern in inside:
        for name in _gains(pattern, before, after):
            if name is not None:
                yield name


@lru_cache(maxsize=4096)
def _gains(pattern: Pattern, before: _View, after: _View) -> tuple[str | None, str | None]:
    names: Names = resource_names([pattern, *before[0], *before[1], *after[0], *after[1]])
    inside, allowed, denied = union([pattern], names), union(after[0], names), union(after[1], names)
    was_allowed, was_denied = union(before[0], names), union(before[1], names)
    return (
        difference([inside, allowed], [denied, was_allowed], names),
        difference([inside, allowed, was_denied], [denied], names),
    )


def _is_real(
    old: CompiledPolicy, new: CompiledPolicy, situation: Situation, kind: str, name: str, action: str, *, gained: bool
) -> bool:
    scopes = [Scope(kind, name, (action,))]
    before, after = (decide(policy, situation.principal, scopes, situation.context) for policy in (old, new))
    return bool(after.access) is gained and bool(before.access) is not gained


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
