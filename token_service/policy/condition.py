"""The `when:` of a rule, and the circumstances it looks at. Pure: the time is handed in.

What belongs here: whether conditions hold, and which do not. What does not: who the rule is for and on what.

A condition is evaluated, never skipped. The one thing that may be unknown is the client's address: then an allow
rule that asks for an address does not match and a deny rule that asks for one does (as CVE-2024-47070 taught:
what cannot be checked must not open a door).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from token_service.principal import Principal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision reads besides the principal and the scopes. `source_ip` None: the address is not known.

    `filters_catalogue`: whether the registry reads a token's `name_filter`.
    """

    audience: str
    now: int
    source_ip: str | None = None
    filters_catalogue: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of them must hold; an empty one asks for nothing. `after` is included, `before` is not."""

    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    services: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    after: int | None = None
    before: int | None = None


NO_CONDITIONS = Conditions()


def hold(conditions: Conditions, principal: Principal, context: Context, *, if_unknown: bool) -> bool:
    """Whether every condition holds. `if_unknown` is the answer for an address that is not known."""
    if conditions is NO_CONDITIONS:
        return True
    return (
        (not conditions.services or context.audience in conditions.services)
        and (conditions.after is None or context.now >= conditions.after)
        and (conditions.before is None or context.now < conditions.before)
        and all(_has_label(principal, name, values) for name, values in conditions.labels)
        and _is_within(conditions.networks, context.source_ip, if_unknown=if_unknown)
    )


def parts(conditions: Conditions) -> Iterator[tuple[str, Conditions]]:
    """Each condition alone, with the key that it has in a file."""
    for label in conditions.labels:
        yield f"label {label[0]}", Conditions(labels=(label,))
    if conditions.services:
        yield "service", Conditions(services=conditions.services)
    if conditions.networks:
        yield "source_ip", Conditions(networks=conditions.networks)
    if conditions.after is not None:
        yield "after", Conditions(after=conditions.after)
    if conditions.before is not None:
        yield "before", Conditions(before=conditions.before)


def unmet(conditions: Conditions, principal: Principal, context: Context, *, if_unknown: bool) -> Iterator[str]:
    """For people: the conditions that do not hold, each in a few words."""
    for name, values in conditions.labels:
        if not _has_label(principal, name, values):
            has = ", ".join(principal.labels.get(name, ())) or "missing"
            yield f"label {name} is {has}, not {' or '.join(values)}"
    if conditions.services and context.audience not in conditions.services:
        yield f"service is {context.audience}, not {' or '.join(conditions.services)}"
    if conditions.after is not None and context.now < conditions.after:
        yield f"it begins at {_show_time(conditions.after)}"
    if conditions.before is not None and context.now >= conditions.before:
        yield f"it ended at {_show_time(conditions.before)}"
    if not _is_within(conditions.networks, context.source_ip, if_unknown=if_unknown):
        yield f"source_ip is {context.source_ip or 'unknown'}, not in {' or '.join(map(str, conditions.networks))}"


def _has_label(principal: Principal, name: str, values: tuple[str, ...]) -> bool:
    return any(value in values for value in principal.labels.get(name, ()))


def _is_within(networks: tuple[Network, ...], source_ip: str | None, *, if_unknown: bool) -> bool:
    if not networks:
        return True
    address = parse_address(source_ip)
    if address is None:
        return if_unknown
    return any(address in network for network in networks)


@lru_cache(maxsize=1024)
def parse_address(text: str | None) -> Address | None:
    """The address, or None where there is none to trust: unknown, malformed, or with a zone.

    `::ffff:10.0.0.1` is 10.0.0.1: a dual-stack listener reports IPv4 clients so, and no IPv4 network contains it.
    """
    if text is None:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def _show_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
