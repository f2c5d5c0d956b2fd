"""One rule against one request, part by part: what matched, what did not, and why. Pure.

What belongs here: the parts of a rule looked at alone, for people who ask why (`explain.py`), for counting
(`coverage.py`), and for all that a principal reaches (`can.py`). Decisions do not come this way (`index.py` finds
rules at a flat cost); the tests hold that both agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from token_service.policy.condition import Context, hold, unmet
from token_service.policy.index import CompiledPolicy, Slots
from token_service.policy.pattern import Pattern, ResourcePattern, fill, matches, no_slots, slots
from token_service.policy.rule import KINDS, NAMELESS, Effect, Rule, Term, Who
from token_service.principal import Principal


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks in which circumstances, with the groups that the policy adds."""

    principal: Principal
    context: Context
    groups: frozenset[str]
    slots: Slots

    @classmethod
    def of(cls, policy: CompiledPolicy, principal: Principal, context: Context) -> "Request":
        member = (principal.kind, principal.name)
        static = {group.name for group in policy.groups.values() if member in group.members}
        return cls(principal, context, principal.groups | static, Slots(principal))


@dataclass(frozen=True, slots=True)
class Match:
    """The terms and patterns of a rule that matched, and the conditions that did not hold, in words."""

    rule: Rule
    principals: tuple[Term, ...]
    exceptions: tuple[Term, ...]
    resources: tuple[ResourcePattern, ...]
    unmet: tuple[str, ...]

    @property
    def is_full(self) -> bool:
        return bool(self.principals and self.resources) and not self.exceptions and not self.unmet


def match_rule(rule: Rule, request: Request, kind: str, name: str) -> Match:
    return Match(
        rule,
        tuple(term for term in rule.principals if is_meant(term, request)),
        tuple(term for term in rule.exceptions if is_meant(term, request)),
        tuple(resource for resource in rule.resources if is_named(resource, request, kind, name)),
        (
            *unmet(rule.when, request.principal, request.context, if_unknown=rule.effect is Effect.DENY),
            *(("the registry does not filter its catalogue",) if _needs_filter(rule, request) else ()),
        ),
    )


def _needs_filter(rule: Rule, request: Request) -> bool:
    return rule.is_filtered and not request.context.filters_catalogue


def is_meant(term: Term, request: Request) -> bool:
    principal = request.principal
    if term.who in NAMELESS:
        return term.who is Who.ANYONE or principal.is_anonymous == (term.who is Who.ANONYMOUS)
    if term.who is Who.GROUP:
        return any(matches(term.pattern, group.split("/"), no_slots) for group in request.groups)
    return principal.kind is KINDS[term.who] and matches(term.pattern, principal.name.split("/"), no_slots)


def is_named(resource: ResourcePattern, request: Request, kind: str, name: str) -> bool:
    segments = name.split("/")
    return resource.type == kind and "" not in segments and matches(resource.pattern, segments, request.slots)


def reasons(match: Match, request: Request, kind: str, name: str) -> tuple[str, ...]:
    """Why a rule does not match, a reason for each part that keeps it from matching. Empty if it does."""
    found = []
    if not match.principals:
        found.append(f"it is for {_either(match.rule.principals)}, not {describe(request.principal)}")
    found += [f"its except names {term}" for term in match.exceptions]
    if not match.resources:
        found.append(
            f"it is about {_either(match.rule.resources)}, not {kind}:{name}{_unfilled(match.rule, request)}"
        )
    return (*found, *match.unmet)


def describe(principal: Principal) -> str:
    return "anonymous" if principal.is_anonymous else f"{principal.kind}:{principal.name}"


def _either(parts: tuple[Term, ...] | tuple[ResourcePattern, ...]) -> str:
    return " or ".join(str(part) for part in parts)


def _unfilled(rule: Rule, request: Request) -> str:
    """The placeholders that nothing could fill: what is left of the name or label is no path."""
    names = sorted(
        {slot for resource in rule.resources for slot in slots(resource.pattern) if not request.slots(slot)}
    )
    return f" (nothing can fill {', '.join(f'{{{name}}}' for name in names)})" if names else ""


# --- a rule with its slots filled for one principal --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filled:
    """A pattern of a rule with its slots filled for one principal."""

    resource: ResourcePattern
    rule: Rule


def applies(rule: Rule, request: Request) -> bool:
    """Whether the rule matches, whatever the resource."""
    return (
        any(is_meant(term, request) for term in rule.principals)
        and not any(is_meant(term, request) for term in rule.exceptions)
        and not _needs_filter(rule, request)
        and hold(rule.when, request.principal, request.context, if_unknown=rule.effect is Effect.DENY)
    )


def filled(rule: Rule, kind: str, request: Request) -> Iterator[Filled]:
    for resource in rule.resources:
        if resource.type == kind:
            for values in _values(resource.pattern, request):
                pattern = fill(resource.pattern, values)
                if pattern is not None:
                    yield Filled(ResourcePattern(kind, pattern), rule)


def _values(pattern: Pattern, request: Request) -> Iterator[dict[str, str]]:
    """All ways in which the principal fills the slots."""
    ways: list[dict[str, str]] = [{}]
    for slot in dict.fromkeys(slots(pattern)):
        ways = [way | {slot: "/".join(path)} for way in ways for path in request.slots(slot)]
    yield from ways
