"""Rules compiled for deciding: found by resource first and by principal second, at a cost that stays flat. Pure.

What belongs here: what is computed once per policy. What does not: anything about one decision (`decide.py`).

Every distinct principal term (`anyone`, `user:alice`, `group:dev-*`) gets a number. A principal is resolved once per
decision to the set of numbers that describe it; a trie of resource patterns finds the few nodes that match a name;
at a node, rules are kept by the number of their term, so that the smaller of two sets is walked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from token_service.policy.pattern import Fill, Path, is_exact, no_slots, paths, show
from token_service.policy.rule import KINDS, Group, Rule, Term, Who
from token_service.policy.trie import Trie
from token_service.principal import Kind, Principal

LABEL_PREFIX = "label."

_WHO = {kind: who for who, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """A rule whose `except` has been looked up. Equal only to itself, so that a set of them is cheap."""

    rule: Rule
    except_ids: frozenset[int]


_Payload = dict[int, list[CompiledRule]]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """`version` names the contents: equal policies have equal versions, and caches of decisions key on it."""

    rules: tuple[Rule, ...]
    groups: Mapping[str, Group]
    version: str
    _terms: "_Terms"
    _resources: Mapping[str, Trie[_Payload]] = field(repr=False)

    def resolve(self, principal: Principal) -> frozenset[int]:
        """The numbers of all terms that describe `principal`."""
        return self._terms.resolve(principal)

    def candidates(self, ids: frozenset[int], kind: str, segments: list[str], fill: Fill) -> Iterable[CompiledRule]:
        """The rules that name one of `ids` and the resource, each once. `except` and `when` are not looked at."""
        trie = self._resources.get(kind)
        if trie is None:
            return ()
        found: list[CompiledRule] = []
        for payload in trie.find(segments, fill):
            if len(payload) <= len(ids):
                for number, rules in payload.items():
                    if number in ids:
                        found += rules
            else:
                for number in ids:
                    found += payload.get(number, ())
        return found if len(found) < 2 else dict.fromkeys(found)


class Slots:
    """What fills the slots of patterns for one principal, worked out when first needed."""

    __slots__ = ("_filled", "_principal")

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self._filled: dict[str, tuple[Path, ...]] = {}

    def __call__(self, name: str) -> tuple[Path, ...]:
        filled = self._filled.get(name)
        if filled is None:
            filled = self._filled[name] = paths(self._values(name))
        return filled

    def _values(self, name: str) -> tuple[str, ...]:
        if name.startswith(LABEL_PREFIX):
            return tuple(self._principal.labels.get(name.removeprefix(LABEL_PREFIX), ()))
        return (self._principal.name,)


def compile_policy(rules: Iterable[Rule], groups: Iterable[Group] = (), version: str = "") -> CompiledPolicy:
    rules = tuple(rules)
    named = {group.name: group for group in groups}
    terms = _Terms()
    resources: dict[str, Trie[_Payload]] = {}
    for rule in rules:
        compiled = CompiledRule(rule, frozenset(terms.number(term) for term in rule.exceptions))
        numbers = {terms.number(term) for term in rule.principals}
        for resource in set(rule.resources):
            payload = resources.setdefault(resource.type, Trie(dict)).at(resource.pattern)
            for number in numbers:
                payload.setdefault(number, []).append(compiled)
    terms.close(named.values())
    return CompiledPolicy(rules, named, version, terms, resources)


class _Terms:
    """Numbers for principal terms, and the way from a principal to the numbers, once it is closed."""

    _by_member: dict[tuple[Kind, str], frozenset[int]]
    _exact_groups: frozenset[str]
    _anonymous: frozenset[int]
    _authenticated: frozenset[int]

    def __init__(self) -> None:
        self._numbers: dict[Term, int] = {}
        self._exact: dict[Who, dict[str, int]] = {who: {} for who in Who}
        self._globs: dict[Who, Trie[list[int]]] = {}

    def number(self, term: Term) -> int:
        known = self._numbers.get(term)
        if known is not None:
            return known
        number = self._numbers[term] = len(self._numbers)
        if is_exact(term.pattern):
            self._exact[term.who][show(term.pattern)] = number
        else:
            self._globs.setdefault(term.who, Trie(list)).at(term.pattern).append(number)
        return number

    def close(self, groups: Iterable[Group]) -> None:
        """Called once when all terms are in: what each member of a static group gains by it."""
        self._exact_groups = frozenset(self._exact[Who.GROUP])
        self._anonymous = frozenset([*self._nameless(Who.ANYONE), *self._nameless(Who.ANONYMOUS)])
        self._authenticated = frozenset([*self._nameless(Who.ANYONE), *self._nameless(Who.AUTHENTICATED)])
        by_member: dict[tuple[Kind, str], set[int]] = {}
        for group in groups:
            numbers = set(self._named(Who.GROUP, group.name))
            for member in group.members:
                by_member.setdefault(member, set()).update(numbers)
        self._by_member = {member: frozenset(numbers) for member, numbers in by_member.items()}

    def resolve(self, principal: Principal) -> frozenset[int]:
        if principal.kind is Kind.ANONYMOUS:
            ids = set(self._anonymous)
        else:
            ids = set(self._authenticated)
            ids.update(self._named(_WHO[principal.kind], principal.name))
            ids.update(self._by_member.get((principal.kind, principal.name), ()))
        if principal.groups:
            exact = self._exact[Who.GROUP]
            ids.update([exact[name] for name in self._exact_groups & principal.groups])
            if Who.GROUP in self._globs:
                for name in principal.groups:
                    ids.update(self._matching(Who.GROUP, name))
        return frozenset(ids)

    def _nameless(self, who: Who) -> Iterable[int]:
        return self._exact[who].values()

    def _named(self, who: Who, name: str) -> list[int]:
        numbers = self._matching(who, name) if who in self._globs else []
        exact = self._exact[who].get(name)
        if exact is not None:
            numbers.append(exact)
        return numbers

    def _matching(self, who: Who, name: str) -> list[int]:
        return [number for numbers in self._globs[who].find(name.split("/"), no_slots) for number in numbers]
