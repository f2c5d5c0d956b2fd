"""Questions about the sets that entries mean, answered exactly: do two meet, and what of one is not in another. Pure.

What belongs here: boxes and their parts. What does not: which of them to subtract from which (`translate.py`).

Names are compared as automata. A slot is compared for all that may fill it: two sets may meet if they meet for any
filling, and one lies within another only if it does for every filling.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import product

from token_service.policy.automaton import Names, principal_names, resource_names
from token_service.policy.docker_auth.entry import Accounts, Box
from token_service.policy.docker_auth.networks import ALL_NETWORKS, networks_meet, networks_minus
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import World
from token_service.policy.docker_auth.walk import walk
from token_service.policy.pattern import (
    PRINCIPAL_SLOT,
    Deep,
    Glob,
    Literal,
    Pattern,
    ResourcePattern,
    Segment,
    Slot,
    SlotGlob,
    Wild,
    fill,
    matches,
    no_slots,
    show,
    slots,
)
from token_service.scope import is_path

MAX_NETWORKS = 64
MAX_BOXES = 32
MAX_FILLINGS = 64
MAX_USERS = 4096
_UNROLLED = 3

_Fillings = tuple[tuple[str, tuple[str, ...]], ...]
"""Slots and what may stand in them; what is not listed may be anything."""


def meet(box: Box, other: Box, known: World | None = None) -> bool:
    """Whether some request may lie in both. Conditions on labels never keep two sets apart: anybody may have both.

    With `known`, there are no other users, and labels have no other values, than now.
    """
    fillings = _fillings(box, other, known)
    return (
        _accounts_meet(box.accounts, other.accounts, box.exceptions | other.exceptions)
        and any(_resources_meet(one, two, fillings) for one in box.resources for two in other.resources)
        and (box.services is None or other.services is None or not set(box.services).isdisjoint(other.services))
        and (box.networks is None or other.networks is None or networks_meet(box.networks, other.networks))
    )


def minus(box: Box, other: Box, known: World | None = None) -> tuple[Box, ...]:
    """What of `box` is not in `other`, as boxes that may overlap. Raises Unsupported where that cannot be said.

    `other` is the box of an entry, which has no exceptions.
    A request lies outside `other` if it does in one respect. With `known`, those whose labels `other` asks for are
    named one by one; without it, nobody can be left out for want of a label.
    """
    left: list[Box] = []
    left += _minus_principals(box, other, known)
    fillings = _fillings(box, other, known)
    resources = tuple(part for one in box.resources for part in _resource_minus(one, other.resources, fillings))
    if resources:
        left.append(replace(box, resources=resources))
    left += _minus_services(box, other)
    left += _minus_networks(box, other)
    if len(left) > MAX_BOXES:
        raise Unsupported(f"it takes more than {MAX_BOXES} rules")
    return tuple(left)


# --- principals ------------------------------------------------------------------------------------------------


def _minus_principals(box: Box, other: Box, known: World | None) -> Iterator[Box]:
    has = dict(box.labels)
    accounts = other.accounts
    if not all(label in has and set(has[label]) <= set(values) for label, values in other.labels):
        if known is None:
            raise Unsupported("its condition on labels cannot be turned round")
        accounts = _named(other, known)
    if not _accounts_within(box.accounts, accounts | box.exceptions):
        yield _normal(box, box.exceptions | accounts)


def _named(box: Box, world: World) -> Accounts:
    """The users of the file whom a box with labels means."""
    if not world.is_closed:
        raise Unsupported("users come from elsewhere, so those with a label cannot be named")
    found = []
    for user in world.users.values():
        segments = tuple(user.name.split("/"))
        if any(matches(name, segments, no_slots) for name in box.accounts.names) and all(
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


def _accounts_meet(one: Accounts, other: Accounts, exceptions: Accounts) -> bool:
    return (one.anonymous and other.anonymous and not exceptions.anonymous) or _names_meet(
        one.names, other.names, exceptions.names
    )


def _accounts_within(inner: Accounts, outer: Accounts) -> bool:
    return (outer.anonymous or not inner.anonymous) and _names_within(inner.names, outer.names)


@lru_cache(maxsize=8192)
def _names_meet(one: tuple[Pattern, ...], other: tuple[Pattern, ...], exceptions: tuple[Pattern, ...] = ()) -> bool:
    names = principal_names([*one, *other, *exceptions])
    return any(
        mine and yours and not excepted for _, (mine, yours, excepted) in walk(names, (one, other), (exceptions,))
    )


@lru_cache(maxsize=8192)
def _names_within(inner: tuple[Pattern, ...], outer: tuple[Pattern, ...]) -> bool:
    return set(inner) <= set(outer) or _within(inner, outer, principal_names([*inner, *outer]))


def _within(inner: tuple[Pattern, ...], outer: tuple[Pattern, ...], names: Names) -> bool:
    return not any(mine and not yours for _, (mine, yours) in walk(names, (inner,), (outer,)))


# --- resources -------------------------------------------------------------------------------------------------


def loose(pattern: Pattern) -> Pattern:
    """The pattern with anything at all in its slots."""
    found: list[Segment] = []
    for index, segment in enumerate(pattern):
        if isinstance(segment, Slot):
            found += [Deep()] if index == len(pattern) - 1 else [Wild(), Deep()]
        elif isinstance(segment, SlotGlob):
            found.append(Glob((*segment.before, *segment.after)))
        else:
            found.append(segment)
    return tuple(found)


def _fillings(box: Box, other: Box, known: World | None) -> _Fillings:
    """What may stand in slots where both boxes apply, as far as it can be counted."""
    names = _listed(box.accounts, other.accounts) or _listed(other.accounts, box.accounts)
    fillings = [(PRINCIPAL_SLOT, names)] if names else []
    if known is None or not known.is_closed:
        return tuple(fillings)
    used = {name for each in (box, other) for one in each.resources for name in slots(one.pattern)}
    if not names and PRINCIPAL_SLOT in used and len(known.users) <= MAX_USERS:
        fillings.append((PRINCIPAL_SLOT, tuple(known.users)))
    for name in used - {PRINCIPAL_SLOT}:
        values = known.label_values(name.removeprefix("label."))
        if len(values) <= MAX_FILLINGS and all(map(is_path, values)):
            fillings.append((name, values))
    return tuple(sorted(fillings))


def _listed(accounts: Accounts, others: Accounts) -> tuple[str, ...]:
    """Whom the two have in common, if `accounts` are a few names."""
    is_exact = all(isinstance(segment, Literal) for name in accounts.names for segment in name)
    if not is_exact or accounts.anonymous or len(accounts.names) > MAX_FILLINGS:
        return ()
    names = map(show, accounts.names)
    return tuple(name for name in names if any(matches(one, name.split("/"), no_slots) for one in others.names))


@lru_cache(maxsize=8192)
def _possible(pattern: Pattern, fillings: _Fillings) -> tuple[Pattern, ...]:
    """Patterns without slots that match at least what `pattern` may match."""
    used = [(name, values) for name, values in fillings if name in slots(pattern)]
    found = []
    for values in product(*(values for _, values in used)):
        known = dict(zip((name for name, _ in used), values, strict=True))
        part = tuple(segment for one in pattern for segment in _fill_segment(one, known))
        found.append(loose(part))
    return tuple(dict.fromkeys(found))


def _fill_segment(segment: Segment, known: dict[str, str]) -> Pattern:
    """What is not known stays a slot, and so does a path within a segment."""
    name = segment.name if isinstance(segment, Slot | SlotGlob) else None
    return (name in known and fill((segment,), known)) or (segment,)


def _resources_meet(one: ResourcePattern, other: ResourcePattern, fillings: _Fillings) -> bool:
    return one.type == other.type and any(
        _may_meet(a, b) and _patterns_meet(a, b)
        for a in _possible(one.pattern, fillings)
        for b in _possible(other.pattern, fillings)
    )


def _may_meet(one: Pattern, other: Pattern) -> bool:
    """Quick: patterns with different literal segments in one place have no name in common."""
    for mine, yours in zip(one, other, strict=False):
        if isinstance(mine, Deep) or isinstance(yours, Deep):
            return True
        if isinstance(mine, Literal) and isinstance(yours, Literal) and mine.text != yours.text:
            return False
    return True


def _resource_minus(
    one: ResourcePattern, others: tuple[ResourcePattern, ...], fillings: _Fillings, unrolled: int = 0
) -> tuple[ResourcePattern, ...]:
    near = tuple(other.pattern for other in others if _resources_meet(one, other, fillings))
    if not near:
        return (one,)
    if _pattern_within(one.pattern, near):
        return ()
    if isinstance(one.pattern[-1], Deep) and unrolled < _UNROLLED:
        start = one.pattern[:-1]
        parts = (replace(one, pattern=(*start, Wild())), replace(one, pattern=(*start, Wild(), Deep())))
        return tuple(left for part in parts for left in _resource_minus(part, others, fillings, unrolled + 1))
    raise Unsupported("what is left of the names cannot be written as patterns")


@lru_cache(maxsize=8192)
def _patterns_meet(one: Pattern, other: Pattern) -> bool:
    names = resource_names([one, other])
    return any(all(hits) for _, hits in walk(names, ((one,), (other,))))


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
    return _within((inner,), outer, resource_names([inner, *outer]))


# --- services and addresses -------------------------------------------------------------------------------------


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
    left = networks_minus(box.networks or ALL_NETWORKS, other.networks)
    if len(left) > MAX_NETWORKS:
        raise Unsupported(f"what is left of the addresses takes more than {MAX_NETWORKS} networks")
    if left:
        yield replace(box, networks=left)
