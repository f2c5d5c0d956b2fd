"""The proof that comes with an import: the rules as written against the list as docker_auth reads it. Pure.

What belongs here: comparing the two, for each account of the file, for somebody new, and for nobody in particular.
What does not: making the rules (`translate.py`), of which nothing is used here.

For one account, at one address, for one service, both sides are a few sets of names, and whether they are the same
for every name that a registry can hold is answered by walking their automata side by side. It is a second opinion on
the order, the exceptions and the denials; how docker_auth's patterns are read (`spell.py`) it takes as given.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address
from itertools import product

from token_service.policy.condition import Context, Network, hold
from token_service.policy.docker_auth.compare import Case, Line, compare
from token_service.policy.docker_auth.entry import AclEntry
from token_service.policy.docker_auth.glob import read_pattern
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import World
from token_service.policy.docker_auth.spell import spell_resources
from token_service.policy.notation import parse_name
from token_service.policy.pattern import PRINCIPAL_SLOT, Deep, Pattern, fill, matches, no_slots, show, slots
from token_service.policy.rule import ANY_ACTION, REPOSITORY_ACTIONS, Effect, Rule, Term, Who
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import COMPONENT, is_path

_EVERYTHING = parse_name("**", "")
_IN_NAMES = re.compile(r"[A-Za-z0-9._:/\[\]-]*", re.ASCII)
_SOMEBODY_NEW = Principal("zq0-somebody-new")
_SOME_SERVICE = "some.other.registry.invalid"


@dataclass(frozen=True, slots=True)
class Difference:
    """A request that the two sides answer differently. `is_more`: the rules grant what docker_auth does not."""

    principal: str
    service: str
    address: str
    resource: str
    action: str
    is_more: bool

    def __str__(self) -> str:
        who = f"account `{self.principal}`" if self.principal else "somebody who is not logged in"
        verb = "would get" if self.is_more else "would lose"
        return f"{who} {verb} `{self.action}` on `{self.resource}` (from {self.address}, service {self.service})"


def prove(entries: tuple[AclEntry, ...], rules: tuple[Rule, ...], world: World) -> tuple[Difference, ...]:
    """Where the two differ: at most one example a principal and direction. Raises Unsupported: it is too large."""
    actions = tuple(sorted(REPOSITORY_ACTIONS.union(*(entry.actions or () for entry in entries))))
    entries = tuple(entry for entry in entries if entry.is_reachable)
    circumstances = list(product(_services(entries, rules), _addresses(entries, rules), world.types))
    found: dict[tuple[str, bool], Difference] = {}
    answers: dict[Case, tuple[tuple[str, str, bool], ...]] = {}
    for principal in _principals(world):
        for service, address, kind in circumstances:
            case = _case(entries, rules, principal, Context(service, 0, address), kind, actions)
            if case not in answers:
                answers[case] = tuple(compare(case, actions))
            for name, action, is_more in answers[case]:
                difference = Difference(principal.name, service, address, f"{kind}:{name}", action, is_more)
                found.setdefault((principal.name, is_more), difference)
    return tuple(found.values())


def odd_values(entries: tuple[AclEntry, ...], world: World) -> Iterator[tuple[str, str, str]]:
    """Account, label and value of what stands in a placeholder, and is no path: a pattern there, nothing here."""
    used = {name.removeprefix("label.") for name in _slots(entries) if name != PRINCIPAL_SLOT}
    for user in world.users.values():
        for label in sorted(used):
            yield from ((user.name, label, value) for value in user.labels.get(label, ()) if not is_path(value))


def are_placeholders_plain(entries: tuple[AclEntry, ...], world: World) -> bool:
    """Whether everything that stands in a placeholder is one name component, which means the same to both sides."""
    used = _slots(entries)
    return all(
        COMPONENT.fullmatch(value)
        for user in world.users.values()
        for name in used
        for value in _values(name, Principal(user.name, labels=user.labels))
    )


def _slots(entries: tuple[AclEntry, ...]) -> set[str]:
    return {name for entry in entries for resource in entry.box.resources for name in slots(resource.pattern)}


# --- one case ----------------------------------------------------------------------------------------------------


def _principals(world: World) -> Iterator[Principal]:
    yield from (Principal(user.name, labels=user.labels) for user in world.users.values())
    yield _SOMEBODY_NEW
    if world.has_anonymous:
        yield ANONYMOUS


def _services(entries: tuple[AclEntry, ...], rules: tuple[Rule, ...]) -> list[str]:
    named = (*(entry.box.services or () for entry in entries), *(rule.when.services for rule in rules))
    return sorted({_SOME_SERVICE, *(service for services in named for service in services)})


def _addresses(entries: tuple[AclEntry, ...], rules: tuple[Rule, ...]) -> list[str]:
    """One address for each part of the two address spaces that the networks of both sides cut them into."""
    found: set[IPv4Address | IPv6Address] = {ip_address("0.0.0.0"), ip_address("::")}  # noqa: S104 - an address, no bind
    for entry in entries:
        found |= _edges(entry.box.networks or ())
    for rule in rules:
        found |= _edges(rule.when.networks)
    return sorted(str(address) for address in found if not _is_mapped(address))


def _edges(networks: tuple[Network, ...]) -> set[IPv4Address | IPv6Address]:
    """Where an address begins to be in one of the networks, and where it ceases to be."""
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    apart: tuple[Network, ...] = (*four, *six)
    edges: set[IPv4Address | IPv6Address] = set()
    for network in apart:  # where two are side by side, there is no edge
        edges ^= {network.network_address}
        if int(network.broadcast_address) + 1 < 2**network.max_prefixlen:
            edges ^= {network.broadcast_address + 1}
    return edges


def _is_mapped(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def _case(
    entries: tuple[AclEntry, ...],
    rules: tuple[Rule, ...],
    principal: Principal,
    context: Context,
    kind: str,
    actions: tuple[str, ...],
) -> Case:
    lines = []
    is_certain = True
    for entry in entries:
        if _concerns(entry, principal, context):
            line, is_plain = _entry_line(entry, principal, kind, actions)
            is_certain &= is_plain
            lines.append(line)
    acting = tuple(
        Line(
            frozenset(action for action in (*actions, ANY_ACTION) if rule.covers(kind, action)),
            tuple(
                pattern
                for resource in rule.resources
                if resource.type == kind
                for pattern in _filled(resource.pattern, principal)
            ),
            rule.effect is Effect.DENY,
        )
        for rule in rules
        if _means(rule, principal)
        and hold(rule.when, principal, context, if_unknown=rule.effect is Effect.DENY)
        and any(resource.type == kind for resource in rule.resources)
    )
    return Case(kind, tuple(line for line in lines if line.patterns), acting, is_certain)


def _entry_line(entry: AclEntry, principal: Principal, kind: str, actions: tuple[str, ...]) -> tuple[Line, bool]:
    """The entry as a lower bound of what it grants; the flag says whether it is more than a bound."""
    wanted = [resource.pattern for resource in entry.box.resources if resource.type == kind]
    says = frozenset((*actions, ANY_ACTION)) if entry.actions is None else entry.actions
    try:
        filled = tuple(one for pattern in wanted for one in _as_inserted(pattern, principal, kind))
    except Unsupported:
        filled = None
    if entry.is_exact and filled is not None:
        return Line(says, filled), not any(_is_odd(pattern, principal) for pattern in wanted)
    # It may deny what it might match, as far as it would not grant it, and nothing is sure to be granted.
    return Line(says, (_EVERYTHING,) if filled is None else filled, is_deny=True), False


def _is_odd(pattern: Pattern, principal: Principal) -> bool:
    """Whether a label has a value that gives nothing here, which the report says by itself."""
    labels = [name for name in slots(pattern) if name != PRINCIPAL_SLOT]
    return not all(is_path(value) for label in labels for value in _values(label, principal))


def _values(slot: str, principal: Principal) -> tuple[str, ...]:
    if slot == PRINCIPAL_SLOT:
        return (principal.name,)
    return tuple(principal.labels.get(slot.removeprefix("label."), ()))


def _choices(pattern: Pattern, principal: Principal) -> Iterator[dict[str, str]]:
    names = tuple(dict.fromkeys(slots(pattern)))
    for values in product(*(_values(name, principal) for name in names)):
        yield dict(zip(names, values, strict=True))


def _filled(pattern: Pattern, principal: Principal) -> Iterator[Pattern]:
    """What a pattern of ours is for a principal."""
    for values in _choices(pattern, principal):
        filled = fill(pattern, values) if all(map(is_path, values.values())) else None
        if filled is not None:
            yield filled


def _as_inserted(pattern: Pattern, principal: Principal, kind: str) -> Iterator[Pattern]:
    """What docker_auth makes of it: the account is quoted, and a label goes in as it is and acts as a pattern."""
    for values in _choices(pattern, principal):
        if not _IN_NAMES.fullmatch(values.get(PRINCIPAL_SLOT, "")):
            continue
        labels = [value for name, value in values.items() if name != PRINCIPAL_SLOT]
        filled = fill(pattern, values) if all(map(is_path, labels)) else None
        if filled is not None:
            yield filled
            continue
        if Deep() in pattern:
            raise Unsupported("it came from a regular expression")
        text = show(pattern)
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", re.sub(r"([][])", r"\\\1", value) if name == PRINCIPAL_SLOT else value)
        yield from (one.pattern for one in spell_resources(read_pattern(text, slots=False), kind))


def _concerns(entry: AclEntry, principal: Principal, context: Context) -> bool:
    box = entry.box
    address = ip_address(context.source_ip or "")
    return (
        (box.accounts.anonymous if principal.is_anonymous else _is_named(principal, box.accounts.names))
        and (box.services is None or context.audience in box.services)
        and (box.networks is None or any(address in network for network in box.networks))
        and all(set(principal.labels.get(label, ())) & set(values) for label, values in box.labels)
    )


def _means(rule: Rule, principal: Principal) -> bool:
    return any(_is_term(term, principal) for term in rule.principals) and not any(
        _is_term(term, principal) for term in rule.exceptions
    )


def _is_term(term: Term, principal: Principal) -> bool:
    if term.who is Who.ANYONE:
        return True
    if term.who is Who.ANONYMOUS:
        return principal.is_anonymous
    return principal.kind is Kind.USER and term.who is Who.USER and _is_named(principal, (term.pattern,))


def _is_named(principal: Principal, names: Iterable[Pattern]) -> bool:
    segments = principal.name.split("/")
    return any(matches(name, segments, no_slots) for name in names)
