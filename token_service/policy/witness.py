"""Somebody for whom one policy allows what another does not. Pure.

What belongs here: looking for them, given the rule that the difference is due to. What does not: which rules differ
(`diff.py`), and making principals and contexts (`principals.py`, `contexts.py`).

Access is gained by a rule that allows in the policy after, or by one that denied in the policy before. In the first
case no rule allowed before, or another one denied; in the second another one allows. So at most two rules must speak,
and all else is rules in the way: those that deny after, and those that allowed before, if nothing denied. Whoever is
found has been asked about: both policies have decided.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from token_service.policy.automaton import difference, resource_names, union
from token_service.policy.condition import Conditions, Context
from token_service.policy.contexts import contexts, speaks
from token_service.policy.decide import decide
from token_service.policy.index import CompiledPolicy
from token_service.policy.match import Request, applies, filled, is_meant
from token_service.policy.pattern import Pattern, ResourcePattern, matches, no_slots
from token_service.policy.principals import Part, Principals
from token_service.policy.reach import is_covered, may_meet
from token_service.policy.rule import ANY_ACTION, REPOSITORY, REPOSITORY_ACTIONS, Effect, Mode, Rule, Term
from token_service.policy.samples import samples
from token_service.principal import Principal
from token_service.scope import Scope

UNNAMED_ACTION = "unnamed"
"""Stands for the actions that no rule names: `*` allows them on other types than repositories."""

Witness = tuple[Principal, Context, str]
"""Who, in which circumstances, and the name of the resource."""


@dataclass(slots=True)
class Comparison:
    """Two policies, and the time at which they are compared, besides the times that conditions name.

    `most` are the situations that are looked at for one question: principals times contexts.
    """

    before: CompiledPolicy
    after: CompiledPolicy
    now: int
    most: int = 20_000
    _people: dict[tuple[Rule, ...], Principals] = field(default_factory=dict)

    def questions(self, rule: Rule) -> Iterator[tuple[ResourcePattern, str]]:
        """The rule's resources with actions: those of registries, those that rules name, one that none names."""
        named = {action for policy in (self.before, self.after) for one in policy.rules for action in one.actions}
        for resource in dict.fromkeys(rule.resources):
            for action in sorted(named | REPOSITORY_ACTIONS | {UNNAMED_ACTION}):
                if rule.covers(resource.type, action) and (action, resource.type) != (ANY_ACTION, REPOSITORY):
                    yield resource, action

    def find(self, rule: Rule, term: Term, resource: ResourcePattern, action: str) -> tuple[Witness | None, bool]:
        """Somebody in `term` who gains `action` on a name in `resource` by `rule`; and whether all were looked at.

        `rule` is one that allows in `after`, or one that denies in `before`.
        """
        is_complete, left = True, self.most
        for scene in self._scenes(Part(rule, resource), term, action):
            people, circumstances, is_all = self._who_and_when(scene)
            is_complete &= is_all
            for joined in people.of(term, scene.parts):
                for principal in people.without(joined, scene.blockers):
                    for context in circumstances:
                        if left == 0:
                            return None, False
                        left -= 1
                        name = self._name(scene, term, principal, context, action)
                        if name is not None:
                            return (principal, context, name), True
            is_complete &= people.is_complete
        return None, is_complete

    def _scenes(self, own: Part, term: Term, action: str) -> Iterator["_Scene"]:
        """The rule alone, where that is enough, and with each part of the others that it takes."""
        allows = own.rule.effect is Effect.ALLOW
        mine, theirs = (self.after, self.before) if allows else (self.before, self.after)
        joining = {id(policy): _parts(policy, own.resource, action) for policy in (self.before, self.after)}
        allowed = [part.rule for part in joining[id(self.before)] if part.rule.effect is Effect.ALLOW]
        said = replace(own.rule, principals=(term,), resources=(own.resource,))
        is_known = self.before.groups == self.after.groups and is_covered(said, {action}, allowed, self.after.groups)
        if allows and not is_known:
            yield self._scene([own], joining, [mine])
        for part in joining[id(theirs)]:
            if part.rule.effect is not own.rule.effect:
                yield self._scene([own, part], joining, [mine, theirs])

    def _scene(self, parts: list[Part], joining: dict[int, list[Part]], policies: list[CompiledPolicy]) -> "_Scene":
        near = {
            key: [part for part in some if all(may_meet(part.resource, one.resource) for one in parts)]
            for key, some in joining.items()
        }
        denies = [(part, self.after) for part in near[id(self.after)] if part.rule.effect is Effect.DENY]
        allowed = [(part, self.before) for part in near[id(self.before)] if part.rule.effect is Effect.ALLOW]
        rules = dict.fromkeys(part.rule for some in near.values() for part in some)
        return _Scene(parts, policies, denies if len(parts) > 1 else [*denies, *allowed], tuple(rules))

    def _who_and_when(self, scene: "_Scene") -> tuple[Principals, list[Context], bool]:
        people = self._people.get(scene.rules)
        if people is None:
            groups = (*self.before.groups.values(), *self.after.groups.values())
            people = self._people[scene.rules] = Principals(scene.rules, groups)
        found, is_all = contexts(scene.parts[0].rule, scene.rules, self.now)
        return people, [one for one in found if all(speaks(part.rule, one) for part in scene.parts[1:])], is_all

    def _name(self, scene: "_Scene", term: Term, principal: Principal, context: Context, action: str) -> str | None:
        for name in scene.names(term, principal, context):
            scopes = [Scope(scene.parts[0].resource.type, name, (action,))]
            before, after = (decide(policy, principal, scopes, context) for policy in (self.before, self.after))
            if after.access and not before.access:
                return name
        return None


