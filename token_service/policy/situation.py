"""Principals and contexts that stand for all whom a rule concerns. Pure.

What belongs here: making somebody of whom a rule speaks, and somebody of whom other rules speak as well. What does
not: comparing policies (`diff.py`).

A situation meets one term of a rule and all its conditions. Variations make it meet another rule, too, or one of the
exceptions, so that every rule that could join in does so in one of them.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from token_service.policy.automaton import difference, principal_names, union
from token_service.policy.condition import Conditions, Context, Network, hold
from token_service.policy.index import LABEL_PREFIX
from token_service.policy.pattern import PRINCIPAL_SLOT, Deep, Glob, Literal, Pattern, Segment, Wild, slots
from token_service.policy.reach import split
from token_service.policy.rule import Rule, Term, Who
from token_service.principal import ANONYMOUS, Kind, Principal

# Words and addresses that policies hardly mention, so that they stand for all that they do not mention.
WORD = "zq0"
SERVICE = "zq0.example"
ADDRESS = "192.0.2.254"
MAX_CONTEXTS = 200

_KINDS = {Who.USER: Kind.USER, Who.SERVICE_ACCOUNT: Kind.SERVICE_ACCOUNT, Who.WORKLOAD: Kind.WORKLOAD}


@dataclass(frozen=True, slots=True)
class Situation:
    principal: Principal
    context: Context


def situations(rule: Rule, term: Term, others: Sequence[Rule], now: int) -> Iterator[Situation]:
    """Those in which `rule` speaks to somebody in `term` (split by kind).

    The principals: somebody, and somebody whom one other rule means or excepts, each also with one of the rule's own
    exceptions. The contexts: all that the conditions of the rules tell apart.
    """
    somebody = _labelled(_somebody(term), rule)
    joined = [somebody, *_joined(somebody, term, others)]
    excepted = [
        principal
        for one, exception in itertools.product(joined, rule.exceptions)
        for principal in _within(one, term, exception)
    ]
    principals = {_key(principal): principal for principal in (*joined, *excepted)}
    for context in contexts((rule, *others), now):
        if hold(_on_context(rule.when), somebody, context, if_unknown=True):
            yield from (Situation(principal, context) for principal in principals.values())


def _key(principal: Principal) -> tuple[object, ...]:
    return principal.kind, principal.name, principal.groups, tuple(sorted(principal.labels.items()))


def _on_context(when: Conditions) -> Conditions:
    return replace(when, labels=())


def _joined(somebody: Principal, term: Term, others: Iterable[Rule]) -> Iterator[Principal]:
    for other in others:
        for whole in (*other.principals, *other.exceptions):
            for one in _within(somebody, term, whole):
                yield _labelled(one, other)


def _within(principal: Principal, term: Term, other: Term) -> Iterator[Principal]:
    """Somebody in `term` who is also in `other`."""
    for part in split(other):
        if part.who is Who.GROUP and not principal.is_anonymous:
            yield replace(principal, groups=principal.groups | {_instance(part.pattern)})
        elif part.who is Who.ANONYMOUS:
            if principal.is_anonymous:
                yield principal
        elif part.who is not Who.GROUP and (_KINDS[part.who] is principal.kind or term.who is Who.GROUP):
            name = _common_name(term, part)
            if name is not None:
                yield replace(principal, name=name, kind=_KINDS[part.who])


def _common_name(term: Term, other: Term) -> str | None:
    """Somebody in both, who is preferably called in a way that only `other` asks for."""
    usual = _instance(other.pattern)
    if term.who in {Who.GROUP, Who.ANONYMOUS}:
        return usual
    names = principal_names([term.pattern, other.pattern])
    machines = [union([term.pattern], names), union([other.pattern], names)]
    return difference(machines, [], names)


def _somebody(term: Term) -> Principal:
    if term.who is Who.ANONYMOUS:
        return ANONYMOUS
    if term.who is Who.GROUP:
        return Principal(WORD, Kind.USER, frozenset({_instance(term.pattern)}))
    return Principal(_instance(term.pattern), _KINDS[term.who])


def _instance(pattern: Pattern) -> str:
    """A name that the pattern matches, as plain as can be."""
    return "/".join(_instance_of(segment) for segment in pattern)


def _instance_of(segment: Segment) -> str:
    if isinstance(segment, Literal):
        return segment.text
    if isinstance(segment, Wild | Deep):
        return WORD
    assert isinstance(segment, Glob), "principals have no slots"  # noqa: S101
    return WORD.join(segment.pieces).replace("?", WORD[0])


def _labelled(principal: Principal, rule: Rule) -> Principal:
    """With the labels that the rule asks for, and some value for those that fill its slots."""
    labels = dict(principal.labels)
    for label, values in rule.when.labels:
        labels[label] = tuple(dict.fromkeys((*labels.get(label, ()), values[0])))
    for resource in rule.resources:
        for slot in slots(resource.pattern):
            if slot != PRINCIPAL_SLOT:
                labels.setdefault(slot.removeprefix(LABEL_PREFIX), (WORD,))
    return replace(principal, labels=labels)


# --- contexts --------------------------------------------------------------------------------------------------


def contexts(rules: Iterable[Rule], now: int) -> list[Context]:
    """One context for each combination of services, addresses and times that conditions tell apart.

    Where there are more than `MAX_CONTEXTS` combinations, one thing at a time is varied.
    """
    whens = [rule.when for rule in rules]
    services = list(dict.fromkeys([SERVICE, *(service for when in whens for service in when.services)]))
    addresses = list(dict.fromkeys([ADDRESS, *(_address(network) for when in whens for network in when.networks)]))
    edges = {edge for when in whens for edge in (when.after, when.before) if edge is not None}
    times = [now, *sorted({time for edge in edges for time in (edge - 1, edge)} - {now})]
    if len(services) * len(addresses) * len(times) <= MAX_CONTEXTS:
        return [Context(*one) for one in itertools.product(services, times, addresses)]
    return [
        *(Context(service, now, ADDRESS) for service in services),
        *(Context(SERVICE, time, ADDRESS) for time in times[1:]),
        *(Context(SERVICE, now, address) for address in addresses[1:]),
    ]


def _address(network: Network) -> str:
    return str(network.network_address)
