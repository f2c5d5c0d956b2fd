"""Questions about the sets that entries mean, answered exactly: do two meet, and what of one is not in another. Pure.

What belongs here: boxes and their parts. What does not: which of them to subtract from which (`translate.py`).

Names are compared as automata. A slot is compared for all that may fill it: two sets may meet if they meet for any
filling, and one lies within another only if it does for every filling.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from token_service.policy.automaton import difference, outside, principal_names, resource_names, union
from token_service.policy.condition import Network
from token_service.policy.docker_auth.entry import NOBODY, Accounts, Box
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import World
from token_service.policy.pattern import (
    Deep,
    Glob,
    Literal,
    Pattern,
    ResourcePattern,
    Segment,
    Slot,
    SlotGlob,
    Wild,
    matches,
    slots,
)

MAX_NETWORKS = 64
MAX_BOXES = 32
_ALL_NETWORKS: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_UNROLLED = 3


def meet(box: Box, other: Box) -> bool:
    """Whether some request may lie in both. Labels never keep two sets apart: anybody may have both."""
    return (
        _accounts_meet(box.accounts, other.accounts)
        and not _accounts_within(other.accounts, box.exceptions)
        and not _accounts_within(box.accounts, box.exceptions | other.exceptions)
        and any(_resources_meet(one, two) for one in box.resources for two in other.resources)
        and (box.services is None or other.services is None or not set(box.services).isdisjoint(other.services))
        and (box.networks is None or other.networks is None or _networks_meet(box.networks, other.networks))
    )


def minus(box: Box, other: Box, by_name: World | None = None) -> tuple[Box, ...]:
    """What of `box` is not in `other`, as boxes that may overlap. Raises Unsupported where that cannot be said.

    A request lies outside `other` if it does in one respect. With `by_name`, those whose labels `other` asks for are
    named one by one; without it, conditions on labels can be left out of nothing.
    """
    left: list[Box] = []
    left += _minus_principals(box, other, by_name)
    resources = tuple(part for one in box.resources for part in _resource_minus(one, other.resources))
    if resources:
        left.append(replace(box, resources=resources))
    left += _minus_services(box, other)
    left += _minus_networks(box, other)
    if len(left) > MAX_BOXES:
        raise Unsupported(f"it takes more than {MAX_BOXES} rules")
    return tuple(left)


# --- principals ------------------------------------------------------------------------------------------------


def _minus_principals(box: Box, other: Box, by_name: World | None) -> Iterator[Box]:
    has = dict(box.labels)
    asked = [(label, values) for label, values in other.labels if not set(has.get(label, ())) or
             not set(has[label]) <= set(values)]  # fmt: skip
    accounts = other.accounts
    if asked:
        if by_name is None:
            raise Unsupported("its condition on labels cannot be turned round")
        accounts = _named(other, by_name)
    if not _accounts_within(box.accounts, accounts | box.exceptions):
        yield _normal(box, box.exceptions | accounts)


def _named(box: Box, world: World) -> Accounts:
    """The users of the file whom a box with labels means."""
    if not world.is_closed:
        raise Unsupported("users come from elsewhere, so those with a label cannot be named")
    found = []
    for user in world.users.values():
        segments = tuple(user.name.split("/"))
        if any(matches(name, segments, lambda _: ()) for name in box.accounts.names) and all(
            set(user.labels.get(label, ())) & set(values) for label, values in box.labels
        ):
            if not set("*?{}[]\\^$|").isdisjoint(user.name):
                raise Unsupported(f"the name `{user.name}` cannot be written in a rule")
            found.append(tuple(Literal(segment) for segment in segments))
    return Accounts(False, tuple(found))


def _normal(box: Box, exceptions: Accounts) -> Box:
    """The box with these exceptions, as short as it can be said."""
    names = tuple(name for name in box.accounts.names if not _names_within((name,), exceptions.names))
    accounts = Accounts(box.accounts.anonymous and not exceptions.anonymous, names)
    kept = [name for name in exceptions.names if _names_meet((name,), names)]
    for name in tuple(kept):
        others = tuple(one for one in kept if one != name)
        if _names_within((name,), others):
            kept.remove(name)
    return replace(box, accounts=accounts, exceptions=Accounts(False, tuple(kept)))


def _accounts_meet(one: Accounts, other: Accounts) -> bool:
    return (one.anonymous and other.anonymous) or _names_meet(one.names, other.names)


def _accounts_within(inner: Accounts, outer: Accounts) -> bool:
    if outer == NOBODY:
        return not inner
    return (outer.anonymous or not inner.anonymous) and _names_within(inner.names, outer.names)


@lru_cache(maxsize=8192)
def _names_meet(one: tuple[Pattern, ...], other: tuple[Pattern, ...]) -> bool:
    if not one or not other:
        return False
    names = principal_names([*one, *other])
    return difference([union(one, names), union(other, names)], [], names) is not None


@lru_cache(maxsize=8192)
def _names_within(inner: tuple[Pattern, ...], outer: tuple[Pattern, ...]) -> bool:
    return set(inner) <= set(outer) or outside(inner, outer, principal_names([*inner, *outer])) is None


# --- resources -------------------------------------------------------------------------------------------------


def loose(pattern: Pattern) -> Pattern:
    """The pattern with anything at all in its slots."""
    found: list[Segment] = []
    for index, segment in enumerate(pattern):
        if isinstance(segment, Slot):
            found += [Deep()] if index == len(pattern) - 1 else [Wild(), Deep()]
        elif isinstance(segment, SlotGlob):
            found.append(Glob((*segment.before[:-1], segment.before[-1], *segment.after)))
        else:
            found.append(segment)
    return tuple(found)


def _resources_meet(one: ResourcePattern, other: ResourcePattern) -> bool:
    return one.type == other.type and _patterns_meet(loose(one.pattern), loose(other.pattern))


def _resource_minus(
    one: ResourcePattern, others: Iterable[ResourcePattern], unrolled: int = 0
) -> tuple[ResourcePattern, ...]:
    near = tuple(other.pattern for other in others if _resources_meet(one, other))
    if not near:
        return (one,)
    if _pattern_within(one.pattern, near):
        return ()
    if isinstance(one.pattern[-1], Deep) and unrolled < _UNROLLED:
        start = one.pattern[:-1]
        parts = (replace(one, pattern=(*start, Wild())), replace(one, pattern=(*start, Wild(), Deep())))
        return tuple(left for part in parts for left in _resource_minus(part, others, unrolled + 1))
    raise Unsupported("what is left of the names cannot be written as patterns")


@lru_cache(maxsize=8192)
def _patterns_meet(one: Pattern, other: Pattern) -> bool:
    names = resource_names([one, other])
    return difference([union([one], names), union([other], names)], [], names) is not None


def _pattern_within(inner: Pattern, outer: tuple[Pattern, ...]) -> bool:
    if inner in outer or any(_is_within_by_slot(inner, one) for one in outer):
        return True
    fixed = tuple(one for one in outer if not any(slots(one)))
    return bool(fixed) and _fixed_within(loose(inner), fixed)


def _is_within_by_slot(inner: Pattern, outer: Pattern) -> bool:
    """The same up to a slot, whatever fills it, and within behind it."""
    places = [index for index, segment in enumerate(inner) if isinstance(segment, Slot | SlotGlob)]
    if len(places) != 1 or inner[: places[0] + 1] != outer[: places[0] + 1]:
        return False
    rest, room = inner[places[0] + 1 :], outer[places[0] + 1 :]
    return bool(rest and room) and not any(slots(room)) and _fixed_within(rest, (room,))


@lru_cache(maxsize=8192)
def _fixed_within(inner: Pattern, outer: tuple[Pattern, ...]) -> bool:
    return outside([inner], outer, resource_names([inner, *outer])) is None


# --- services and networks -------------------------------------------------------------------------------------


def _minus_services(box: Box, other: Box) -> Iterator[Box]:
    if other.services is None:
        return
    if box.services is None:
        raise Unsupported("all services but one cannot be written")
    left = tuple(service for service in box.services if service not in other.services)
    if left:
        yield replace(box, services=left)


def _minus_networks(box: Box, other: Box) -> Iterator[Box]:
    if other.networks is None:
        return
    left = _networks_minus(box.networks or _ALL_NETWORKS, other.networks)
    if len(left) > MAX_NETWORKS:
        raise Unsupported(f"what is left of the addresses takes more than {MAX_NETWORKS} networks")
    if left:
        yield replace(box, networks=left)


def _networks_minus(networks: tuple[Network, ...], others: tuple[Network, ...]) -> tuple[Network, ...]:
    for other in others:
        networks = tuple(part for network in networks for part in _network_minus(network, other))
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return (*four, *(network for network in six if network.network_address.ipv4_mapped is None))


def _network_minus(network: Network, other: Network) -> Iterator[Network]:
    if network.version != other.version or not network.overlaps(other):
        yield network
    elif network.prefixlen < other.prefixlen:
        yield from network.address_exclude(other)  # type: ignore[arg-type] # of the same version


def _networks_meet(ones: tuple[Network, ...], others: tuple[Network, ...]) -> bool:
    return any(one.overlaps(other) for one in ones for other in others if one.version == other.version)
