"""What a rule reaches compared with what others reach: the algebra of patterns lifted to rules. Pure.

What belongs here: whether everything that a rule says is said by others, too. What does not: judging it (`lint.py`).

Names are compared exactly (`automaton.py`). Principals are split into kinds first, so that `anyone` is within
`anonymous` and `authenticated` together. A slot is compared for every value that may fill it: names that no pattern
mentions stand for all of them, in as many shapes (segments, lengths) as the patterns can tell apart. An answer `True`
is certain; `False` may also mean that several rules would have to be cut up to see it (a user glob in one rule and
its complement in another).
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from token_service.policy.automaton import difference, outside, principal_names, resource_names, union
from token_service.policy.condition import Conditions
from token_service.policy.notation import parse_name
from token_service.policy.pattern import (
    PRINCIPAL_SLOT,
    Literal,
    Pattern,
    ResourcePattern,
    exactly,
    fill,
    is_exact,
    show,
    slots,
)
from token_service.policy.rule import ANY_ACTION, REPOSITORY, REPOSITORY_ACTIONS, Effect, Group, Rule, Term, Who
from token_service.principal import Kind
from token_service.scope import is_path

_EVERY_NAME = parse_name("**", "")
_AUTHENTICATED = (
    Term(Who.USER, _EVERY_NAME), Term(Who.SERVICE_ACCOUNT, _EVERY_NAME), Term(Who.WORKLOAD, _EVERY_NAME),
)  # fmt: skip
_SPLIT: dict[Who, tuple[Term, ...]] = {
    Who.ANYONE: (Term(Who.ANONYMOUS), *_AUTHENTICATED),
    Who.AUTHENTICATED: _AUTHENTICATED,
}
_MEMBER_KINDS = {Who.USER: Kind.USER, Who.SERVICE_ACCOUNT: Kind.SERVICE_ACCOUNT}
_FRESH = "zqxjvkwyfg0123456789abcdehilmnoprstu"
_RARE = "zq0xj9vk8wy7"

Groups = Mapping[str, Group]


def spoken(rule: Rule, kind: str) -> frozenset[str]:
    """The actions on resources of type `kind` that a rule speaks about, `*` meaning all there are."""
    if ANY_ACTION in rule.actions and rule.effect is Effect.ALLOW and kind == REPOSITORY:
        return (rule.actions - {ANY_ACTION}) | REPOSITORY_ACTIONS
    return frozenset({ANY_ACTION}) if ANY_ACTION in rule.actions else rule.actions


def is_covered(rule: Rule, actions: Collection[str] | None, others: Iterable[Rule], groups: Groups) -> bool:
    """Whether `others` speak about all that `rule` says of `actions` (None: whatever it speaks about)."""
    others = tuple(others)
    return all(
        _is_atom_covered(rule, term, resource, action, others, groups)
        for term in meant(rule, groups)
        for resource in rule.resources
        for action in (spoken(rule, resource.type) if actions is None else actions)
    )


def reaches_nothing(rule: Rule, groups: Groups) -> bool:
    """Whether the rule matches nobody or no name at all."""
    return is_covered(rule, None, (), groups)


def split(term: Term) -> tuple[Term, ...]:
    """The term by kind: `authenticated` is users, service accounts and workloads."""
    return _SPLIT.get(term.who, (term,))


def meant(rule: Rule, groups: Groups) -> Iterator[Term]:
    """For whom the rule is, split by kind, without those terms that `except` covers whole."""
    for term in dict.fromkeys(part for whole in rule.principals for part in split(whole)):
        if not is_within(term, rule.exceptions, groups):
            yield term


def _is_atom_covered(
    rule: Rule, term: Term, resource: ResourcePattern, action: str, others: tuple[Rule, ...], groups: Groups
) -> bool:
    patterns = [
        candidate.pattern
        for other in others
        for candidate in other.resources
        if may_meet(candidate, resource)
        and _speaks(other, resource.type, action)
        and implies(rule.when, other.when)
        and _reaches(other, term, rule.exceptions, groups)
    ]
    return all(_within(resource.pattern, patterns, values) for values in fillings(resource.pattern, patterns, term))


def _speaks(other: Rule, kind: str, action: str) -> bool:
    if action == ANY_ACTION and other.effect is Effect.DENY:
        return ANY_ACTION in other.actions
    return other.covers(kind, action)


def may_meet(one: ResourcePattern, other: ResourcePattern) -> bool:
    """Quick: types that differ, and patterns that begin with different literal segments, have no name in common."""
    first, second = one.pattern[0], other.pattern[0]
    differ = isinstance(first, Literal) and isinstance(second, Literal) and first.text != second.text
    return one.type == other.type and not differ


def _reaches(other: Rule, term: Term, exceptions: tuple[Term, ...], groups: Groups) -> bool:
    return is_within(term, other.principals, groups) and all(
        are_apart(term, exception) or is_within(exception, exceptions, groups) for exception in other.exceptions
    )


def _within(pattern: Pattern, patterns: list[Pattern], values: dict[str, str]) -> bool:
    inner = fill(pattern, values)
    if inner is None:
        return True
    outer = tuple(filled for one in patterns if (filled := fill(one, values)) is not None)
    return _outside(inner, outer) is None


@lru_cache(maxsize=4096)
def _outside(inner: Pattern, outer: tuple[Pattern, ...]) -> str | None:
    return outside([inner], outer, resource_names([inner, *outer]))


def example(pattern: Pattern) -> str | None:
    """A shortest name that the pattern matches, with any value in its slots; None where no name does."""
    found = (fill(pattern, values) for values in fillings(pattern, [], None))
    return next((name for one in found if one is not None and (name := _outside(one, ())) is not None), None)


# --- slots -----------------------------------------------------------------------------------------------------


def fillings(pattern: Pattern, others: list[Pattern], term: Term | None) -> Iterator[dict[str, str]]:
    """The ways to fill the slots of `pattern` that the patterns can tell apart.

    Where `term` names one principal exactly, that is the value of `{principal}`; what is no path fills nothing.
    """
    known = {PRINCIPAL_SLOT: name} if term is not None and (name := exact_name(term)) else {}
    if PRINCIPAL_SLOT in slots(pattern) and known and not is_path(known[PRINCIPAL_SLOT]):
        return
    known = {slot: name for slot, name in known.items() if is_path(name)}
    open_slots = sorted(set(slots(pattern)) - set(known))
    shapes = [_shapes(number, [pattern, *others]) for number in range(len(open_slots))]
    for values in itertools.product(*shapes):
        yield known | dict(zip(open_slots, values, strict=True))


def exact_name(term: Term) -> str | None:
    if term.who is Who.GROUP or not term.pattern:
        return None
    return show(term.pattern) if is_exact(term.pattern) else None


def _shapes(number: int, patterns: list[Pattern]) -> list[str]:
    """Values for the slot `number` that no pattern and no other slot mentions.

    Of one segment, of two, and of more than any pattern has; where patterns count characters, of several lengths.
    """
    text = "".join(show(pattern) for pattern in patterns)
    unused = [character for character in _FRESH if character not in text]
    word = unused[number] if number < len(unused) else f"{_RARE}{number}"
    marks = text.count("?")
    return [
        "/".join([word * length] * count)
        for count in sorted({1, 2, max(map(len, patterns)) + 1})
        for length in ((1, 2, marks + 2) if marks else (1,))
    ]


# --- principals ------------------------------------------------------------------------------------------------


def is_within(term: Term, terms: Iterable[Term], groups: Groups) -> bool:
    """Whether everybody whom `term` means is meant by one of `terms`, too."""
    terms = tuple(terms)
    return all(_is_part_within(part, terms, groups) for part in split(term))


def _is_part_within(part: Term, terms: tuple[Term, ...], groups: Groups) -> bool:
    whos = {term.who for term in terms}
    if Who.ANYONE in whos or part in terms:
        return True
    if part.who is Who.ANONYMOUS:
        return False
    if Who.AUTHENTICATED in whos or all(_covers_names(one, terms) for one in _AUTHENTICATED):
        return True
    return _covers_names(part, terms) or any(_covers_names(group, terms) for group in _groups_of(part, groups))


def _covers_names(part: Term, terms: tuple[Term, ...]) -> bool:
    patterns = tuple(term.pattern for term in terms if term.who is part.who)
    return bool(patterns) and _outside_names(part.pattern, patterns) is None


@lru_cache(maxsize=4096)
def _outside_names(inner: Pattern, outer: tuple[Pattern, ...]) -> str | None:
    return outside([inner], outer, principal_names([inner, *outer]))


def _groups_of(part: Term, groups: Groups) -> list[Term]:
    """The static groups of an exactly named principal."""
    name = exact_name(part)
    if name is None or part.who not in _MEMBER_KINDS:
        return []
    mine = [group.name for group in groups.values() if (_MEMBER_KINDS[part.who], name) in group.members]
    return [Term(Who.GROUP, exactly(group)) for group in mine]


def are_apart(one: Term, other: Term) -> bool:
    """Whether nobody can be meant by both. Groups may come to anybody who is logged in."""
    return all(_are_parts_apart(a, b) for a in split(one) for b in split(other))


def _are_parts_apart(one: Term, other: Term) -> bool:
    if one.who is not other.who:
        return Who.ANONYMOUS in {one.who, other.who} or Who.GROUP not in {one.who, other.who}
    if one.who in {Who.ANONYMOUS, Who.GROUP}:
        return False
    names = principal_names([one.pattern, other.pattern])
    return difference([union([one.pattern], names), union([other.pattern], names)], [], names) is None


# --- conditions ------------------------------------------------------------------------------------------------


def implies(one: Conditions, other: Conditions) -> bool:
    """Whether `other` holds whenever `one` does."""
    return (
        _labels_imply(one, other)
        and (not other.services or (bool(one.services) and set(one.services) <= set(other.services)))
        and (other.after is None or (one.after is not None and one.after >= other.after))
        and (other.before is None or (one.before is not None and one.before <= other.before))
        and (not other.networks or (bool(one.networks) and _networks_imply(one, other)))
    )


def _labels_imply(one: Conditions, other: Conditions) -> bool:
    has = dict(one.labels)
    return all(name in has and set(has[name]) <= set(values) for name, values in other.labels)


def _networks_imply(one: Conditions, other: Conditions) -> bool:
    four = list(collapse_addresses(n for n in other.networks if isinstance(n, IPv4Network)))
    six = list(collapse_addresses(n for n in other.networks if isinstance(n, IPv6Network)))
    return all(
        any(network.subnet_of(outer) for outer in four)
        if isinstance(network, IPv4Network)
        else any(network.subnet_of(outer) for outer in six)
        for network in one.networks
    )