@dataclass(frozen=True, slots=True)
class _Scene:
    """The parts that must speak, each with its policy, and those in the way; `rules` are all that may play a part."""

    parts: Sequence[Part]
    policies: Sequence[CompiledPolicy]
    in_the_way: Sequence[tuple[Part, CompiledPolicy]]
    rules: tuple[Rule, ...]

    def names(self, term: Term, principal: Principal, context: Context) -> Iterator[str]:
        """Names of which the parts speak (the first by `term`) and nothing in the way does.

        One for each way to fill slots.
        """
        requests = {id(policy): Request.of(policy, principal, context) for policy in self._all_policies()}
        mine = [(part, requests[id(policy)]) for part, policy in zip(self.parts, self.policies, strict=True)]
        if not is_meant(term, mine[0][1]) or not all(applies(part.rule, request) for part, request in mine):
            return
        out = {
            pattern
            for part, policy in self.in_the_way
            if applies(part.rule, requests[id(policy)])
            for pattern in _filled(part, requests[id(policy)])
        }
        for inside in itertools.product(*(_filled(part, request) for part, request in mine)):
            name = _outside(inside, frozenset(out))
            if name is not None:
                yield name

    def blockers(self, principal: Principal) -> Iterator[list[Rule]]:
        """For each combination of rules in the way of some names (whatever the context): these rules."""
        context = Context("", 0)
        requests = {id(policy): Request.of(policy, principal, context) for policy in self._all_policies()}
        blocking: dict[Rule, list[Pattern]] = {}
        for part, policy in self.in_the_way:
            request = requests[id(policy)]
            if applies(_whenever(part.rule), request):
                blocking.setdefault(part.rule, []).extend(_filled(part, request))
        seen = set()
        mine = [
            tuple(_filled(part, requests[id(policy)])) for part, policy in zip(self.parts, self.policies, strict=True)
        ]
        for name in _samples(tuple(mine), tuple(tuple(patterns) for patterns in blocking.values())):
            segments = name.split("/")
            found = tuple(
                number
                for number, patterns in enumerate(blocking.values())
                if any(matches(pattern, segments, no_slots) for pattern in patterns)
            )
            if found not in seen:
                seen.add(found)
                rules = list(blocking)
                yield [rules[number] for number in found]

    def _all_policies(self) -> Iterator[CompiledPolicy]:
        yield from self.policies
        yield from (policy for _, policy in self.in_the_way)


def _parts(policy: CompiledPolicy, resource: ResourcePattern, action: str) -> list[Part]:
    """The parts of rules that may speak about names in `resource`."""
    return [
        Part(rule, one)
        for rule in policy.rules
        if rule.mode is Mode.ENFORCE and rule.covers(resource.type, action)
        for one in dict.fromkeys(rule.resources)
        if may_meet(one, resource)
    ]


def _filled(part: Part, request: Request) -> list[Pattern]:
    alone = replace(part.rule, resources=(part.resource,))
    return [one.resource.pattern for one in filled(alone, part.resource.type, request)]


@lru_cache(maxsize=4096)
def _whenever(rule: Rule) -> Rule:
    """The rule without conditions on the context."""
    return replace(rule, when=Conditions(labels=rule.when.labels), is_filtered=False)


@lru_cache(maxsize=4096)
def _outside(inside: tuple[Pattern, ...], out: frozenset[Pattern]) -> str | None:
    names = resource_names([*inside, *out])
    return difference([union([one], names) for one in inside], [union(out, names)], names)


@lru_cache(maxsize=4096)
def _samples(inside: tuple[tuple[Pattern, ...], ...], others: tuple[tuple[Pattern, ...], ...]) -> tuple[str, ...]:
    """Names in all of `inside`, one for each combination of `others`."""
    names = resource_names([pattern for some in (*inside, *others) for pattern in some])
    within = [union(some, names) for some in inside]
    found, _ = samples([union(some, names) for some in others], union((), names), names, within)
    return tuple(found)
