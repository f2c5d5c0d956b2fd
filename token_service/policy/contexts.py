"""Contexts that stand for all that the conditions of some rules tell apart. Pure.

What belongs here: services, addresses, times, and their combinations. What does not: principals (`principals.py`).

Every condition looks at one thing: the service, the address, the time, or whether the registry filters its catalogue.
For each of these, values are taken so that every set of conditions that can hold together does so for one of them:
services by name and one that none names; times at the edges; addresses where a network begins and where it has just
ended; and the address that is not known.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address

from token_service.policy.condition import Conditions, Context, Network, hold
from token_service.policy.rule import Effect, Rule
from token_service.principal import ANONYMOUS

# A service and addresses that policies hardly mention, so that they stand for all that they do not mention.
SERVICE = "zq0.example"
ADDRESS = "192.0.2.254"
IPV6_ADDRESS = "2001:db8:ffff::254"
MAX_COMBINATIONS = 20_000


def contexts(rule: Rule, others: Sequence[Rule], now: int) -> tuple[list[Context], bool]:
    """Contexts in which `rule` speaks, and whether that is all: no more than `MAX_COMBINATIONS` are looked at.

    Those who ask `now`, from nowhere that is mentioned, come first.
    """
    rules = (rule, *others)
    usual = Context(SERVICE, now, ADDRESS, filters_catalogue=False)
    ways = [
        _distinct(rules, (replace(usual, audience=service) for service in _services(rules)), _on_service),
        _distinct(rules, (replace(usual, now=time) for time in _times(rules, now)), _on_time),
        _distinct(rules, (replace(usual, source_ip=address) for address in _addresses(rules)), _on_address),
        [usual, replace(usual, filters_catalogue=True)] if any(one.is_filtered for one in rules) else [usual],
    ]
    combined = (
        Context(service.audience, time.now, address.source_ip, catalogue.filters_catalogue)
        for service, time, address, catalogue in itertools.product(*ways)
    )
    found = _distinct(rules, itertools.islice(combined, MAX_COMBINATIONS), lambda one: one)
    is_all = math.prod(map(len, ways)) <= MAX_COMBINATIONS
    return [one for one in found if speaks(rule, one)], is_all


def speaks(rule: Rule, context: Context) -> bool:
    """Whether the rule's conditions hold there, labels aside."""
    when = replace(rule.when, labels=())
    return (context.filters_catalogue or not rule.is_filtered) and hold(
        when, ANONYMOUS, context, if_unknown=rule.effect is Effect.DENY
    )


def _distinct(rules: Sequence[Rule], candidates: Iterable[Context], part: Callable[[Rule], Rule]) -> list[Context]:
    """One context for each set of rules that speak together, this part of them alone; the first of its kind."""
    parts = [part(rule) for rule in rules]
    found: dict[tuple[bool, ...], Context] = {}
    for context in candidates:
        found.setdefault(tuple(speaks(one, context) for one in parts), context)
    return list(found.values())


def _on_service(rule: Rule) -> Rule:
    return replace(rule, when=Conditions(services=rule.when.services), is_filtered=False)


def _on_time(rule: Rule) -> Rule:
    return replace(rule, when=Conditions(after=rule.when.after, before=rule.when.before), is_filtered=False)


def _on_address(rule: Rule) -> Rule:
    return replace(rule, when=Conditions(networks=rule.when.networks), is_filtered=False)


def _services(rules: Sequence[Rule]) -> Iterator[str]:
    yield SERVICE
    yield from (service for rule in rules for service in rule.when.services)


def _times(rules: Sequence[Rule], now: int) -> Iterator[int]:
    edges = {edge for rule in rules for edge in (rule.when.after, rule.when.before) if edge is not None}
    yield now
    yield from sorted({time for edge in edges for time in (edge - 1, edge)})


def _addresses(rules: Sequence[Rule]) -> Iterator[str | None]:
    """Two that hardly any rule mentions; where a family or a network begins or has ended; the unknown one."""
    yield from (ADDRESS, IPV6_ADDRESS, "0.0.0.0", "::")  # noqa: S104 - nothing is bound to it
    for network in dict.fromkeys(network for rule in rules for network in rule.when.networks):
        yield str(network.network_address)
        yield from _just_after(network)
    yield None


def _just_after(network: Network) -> Iterator[str]:
    last = network.broadcast_address
    if int(last) + 1 < 2**last.max_prefixlen:
        yield str(ip_address(last) + 1)
