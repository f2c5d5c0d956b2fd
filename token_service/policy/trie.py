"""A trie of patterns: all patterns that match a name, at a cost that does not grow with the number of patterns. Pure.

What belongs here: the data structure. What does not: what hangs at its nodes (`index.py`), and matching one pattern
alone (`pattern.py`, which the tests compare with this).

One dictionary look-up a segment finds the literal segments. `*` and `**` are a node each. Partial globs
(`svc-*-db`) are found by the literal text that they begin and end with, so that ten thousand of them under one
parent cost one look-up, too. Only globs that share both ends (`a-*-1-*-z` and `a-*-2-*-z`) are tried one by one.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from token_service.policy.pattern import Deep, Fill, Glob, Literal, Pattern, Segment, Slot, SlotGlob, Wild

P = TypeVar("P")


class Trie(Generic[P]):
    """Patterns with a payload each. `new` makes an empty payload; equal patterns share one."""

    __slots__ = ("_new", "_root")

    def __init__(self, new: Callable[[], P]) -> None:
        self._new = new
        self._root: _Node[P] = _Node()

    def at(self, pattern: Pattern) -> P:
        """The payload of `pattern`, which is put into the trie if it is not there."""
        ends_deep = bool(pattern) and isinstance(pattern[-1], Deep)
        node = self._root
        for segment in pattern[:-1] if ends_deep else pattern:
            node = node.child(segment)
        if ends_deep:
            if node.below is None:
                node.below = self._new()
            return node.below
        if node.here is None:
            node.here = self._new()
        return node.here

    def find(self, segments: Sequence[str], fill: Fill) -> list[P]:
        """The payloads of all patterns that match. A payload may come more than once.

        `waiting[n]` are the nodes that are reached when n segments have been used up, so each node is visited at
        most once a position, however many `**` there are.
        """
        end = len(segments)
        waiting: list[list[_Node[P]]] = [[] for _ in range(end + 1)]
        waiting[0].append(self._root)
        found: list[P] = []
        for at, nodes in enumerate(waiting):
            for node in nodes:  # grows meanwhile: ** may stand for nothing
                if node.deep is not None and node.deep not in nodes:
                    nodes.append(node.deep)
                if at == end:
                    if node.here is not None:
                        found.append(node.here)
                    continue
                if node.below is not None:
                    found.append(node.below)
                node.step(segments, at, waiting, fill)
        return found


class _Node(Generic[P]):
    """`here`: the pattern ends here. `below`: it goes on with a final `**`. `loops`: the node stands for a `**`."""

    __slots__ = ("below", "deep", "globs", "here", "literals", "loops", "slots", "wild")

    def __init__(self, *, loops: bool = False) -> None:
        self.loops = loops
        self.here: P | None = None
        self.below: P | None = None
        self.deep: _Node[P] | None = None
        self.wild: _Node[P] | None = None
        self.literals: dict[str, _Node[P]] | None = None
        self.globs: _Globs[P] | None = None
        self.slots: dict[str, _Node[P]] | None = None

    def child(self, segment: Segment) -> "_Node[P]":
        if isinstance(segment, Literal):
            self.literals = {} if self.literals is None else self.literals
            return _child(self.literals, segment.text)
        if isinstance(segment, Slot):
            self.slots = {} if self.slots is None else self.slots
            return _child(self.slots, segment.name)
        if isinstance(segment, Glob | SlotGlob):
            self.globs = _Globs() if self.globs is None else self.globs
            return self.globs.child(segment)
        if isinstance(segment, Wild):
            self.wild = _Node() if self.wild is None else self.wild
            return self.wild
        self.deep = _Node(loops=True) if self.deep is None else self.deep
        return self.deep

    def step(self, segments: Sequence[str], at: int, waiting: "list[list[_Node[P]]]", fill: Fill) -> None:
        """Put what can be reached from here into `waiting`."""
        text = segments[at]
        following = waiting[at + 1]
        if self.literals is not None and (node := self.literals.get(text)) is not None:
            _add(node, following)
        if self.wild is not None:
            _add(self.wild, following)
        if self.loops:
            _add(self, following)
        if self.globs is not None:
            self.globs.step(text, following, fill)
        if self.slots is not None:
            self._step_slots(segments, at, waiting, fill)

    def _step_slots(self, segments: Sequence[str], at: int, waiting: "list[list[_Node[P]]]", fill: Fill) -> None:
        for name, node in (self.slots or {}).items():
            for path in fill(name):
                beyond = at + len(path)
                if tuple(segments[at:beyond]) == path:
                    _add(node, waiting[beyond])


class _Globs(Generic[P]):
    """Partial globs below one node, by the lengths of their literal ends and then by the ends themselves."""

    __slots__ = ("_by_ends",)

    def __init__(self) -> None:
        self._by_ends: dict[tuple[int, int], dict[tuple[str, str], dict[Glob | SlotGlob, _Node[P]]]] = {}

    def child(self, glob: Glob | SlotGlob) -> _Node[P]:
        first, last = glob.ends
        same_lengths = self._by_ends.setdefault((len(first), len(last)), {})
        return _child(same_lengths.setdefault((first, last), {}), glob)

    def step(self, text: str, following: list[_Node[P]], fill: Fill) -> None:
        for (first, last), same_lengths in self._by_ends.items():
            same_ends = same_lengths.get((text[:first], text[len(text) - last :]))  # of a shorter text: too short
            if same_ends is not None:
                for glob, node in same_ends.items():
                    if glob.matches(text, fill):
                        _add(node, following)


K = TypeVar("K")


def _child(children: dict[K, _Node[P]], key: K) -> _Node[P]:
    node = children.get(key)
    if node is None:
        node = children[key] = _Node()
    return node


def _add(node: _Node[P], nodes: list[_Node[P]]) -> None:
    if node not in nodes:
        nodes.append(node)
