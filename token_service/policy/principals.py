"""Principals who stand for all whom some rules tell apart. Pure.

What belongs here: making principals of whom a rule speaks, each together with what lets another rule speak of them,
too, and what takes them out of rules that stand in the way. What does not: which rules these are (`witness.py`), and
contexts (`contexts.py`).

A rule speaks of somebody because of one term, one group, one value of each label that it asks for or that fills a
slot. All else that principals have can only let more rules speak. So it is enough to give them what the rule needs,
what one other rule needs, and groups that are exceptions of rules in the way. Names, groups and values of labels come
from infinitely many; one is taken for each combination of patterns that tell them apart (`samples.py`).
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from token_service.policy.automaton import Names, path_names, principal_names, quotient, union
from token_service.policy.condition import NO_CONDITIONS
from token_service.policy.index import LABEL_PREFIX
from token_service.policy.nfa import Nfa
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
    exactly,
    is_exact,
    matches,
    no_slots,
    show,
    slots,
)
from token_service.policy.reach import may_meet, split
from token_service.policy.rule import KINDS, Group, Rule, Term, Who
from token_service.policy.samples import samples
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import is_path

# Words that policies hardly mention, so that they stand for all that they do not mention.
WORD = "zq0"
VALUE = "zq1"


@dataclass(frozen=True, slots=True)
class Part:
    """A rule with regard to one of its resources."""

    rule: Rule
    resource: ResourcePattern


@dataclass(slots=True)
class Principals:
    """`rules` are all that can play a part, `groups` the static groups of all policies that are compared.

    `is_complete` turns false where there are more combinations of patterns than are looked at.
    """

    rules: Sequence[Rule]
    groups: Sequence[Group]
    is_complete: bool = True
    _known: dict[object, list[str]] = field(default_factory=dict)

    def of(self, term: Term, parts: Sequence[Part]) -> Iterator[Principal]:
        """Those in `term` (split by kind) of whom each part may speak.

        The first part may have `term` itself among its principals. Then it speaks of them by that.
        """
        seen = set()
        is_own = any(term in split(whole) for whole in parts[0].rule.principals)
        for bare in self._bare(term):
            found = self._labelled(bare, parts[0]) if is_own else self._joined(iter([bare]), parts[0])
            for part in parts[1:]:
                found = self._joined(found, part)
            for one in found:
                key = _key(one)
                if key not in seen:
                    seen.add(key)
                    yield one

    def without(
        self, principal: Principal, blockers: Callable[[Principal], Iterator[list[Rule]]]
    ) -> Iterator[Principal]:
        """`principal`, and with groups that take them out of all the rules of one set of `blockers`.

        `blockers` gives the sets for a principal; new groups may bring new ones.
        """
        todo = deque([principal])
        seen = {principal.groups}
        while todo:
            one = todo.popleft()
            yield one
            for rules in blockers(one):
                for groups in itertools.product(*(self._ways_out(rule, one) for rule in rules)):
                    more = one.groups.union(*groups)
                    if more not in seen:
                        seen.add(more)
                        todo.append(replace(one, groups=more))

    def _ways_out(self, rule: Rule, principal: Principal) -> list[frozenset[str]]:
        """Groups that take somebody out of a rule; none at all, where a context may do so."""
        ways = [
            frozenset({group})
            for exception in rule.exceptions
            if exception.who is Who.GROUP and not principal.is_anonymous
            for group in self._groups(exception)
        ]
        is_conditional = replace(rule.when, labels=()) != NO_CONDITIONS or rule.is_filtered
        return [*ways, frozenset()] if is_conditional else ways

    def _bare(self, term: Term) -> Iterator[Principal]:
        """Their names, and their groups where the term is about these; the plainest first, as it mostly will do."""
        if term.who is Who.ANONYMOUS:
            yield ANONYMOUS
        elif term.who is Who.GROUP:
            yield Principal(WORD, Kind.USER, frozenset({_plain(term.pattern)}))
            for who, kind in KINDS.items():
                for name in self._names(who):
                    if any(_holds(term.pattern, group) for group in self._static(kind, name)):
                        yield Principal(name, kind)
                    yield from (Principal(name, kind, frozenset({group})) for group in self._groups(term))
        else:
            yield Principal(_plain(term.pattern), KINDS[term.who])
            names = (name for name in self._names(term.who) if _holds(term.pattern, name))
            yield from (Principal(name, KINDS[term.who]) for name in names)

    def _labelled(self, principal: Principal, part: Part) -> Iterator[Principal]:
        """With the labels that a part of a rule needs, whichever way it asks for them; the plainest first."""
        wanted = [[(label, value) for value in values] for label, values in part.rule.when.labels]
        filling = _label_slots(part.resource)
        if principal.is_anonymous and (wanted or filling):
            return  # nobody in particular has no labels
        yield _with_labels(principal, [*(pairs[0] for pairs in wanted), *((label, VALUE) for label in filling)])
        sampled = [[(label, value) for value in self._values(label, principal)] for label in filling]
        yield from (_with_labels(principal, pairs) for pairs in itertools.product(*wanted, *sampled))

    def _joined(self, principals: Iterator[Principal], part: Part) -> Iterator[Principal]:
        """With what it takes that this part speaks of them as well."""
        terms = tuple(dict.fromkeys(one for whole in part.rule.principals for one in split(whole)))
        for principal in principals:
            for term in terms:
                for one in self._within(principal, term):
                    yield from self._labelled(one, part)

    def _within(self, principal: Principal, term: Term) -> Iterator[Principal]:
        if term.who is Who.GROUP and not principal.is_anonymous:
            yield from (replace(principal, groups=principal.groups | {group}) for group in self._groups(term))
        if self._means(term, principal):
            yield principal

    def _means(self, term: Term, principal: Principal) -> bool:
        """Whether the term (split by kind) means them, in whichever policy."""
        if term.who is Who.ANONYMOUS or principal.is_anonymous:
            return principal.is_anonymous and term.who is Who.ANONYMOUS
        if term.who is Who.GROUP:
            groups = {*principal.groups, *self._static(principal.kind, principal.name)}
            return any(_holds(term.pattern, group) for group in groups)
        return KINDS[term.who] is principal.kind and _holds(term.pattern, principal.name)

    def _static(self, kind: Kind, name: str) -> set[str]:
        return {group.name for group in self.groups if (kind, name) in group.members}

    # --- samples -------------------------------------------------------------------------------------------------

    def _names(self, who: Who) -> list[str]:
        """Names of principals of one kind."""
        return self._once(who, lambda: self._sampled(self._patterns(who), WORD, self._slot_machines(PRINCIPAL_SLOT)))

    def _groups(self, term: Term) -> list[str]:
        """Groups that the term means."""
        every = self._once(Who.GROUP, lambda: self._sampled(self._patterns(Who.GROUP), WORD, None))
        return self._once(
            term,
            lambda: list(dict.fromkeys(one for one in (_plain(term.pattern), *every) if _holds(term.pattern, one))),
        )

    def _values(self, label: str, principal: Principal) -> list[str]:
        """What may fill the slot of a label: also what the principal is called, or has."""
        sampled = self._once(
            label, lambda: self._sampled(self._wanted(label), VALUE, self._slot_machines(LABEL_PREFIX + label))
        )
        candidates = (*sampled, principal.name, *itertools.chain.from_iterable(principal.labels.values()))
        return list(dict.fromkeys(value for value in candidates if is_path(value)))

    def _once(self, key: object, make: Callable[[], list[str]]) -> list[str]:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = make()
        return found

    def _patterns(self, who: Who) -> list[Pattern]:
        """The patterns of names (of groups) that rules and static groups mention."""
        terms = [
            part
            for rule in self.rules
            for whole in (*rule.principals, *rule.exceptions)
            for part in split(whole)
            if part.who is who
        ]
        members = [
            exactly(name) for group in self.groups for kind, name in sorted(group.members) if kind is KINDS.get(who)
        ]
        return list(dict.fromkeys((*(term.pattern for term in terms), *members)))

    def _wanted(self, label: str) -> list[Pattern]:
        return [exactly(value) for rule in self.rules for value in dict(rule.when.labels).get(label, ())]

    def _slot_machines(self, slot: str) -> "_SlotMachines":
        resources = list(dict.fromkeys(resource for rule in self.rules for resource in rule.resources))
        return _SlotMachines(slot, resources)

    def _sampled(self, patterns: list[Pattern], word: str, filling: "_SlotMachines | None") -> list[str]:
        """`word`, what is named exactly, and one for each combination of what is not."""
        exact = [pattern for pattern in patterns if is_exact(pattern)]
        others = [pattern for pattern in patterns if pattern not in set(exact)]
        found = [word, *map(show, exact)]
        if others:
            names = principal_names(patterns)
            found += self._counted(samples([union([one], names) for one in others], union(exact, names), names))
        if filling is not None and filling.is_needed:
            names = path_names([*patterns, *(resource.pattern for resource in filling.resources)])
            machines = [*(union([one], names) for one in others), *filling.machines(names)]
            found += self._counted(samples(machines, union(exact, names), names))
        return list(dict.fromkeys(found))

    def _counted(self, answer: tuple[list[str], bool]) -> list[str]:
        found, is_all = answer
        self.is_complete &= is_all
        return found


@dataclass(frozen=True, slots=True)
class _SlotMachines:
    """What may fill a slot so that a resource which has it meets another resource."""

    slot: str
    resources: Sequence[ResourcePattern]

    @property
    def is_needed(self) -> bool:
        return any(self.slot in slots(resource.pattern) for resource in self.resources)

    def machines(self, names: Names) -> Iterator[Nfa]:
        for one, other in itertools.permutations(self.resources, 2):
            if may_meet(one, other):
                for index, segment in enumerate(one.pattern):
                    if isinstance(segment, Slot | SlotGlob) and segment.name == self.slot:
                        yield quotient(one.pattern, index, other.pattern, names)


def _with_labels(principal: Principal, pairs: Iterable[tuple[str, str]]) -> Principal:
    labels = dict(principal.labels)
    for label, value in pairs:
        labels[label] = tuple(dict.fromkeys((*labels.get(label, ()), value)))
    return replace(principal, labels=labels)


def _key(principal: Principal) -> tuple[object, ...]:
    return principal.kind, principal.name, principal.groups, tuple(sorted(principal.labels.items()))


def _holds(pattern: Pattern, name: str) -> bool:
    return matches(pattern, name.split("/"), no_slots)


def _label_slots(resource: ResourcePattern) -> tuple[str, ...]:
    """The labels that fill slots of the resource."""
    named = {slot.removeprefix(LABEL_PREFIX) for slot in slots(resource.pattern) if slot != PRINCIPAL_SLOT}
    return tuple(sorted(named))


def _plain(pattern: Pattern) -> str:
    """A name that the pattern matches, as plain as can be."""
    return "/".join(map(_plain_segment, pattern))


def _plain_segment(segment: Segment) -> str:
    if isinstance(segment, Literal):
        return segment.text
    if isinstance(segment, Wild | Deep):
        return WORD
    assert isinstance(segment, Glob), "principals have no slots"  # noqa: S101
    return WORD.join(segment.pieces).replace("?", WORD[0])
