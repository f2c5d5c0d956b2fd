"""Rules that are well-formed and probably not what their author meant. Pure: the time is handed in.

What belongs here: judgements, each with an id (`finding.py`), a reason and a fix. What does not: the algebra that
they rest on (`reach.py`). A finding that a rule allows (`lint: {id: reason}`) is reported as allowed, not dropped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from token_service.policy.automaton import outside, path_names
from token_service.policy.finding import Finding
from token_service.policy.index import LABEL_PREFIX, CompiledPolicy, compile_policy
from token_service.policy.notation import parse_resource
from token_service.policy.pattern import PRINCIPAL_SLOT, SlotGlob, is_exact, paths, show, slots
from token_service.policy.reach import example, is_covered, may_meet, meant, reaches_nothing
from token_service.policy.rule import ANY_ACTION, REPOSITORY, Effect, Mode, Rule, Term, Who
from token_service.policy.witness import Comparison
from token_service.strict_yaml import nearest

DEFAULT_MAX_LIFETIME_SECONDS = 3600
MOST = 500  # situations to look at for one term, resource and action: who needs a rule is mostly found at once

_ANONYMOUS = Term(Who.ANONYMOUS)
_NAMED = (Who.USER, Who.SERVICE_ACCOUNT, Who.WORKLOAD)
_EVERYTHING = Rule("", Effect.ALLOW, frozenset({"pull"}), (_ANONYMOUS,), (parse_resource("repository:**", ""),))


@dataclass(frozen=True, slots=True)
class Known:
    """What the configured authenticators know. None: not known, so nothing is said about it."""

    users: frozenset[str] | None = None
    service_accounts: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    labels: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class _View:
    """What the checks look at. `redundant` and `without_effect` are ids of rules that may go."""

    policy: CompiledPolicy
    now: int
    known: Known
    max_lifetime: int
    allows: tuple[Rule, ...]
    denies: tuple[Rule, ...]
    redundant: frozenset[str] = field(default=frozenset())
    without_effect: frozenset[str] = field(default=frozenset())


def lint(
    policy: CompiledPolicy,
    now: int,
    known: Known | None = None,
    max_lifetime: int = DEFAULT_MAX_LIFETIME_SECONDS,
) -> tuple[Finding, ...]:
    """All findings, in the order of the rules. Those with `allowed` set are there by intention."""
    enforced = [rule for rule in policy.rules if rule.mode is Mode.ENFORCE]
    view = _View(
        policy,
        now,
        known or Known(),
        max_lifetime,
        tuple(rule for rule in enforced if rule.effect is Effect.ALLOW),
        tuple(rule for rule in enforced if rule.effect is Effect.DENY),
    )
    view = replace(view, redundant=_redundant(view))
    view = replace(view, without_effect=_without_effect(view))
    return tuple(finding for rule in policy.rules for finding in _of_rule(rule, view))


def _of_rule(rule: Rule, view: _View) -> Iterator[Finding]:
    allowances = dict(rule.allowances)
    needed = set()
    for check in CHECKS:
        for finding in check(rule, view):
            needed.add(finding.id)
            yield replace(finding, allowed=allowances.get(finding.id))
    for idle in sorted(set(allowances) - needed):
        yield Finding("needless-allowance", rule, f"there is no finding {idle}", f"remove `{idle}` from its lint")


# --- does it matter --------------------------------------------------------------------------------------------


def _redundant(view: _View) -> frozenset[str]:
    """Of rules that say the same, the first stays: later ones are looked at first and then leave the comparison."""
    found: set[str] = set()
    for same in (view.allows, view.denies):
        left = list(same)
        for rule in reversed(same):
            if rule.tags:
                continue  # limits on tags add up, so a rule that has some is never without effect
            names = _names(rule, view)
            others = [
                other for other in left if other is not rule and names <= other.actions and _keeps_limits(rule, other)
            ]
            if reaches_nothing(rule, view.policy.groups):
                continue  # that has findings of its own
            if is_covered(rule, None, others, view.policy.groups):
                found.add(rule.id)
                left.remove(rule)
    return frozenset(found)


def _names(rule: Rule, view: _View) -> frozenset[str]:
    """The actions that `*` may be answered with because `rule` names them: where something is denied, but only on
    other types than repositories (there, a rule that covers an action names it or all rules mean it by `*`)."""
    kinds = {resource.type for resource in rule.resources} - {REPOSITORY}
    denied = {resource.type for deny in view.denies for resource in deny.resources}
    return rule.actions - {ANY_ACTION} if rule.effect is Effect.ALLOW and kinds & denied else frozenset()


def _keeps_limits(rule: Rule, other: Rule) -> bool:
    """Whether tokens live no longer, and list no less, when `other` alone speaks in place of both."""
    if other.is_filtered and not rule.is_filtered:
        return False
    return rule.lifetime is None or (other.lifetime is not None and other.lifetime <= rule.lifetime)


def _check_redundant(rule: Rule, view: _View) -> Iterator[Finding]:
    if rule.id in view.redundant:
        yield Finding("redundant", rule, "other rules say all that it says", "remove it, or make it say more")


def _check_shadowed(rule: Rule, view: _View) -> Iterator[Finding]:
    if not _opens(rule) or reaches_nothing(rule, view.policy.groups):
        return
    if is_covered(rule, None, view.denies, view.policy.groups):
        yield Finding("shadowed", rule, "other rules deny all that it allows", "remove it, or except it from them")


def _without_effect(view: _View) -> frozenset[str]:
    """Where neither the one nor the other can be said of a whole rule, somebody is looked for who needs it.

    A deny may stand guard over what nobody allows yet, so only what allows is asked about, and only what sets no
    limits. As above, later rules are looked at first and leave the comparison.
    """
    found: set[str] = set()
    left = [rule for rule in (*view.allows, *view.denies) if rule.id not in view.redundant]
    for rule in reversed(view.allows):
        has_limits = rule.lifetime is not None or rule.tags or rule.is_filtered or _names(rule, view)
        if rule in left and not has_limits and not _has_findings(rule, view) and not _is_needed(rule, left, view):
            found.add(rule.id)
            left.remove(rule)
    return frozenset(found)


def _has_findings(rule: Rule, view: _View) -> bool:
    unfillable = any(finding.id == "unfillable-placeholder" for finding in _check_placeholders(rule, view))
    return unfillable or reaches_nothing(rule, view.policy.groups) or any(_check_shadowed(rule, view))


def _is_needed(rule: Rule, rules: list[Rule], view: _View) -> bool:
    others = [other for other in rules if other is not rule and _could_meet(other, rule)]
    groups = view.policy.groups.values()
    comparison = Comparison(compile_policy(others, groups), compile_policy([*others, rule], groups), view.now, MOST)
    for term in meant(rule, view.policy.groups):
        for resource, action in comparison.questions(rule):
            witness, is_complete = comparison.find(rule, term, resource, action)
            if witness is not None or not is_complete:
                return True
    return False


def _check_effect(rule: Rule, view: _View) -> Iterator[Finding]:
    if rule.id in view.without_effect:
        yield Finding(
            "without-effect",
            rule,
            "nobody needs it: others allow or deny all that it allows",
            "remove it, or make it say more",
        )


def _could_meet(other: Rule, rule: Rule) -> bool:
    return any(may_meet(one, two) for one in other.resources for two in rule.resources)


def _check_excepted(rule: Rule, view: _View) -> Iterator[Finding]:
    if not any(meant(rule, view.policy.groups)):
        yield Finding("excepted-away", rule, "its exceptions leave nobody", "narrow `except`, or remove the rule")


def _check_patterns(rule: Rule, _view: _View) -> Iterator[Finding]:
    for resource in rule.resources:
        if example(resource.pattern) is None:
            yield Finding(
                "matches-nothing", rule, f"no name matches {resource}", "write what repositories are called"
            )
        for segment in resource.pattern:
            if isinstance(segment, SlotGlob) and not {"*", "?"}.isdisjoint(str(segment)):
                reason = f"in {resource}, the name `a` also reaches what belongs to `a-b`"
                yield Finding(
                    "open-placeholder", rule, reason, "put a / or a fixed text between placeholder and wildcard"
                )


# --- whom and what it opens ------------------------------------------------------------------------------------


def _check_push(rule: Rule, view: _View) -> Iterator[Finding]:
    if not _opens(rule) or not rule.covers(REPOSITORY, "push") or rule.covers(REPOSITORY, "pull"):
        return
    repositories = tuple(resource for resource in rule.resources if resource.type == REPOSITORY)
    if repositories and not is_covered(
        replace(rule, resources=repositories), ["pull"], view.allows, view.policy.groups
    ):
        yield Finding("push-without-pull", rule, "it allows push where nothing allows pull", "allow pull as well")


def _opens(rule: Rule) -> bool:
    return rule.effect is Effect.ALLOW and rule.mode is Mode.ENFORCE


def _check_anonymous(rule: Rule, view: _View) -> Iterator[Finding]:
    if not _opens(rule) or _ANONYMOUS not in meant(rule, view.policy.groups):
        return
    repositories = [resource for resource in rule.resources if resource.type == REPOSITORY]
    reading = replace(rule, actions=_EVERYTHING.actions)
    if repositories and is_covered(_EVERYTHING, None, [reading], view.policy.groups):
        yield Finding("anonymous-everything", rule, "it opens every repository to everybody", "name a namespace")
    written = sorted(action for action in ("push", "delete") if rule.covers(REPOSITORY, action))
    if repositories and written:
        reason = f"it allows {' and '.join(written)} without a login"
        yield Finding("anonymous-write", rule, reason, "write `authenticated`, or leave pull only")


def _check_placeholders(rule: Rule, view: _View) -> Iterator[Finding]:
    used = {slot for resource in rule.resources for slot in slots(resource.pattern)}
    terms = list(meant(rule, view.policy.groups))
    if PRINCIPAL_SLOT in used and terms:
        if all(_cannot_fill(term) for term in terms):
            fix = "names of repositories are lower case, without @"
            yield Finding("unfillable-placeholder", rule, "no name of its principals is a path", fix)
        if len({term.who for term in terms if term.who in _NAMED}) > 1:
            reason = "principals of several kinds may have the same name, and {principal} is the name alone"
            yield Finding("shared-namespace", rule, reason, 'name one kind: "user:**"')
    for label, values in rule.when.labels:
        if f"{LABEL_PREFIX}{label}" in used and not paths(values) and len(values) == 1:
            reason = f"label {label} must be `{values[0]}`, which is no path"
            yield Finding("unfillable-placeholder", rule, reason, "drop the condition or the placeholder")


def _cannot_fill(term: Term) -> bool:
    """Whether nobody whom the term means has a name that is a path. Members of groups may be called anything."""
    if term.who is Who.GROUP:
        return False
    return term.who is Who.ANONYMOUS or outside([term.pattern], [], path_names([term.pattern])) is None


# --- against the world -----------------------------------------------------------------------------------------


def _check_names(rule: Rule, view: _View) -> Iterator[Finding]:
    groups = None if view.known.groups is None else view.known.groups | set(view.policy.groups)
    lists = {Who.USER: view.known.users, Who.SERVICE_ACCOUNT: view.known.service_accounts, Who.GROUP: groups}
    for term in dict.fromkeys((*rule.principals, *rule.exceptions)):
        known = lists.get(term.who)
        name = show(term.pattern)
        if known is None or not is_exact(term.pattern) or name in known:
            continue
        kind = "unknown-group" if term.who is Who.GROUP else "unknown-principal"
        yield Finding(kind, rule, f"{term} does not exist", nearest(name, known) if known else "create it")


def _check_labels(rule: Rule, view: _View) -> Iterator[Finding]:
    known = view.known.labels
    used = {label for label, _ in rule.when.labels} | {
        slot.removeprefix(LABEL_PREFIX)
        for resource in rule.resources
        for slot in slots(resource.pattern)
        if slot != PRINCIPAL_SLOT
    }
    for label in sorted(used - known) if known is not None else ():
        yield Finding("unknown-label", rule, f"no authenticator brings label {label}", nearest(label, known or ()))


def _check_time(rule: Rule, view: _View) -> Iterator[Finding]:
    if rule.when.before is not None and rule.when.before <= view.now:
        yield Finding("expired", rule, "its `before` is over", "remove it")
    if rule.lifetime is not None and rule.lifetime > view.max_lifetime:
        reason = f"a stolen token works for {rule.lifetime} s; {view.max_lifetime} s is the most here"
        yield Finding("long-lifetime", rule, reason, "shorten `lifetime`")


CHECKS: tuple[Callable[[Rule, _View], Iterator[Finding]], ...] = (
    _check_shadowed,
    _check_redundant,
    _check_effect,
    _check_excepted,
    _check_patterns,
    _check_placeholders,
    _check_push,
    _check_anonymous,
    _check_names,
    _check_labels,
    _check_time,
)
