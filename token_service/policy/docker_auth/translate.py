"""First match turned into rules whose order does not matter: the heart of the import. Pure.

What belongs here: which allow and deny rules mean the same as the list. What does not: the sets (`sets.py`).

For one action, an entry says yes (the action is among its `actions`) or no, and the first entry that matches decides.
So what is granted is: each yes-entry, less all no-entries before it. For each pair of a yes-entry and an earlier
no-entry that meet, one of these is done, and the first that can be said exactly is taken:

1. The no-entry denies everything and meets no earlier yes-entry: a deny rule for all that it matches.
2. The yes-entry loses what the no-entry matches (by `except`, fewer names, fewer addresses). Taking something from
   one allow rule never harms another, so this needs no thought about other entries.
3. A deny rule for what the no-entry matches less all yes-entries before it: a deny overrides every allow, so it must
   not touch what an earlier entry granted. Tried for the whole no-entry, then for its part within the yes-entry.
4. Steps 2 and 3 with the users and labels that there are now: whom a condition means is named one by one.

Where none can be said, the import is not exact: a problem, or, if that was asked for, the yes-entry is dropped for
this action. An entry that could not be read (`is_exact` false) never says yes, and says no for all that it might
match, unless it would have granted the action in any case. Both can only take away.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from token_service.policy.docker_auth.entry import AclEntry, Box
from token_service.policy.docker_auth.sets import meet, minus
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import Findings, World
from token_service.policy.rule import ANY_ACTION, REPOSITORY, REPOSITORY_ACTIONS, Effect


@dataclass(frozen=True, slots=True)
class Piece:
    """One rule to be: `number` is the entry that it came from."""

    number: int
    effect: Effect
    actions: tuple[str, ...]
    box: Box


_Found = dict[tuple[int, Effect, Box], set[str]]


def translate(entries: tuple[AclEntry, ...], world: World, findings: Findings) -> tuple[Piece, ...]:
    """The rules, in the order of the entries that they came from."""
    named = tuple(sorted(REPOSITORY_ACTIONS.union(*(entry.actions or () for entry in entries))))
    by_number = {entry.number: entry for entry in entries}
    pieces: dict[tuple[int, Effect, tuple[str, ...], Box], Box] = {}
    for kind in world.types:
        actions = named if kind == REPOSITORY else (*named, ANY_ACTION)
        found: _Found = {}
        views = _views(entries, kind)
        for action in actions:
            _Action(action, kind, views, actions, world, findings, found).translate()
        for (number, effect, box), spoken in found.items():
            words = _words(effect, spoken, actions, by_number[number], kind)
            key = (number, effect, words, replace(box, resources=()))
            before = pieces[key].resources if key in pieces else ()
            pieces[key] = replace(box, resources=(*before, *box.resources))
    made = [Piece(number, effect, words, box) for (number, effect, words, _), box in pieces.items()]
    return tuple(sorted(made, key=lambda piece: (piece.number, piece.effect is Effect.ALLOW)))


def _views(entries: tuple[AclEntry, ...], kind: str) -> tuple[AclEntry, ...]:
    """The entries as they are for one type of resource, without those that one before them leaves nothing to."""
    views: list[AclEntry] = []
    for entry in entries:
        resources = tuple(one for one in entry.box.resources if one.type == kind)
        view = replace(entry, box=replace(entry.box, resources=resources))
        if resources and entry.is_reachable and not any(one.is_exact and _hides(one.box, view.box) for one in views):
            views.append(view)
    return tuple(views)


def _hides(one: Box, other: Box) -> bool:
    try:
        return not minus(other, one)
    except Unsupported:
        return False


def _words(effect: Effect, spoken: set[str], actions: tuple[str, ...], entry: AclEntry, kind: str) -> tuple[str, ...]:
    """The actions as a rule names them."""
    if effect is Effect.DENY:
        return (ANY_ACTION,) if ANY_ACTION in spoken or spoken == set(actions) else tuple(sorted(spoken))
    if kind == REPOSITORY and entry.actions is None and spoken >= REPOSITORY_ACTIONS:
        return (ANY_ACTION, *sorted(spoken - REPOSITORY_ACTIONS))
    return (ANY_ACTION,) if ANY_ACTION in spoken else tuple(sorted(spoken))


@dataclass(slots=True)
class _Action:
    """The list as it is for one action on one type of resource."""

    action: str
    kind: str
    entries: tuple[AclEntry, ...]
    all_actions: tuple[str, ...]
    world: World
    findings: Findings
    found: _Found

    def translate(self) -> None:
        for index, entry in enumerate(self.entries):
            if entry.is_exact and entry.says(self.action):
                earlier = self.entries[:index]
                try:
                    boxes, denials = self._left(entry, earlier)
                except Unsupported as error:
                    self._lose(entry, str(error))
                    continue
                for box in boxes:
                    self._add(entry.number, Effect.ALLOW, box, (self.action,))
                for number, box in denials:
                    self._add(number, Effect.DENY, box, self._denied_with(number, box))

    def _add(self, number: int, effect: Effect, box: Box, actions: tuple[str, ...]) -> None:
        self.found.setdefault((number, effect, box), set()).update(actions)

    def _denied_with(self, number: int, box: Box) -> tuple[str, ...]:
        """A deny rule for all that an entry matches may as well say `*`, where no entry before grants anything."""
        for entry in self.entries:
            if entry.number == number:
                return self.all_actions if entry.is_deny and box == entry.box else (self.action,)
            if not entry.is_deny and meet(entry.box, box):
                return (self.action,)
        return (self.action,)

    def _lose(self, entry: AclEntry, reason: str) -> None:
        what = "every other action" if self.action == ANY_ACTION else f"`{self.action}`"
        self.findings.problem(entry.place, f"entry {entry.number} loses {what} on {self.kind}: {reason}")

    def _left(self, entry: AclEntry, earlier: tuple[AclEntry, ...]) -> tuple[tuple[Box, ...], list[tuple[int, Box]]]:
        """What is left of `entry` to allow, and what must be denied besides."""
        boxes: tuple[Box, ...] = (entry.box,)
        denials: list[tuple[int, Box]] = []
        for index, other in enumerate(earlier):
            if other.says(self.action) or not any(meet(box, other.box) for box in boxes):
                continue
            boxes, denied = self._without(boxes, other, earlier[:index])
            denials += [(other.number, box) for box in denied]
        if not boxes:
            denials = []
        return boxes, denials

    def _without(
        self, boxes: tuple[Box, ...], other: AclEntry, before: tuple[AclEntry, ...]
    ) -> tuple[tuple[Box, ...], tuple[Box, ...]]:
        granted = [one.box for one in before if one.is_exact and self._grants(one)]
        ways: list[Callable[[World | None], tuple[tuple[Box, ...], tuple[Box, ...]]]] = [
            lambda known: (_less(boxes, [other.box], known), ()),
            lambda known: (boxes, self._denied((other.box,), other, granted, known)),
            lambda known: (boxes, self._denied(_within(boxes, other.box), other, granted, known)),
        ]
        if other.is_deny and not any(meet(other.box, box) for box in granted):
            return boxes, (other.box,)
        reasons = []
        for known in (None, self.world):
            for way in ways:
                try:
                    done = way(known)
                except Unsupported as error:
                    reasons.append(str(error))
                    continue
                if known is not None:
                    self._note_known(other)
                return done
        reason = "; ".join(dict.fromkeys(reasons))
        raise Unsupported(f"what entry {other.number} before it takes away cannot be written as rules ({reason})")

    def _note_known(self, entry: AclEntry) -> None:
        what = "whom and what it means was looked up among the users of this file"
        self.findings.note(entry.place, f"entry {entry.number}: {what}; look again when users or labels change")

    def _grants(self, entry: AclEntry) -> bool:
        """Whether a deny rule has to spare what the entry grants. `*` is denied with any action, so it spares all."""
        return not entry.is_deny if self.action == ANY_ACTION else entry.says(self.action)

    def _denied(
        self, boxes: tuple[Box, ...], other: AclEntry, granted: list[Box], known: World | None
    ) -> tuple[Box, ...]:
        if self.action == ANY_ACTION and not other.is_deny:
            raise Unsupported("all actions but some cannot be denied")
        return _less(boxes, granted, known)


def _less(boxes: tuple[Box, ...], others: Iterable[Box], known: World | None) -> tuple[Box, ...]:
    for other in others:
        boxes = tuple(_unique(part for box in boxes for part in _less_one(box, other, known)))
    return boxes


def _less_one(box: Box, other: Box, known: World | None) -> tuple[Box, ...]:
    return minus(box, other, known) if meet(box, other, known) else (box,)


def _unique(boxes: Iterable[Box]) -> Iterator[Box]:
    yield from dict.fromkeys(boxes)


def _within(boxes: tuple[Box, ...], other: Box) -> tuple[Box, ...]:
    """For each box a part of `other` that holds all that the two share."""
    found = []
    for box in boxes:
        if meet(box, other):
            resources = other.resources if _still(replace(box, accounts=other.accounts), other) else box.resources
            accounts = other.accounts if _still(replace(box, resources=other.resources), other) else box.accounts
            known = {label for label, _ in other.labels}
            labels = (*other.labels, *(one for one in box.labels if one[0] not in known))
            found.append(
                Box(
                    accounts, tuple(sorted(labels)), resources,
                    other.services if other.services is not None else box.services,
                    other.networks if other.networks is not None else box.networks,
                    box.exceptions if accounts == box.accounts else other.exceptions,
                )
            )  # fmt: skip
    return tuple(found)


def _still(box: Box, other: Box) -> bool:
    """Whether something of `box` is outside `other`, as far as accounts and names go, or nobody can say."""
    try:
        return bool(minus(replace(box, labels=(), services=None, networks=None),
                          replace(other, labels=(), services=None, networks=None)))  # fmt: skip
    except Unsupported:
        return True
