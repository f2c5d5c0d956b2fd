"""Decide: principal, scopes and context against a compiled policy. Pure and total: never raises, reads no clock.

What belongs here: combining. Matching is `index.py`'s and `condition.py`'s matter. The whole of it:

* Each action on each resource is decided alone. It is allowed if a rule allows it and no rule denies it.
* The determining rules are all that deny, where one does, else all that allow. None at all is the default deny.
* `*` asks for everything the principal may do, and is answered with explicit actions. Only on other types than
  `repository` may the answer be `*` itself, if a rule allows `*` and no rule denies any action.

Everything that can fail has failed when the policy was loaded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from token_service.access import Access, merge
from token_service.name_filter import NameFilter
from token_service.policy.condition import Context as Context  # noqa: PLC0414 - part of what callers of decide need
from token_service.policy.condition import hold
from token_service.policy.index import CompiledPolicy, Slots
from token_service.policy.match import Request, applies, filled
from token_service.policy.pattern import show
from token_service.policy.rule import ANY_ACTION, REPOSITORY, REPOSITORY_ACTIONS, Effect, Mode, Rule
from token_service.principal import Principal
from token_service.scope import Scope
from token_service.tag_rules import union


@dataclass(frozen=True, slots=True)
class Verdict:
    """One action on one resource. `rules` are the determining ones, `audit` those that would have had a say."""

    type: str
    name: str
    action: str
    allowed: bool
    rules: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`lifetime`: the shortest that a determining allow rule names, None where none does."""

    access: tuple[Access, ...]
    verdicts: tuple[Verdict, ...]
    lifetime: int | None = None


def decide(policy: CompiledPolicy, principal: Principal, scopes: Iterable[Scope], context: Context) -> Decision:
    matcher = Matcher(policy, principal, context)
    verdicts: dict[tuple[str, str, str], Verdict] = {}
    granted: list[Access] = []
    lifetimes: set[int] = set()
    for scope in scopes:
        rules = matcher.matching(scope.type, scope.name)
        allowed: list[str] = []
        determining: list[list[Rule]] = []
        for action in asked_actions(rules, scope):
            verdict, allows = combine(rules, scope.type, scope.name, action)
            verdicts[scope.type, scope.name, action] = verdict
            if verdict.allowed:
                allowed.append(action)
                determining.append(allows)
        if allowed:
            granted.append(_grant(scope, allowed, determining, matcher))
            lifetimes.update(rule.lifetime for allows in determining for rule in allows if rule.lifetime is not None)
    ordered = tuple(verdicts[key] for key in sorted(verdicts))
    access = merge(granted) if len(granted) > 1 else tuple(granted)
    return Decision(access, ordered, min(lifetimes) if lifetimes else None)


def _grant(scope: Scope, allowed: list[str], determining: list[list[Rule]], matcher: "Matcher") -> Access:
    """What the determining rules of each action allow, with the limits that they set. Limits add up, as denials do.

    A listing is filtered as soon as one action is allowed by none but filtered rules: a rule that opens `pull` on the
    catalogue without a filter must not lift the filter of the rule that opens `*`.
    """
    access = Access(scope.type, scope.name, tuple(allowed), scope.resource_class)
    limits = [rule.tags for allows in determining for rule in allows if rule.tags]
    if limits:
        access = replace(access, tag_rules=union(limits))
    if any(all(rule.is_filtered for rule in allows) for allows in determining):
        access = replace(access, name_filter=matcher.pullable())
    return access


class Matcher:
    """The rules that match one principal in one context. What they share is worked out once for all scopes."""

    __slots__ = ("_context", "_ids", "_policy", "_principal", "_slots")

    def __init__(self, policy: CompiledPolicy, principal: Principal, context: Context) -> None:
        self._policy = policy
        self._principal = principal
        self._context = context
        self._ids = policy.resolve(principal)
        self._slots = Slots(principal)

    def matching(self, kind: str, name: str) -> list[Rule]:
        """The rules that match, whatever their actions. A name that is no path (zot's empty one) matches none."""
        segments = name.split("/")
        if "" in segments:
            return []
        return [
            compiled.rule
            for compiled in self._policy.candidates(self._ids, kind, segments, self._slots)
            if compiled.except_ids.isdisjoint(self._ids) and self._holds(compiled.rule)
        ]

    def pullable(self) -> NameFilter:
        """The repositories that the principal may pull, as patterns. Looks at every rule: it is rarely asked for."""
        request = Request.of(self._policy, self._principal, self._context)
        patterns: dict[Effect, list[str]] = {Effect.ALLOW: [], Effect.DENY: []}
        for rule in self._policy.rules:
            if rule.mode is Mode.ENFORCE and rule.covers(REPOSITORY, "pull") and applies(rule, request):
                patterns[rule.effect] += [show(one.resource.pattern) for one in filled(rule, REPOSITORY, request)]
        return NameFilter(tuple(sorted(set(patterns[Effect.ALLOW]))), tuple(sorted(set(patterns[Effect.DENY]))))

    def _holds(self, rule: Rule) -> bool:
        if rule.is_filtered and not self._context.filters_catalogue:
            return False
        return hold(rule.when, self._principal, self._context, if_unknown=rule.effect is Effect.DENY)


def combine(rules: list[Rule], kind: str, name: str, action: str) -> tuple[Verdict, list[Rule]]:
    """The verdict on one action from the rules that match the resource, and the rules that allow it."""
    allows: list[Rule] = []
    denies: list[Rule] = []
    audits: list[Rule] = []
    for rule in rules:
        if not rule.covers(kind, action):
            continue
        if rule.mode is Mode.AUDIT:
            audits.append(rule)
        elif rule.effect is Effect.ALLOW:
            allows.append(rule)
        else:
            denies.append(rule)
    return Verdict(kind, name, action, bool(allows) and not denies, _ids(denies or allows), _ids(audits)), allows


def _ids(rules: list[Rule]) -> tuple[str, ...]:
    return tuple(sorted({rule.id for rule in rules})) if rules else ()


def asked_actions(rules: list[Rule], scope: Scope) -> Iterable[str]:
    """The actions to decide. `*` becomes those that it may stand for, given the rules that match the resource."""
    if ANY_ACTION not in scope.actions:
        return scope.actions
    if scope.type == REPOSITORY:
        return {*scope.actions, *REPOSITORY_ACTIONS, *_named(rules)} - {ANY_ACTION}
    if combine(rules, scope.type, scope.name, ANY_ACTION)[0].allowed:
        return scope.actions
    return {*scope.actions, *_named(rules)}


def _named(rules: list[Rule]) -> Iterator[str]:
    """Actions that the acting allow rules among `rules` name literally."""
    for rule in rules:
        if rule.effect is Effect.ALLOW and rule.mode is Mode.ENFORCE:
            yield from rule.actions - {ANY_ACTION}
