"""Patterns over names that are paths: `team/**`, `*/app-?`, `{principal}/**`. Pure; knows no rule and no index.

A pattern is anchored at both ends and matches segment by segment (segments are what `/` separates):

* literal text matches itself; `*` in a segment is any run of characters, none included; `?` is one character;
* a segment `**` is any number of segments, none included, but at the end of a pattern it is at least one:
  `alice/**` is everything below `alice`, not `alice` itself, and `a/**/b` matches `a/b`;
* `{principal}` and `{label.NAME}` are slots. What fills them is literal text, never a pattern: a slot that is a
  whole segment takes a path, a slot within a segment (`ci-{principal}`) takes one component.

How a pattern is written is `notation.py`'s matter. Nothing here backtracks: matching takes at most (length of the
pattern) x (length of the name) steps. Patterns come from configuration, so there is no regular expression in them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from token_service.scope import is_path

PRINCIPAL_SLOT = "principal"

Path = tuple[str, ...]
Fill = Callable[[str], tuple[Path, ...]]
"""Slot name to the paths that may stand in it. Every path in it has been through `paths`."""


@dataclass(frozen=True, slots=True)
class Literal:
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Wild:
    """`*` as a whole segment."""

    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Glob:
    """A segment with `*` or `?` in it, cut at its stars: `svc-*-v?` is the pieces `svc-` and `-v?`."""

    pieces: Path

    def __str__(self) -> str:
        return "*".join(self.pieces)

    def matches(self, text: str, fill: Fill) -> bool:  # noqa: ARG002 - same shape as SlotGlob.matches
        return match_pieces(self.pieces, text)

    @property
    def ends(self) -> tuple[str, str]:
        """The literal text that every match begins and ends with."""
        if len(self.pieces) == 1:
            return self.pieces[0].partition("?")[0], ""
        return self.pieces[0].partition("?")[0], self.pieces[-1].rpartition("?")[2]


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder as a whole segment."""

    name: str

    def __str__(self) -> str:
        return f"{{{self.name}}}"


@dataclass(frozen=True, slots=True)
class SlotGlob:
    """A placeholder with something around it in the same segment: `ci-{principal}`, `{label.team}-*`."""

    name: str
    before: Path
    after: Path

    def __str__(self) -> str:
        return f"{'*'.join(self.before)}{{{self.name}}}{'*'.join(self.after)}"

    def matches(self, text: str, fill: Fill) -> bool:
        return any(match_pieces(self.filled(path[0]), text) for path in fill(self.name) if len(path) == 1)

    def filled(self, value: str) -> Path:
        """The pieces with `value` in the slot. `value` is a name component, so it holds neither `*` nor `?`."""
        return (*self.before[:-1], self.before[-1] + value + self.after[0], *self.after[1:])

    @property
    def ends(self) -> tuple[str, str]:
        return self.before[0].partition("?")[0], self.after[-1].rpartition("?")[2]


@dataclass(frozen=True, slots=True)
class Deep:
    """`**`"""

    def __str__(self) -> str:
        return "**"


Segment = Literal | Wild | Glob | Slot | SlotGlob | Deep
Pattern = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """`type:pattern`; the type is literal."""

    type: str
    pattern: Pattern

    def __str__(self) -> str:
        return f"{self.type}:{show(self.pattern)}"


def show(pattern: Pattern) -> str:
    return "/".join(str(segment) for segment in pattern)


def exactly(name: str) -> Pattern:
    """The pattern of this name and no other."""
    return tuple(map(Literal, name.split("/")))


def is_exact(pattern: Pattern) -> bool:
    """Whether the pattern is of one name alone."""
    return all(isinstance(segment, Literal) for segment in pattern)


def slots(pattern: Pattern) -> Iterator[str]:
    for segment in pattern:
        if isinstance(segment, Slot | SlotGlob):
            yield segment.name


def paths(values: Sequence[str]) -> tuple[Path, ...]:
    """What may fill a slot: those `values` that are a path of name components, as repositories have; others fall out.

    This is the one door through which the outside enters a pattern. A value with `*`, `..`, `//`, an upper-case
    letter or a colon in it is no path, so the rule does not match at all.
    """
    return tuple(tuple(value.split("/")) for value in values if is_path(value))


def no_slots(name: str) -> tuple[Path, ...]:  # noqa: ARG001 - what fills the slots of patterns that have none
    return ()


# --- matching --------------------------------------------------------------------------------------------------


def matches(pattern: Pattern, segments: Sequence[str], fill: Fill) -> bool:
    """Whether the whole of `segments` matches the whole of `pattern`.

    `reached[n]` are the places in the pattern that are reached when n segments have been used up.
    """
    if pattern and isinstance(pattern[-1], Deep):
        pattern = (*pattern, Wild())
    reached: list[set[int]] = [set() for _ in range(len(segments) + 1)]
    reached[0].add(0)
    for used in range(len(segments) + 1):
        todo = list(reached[used])
        while todo:
            index = todo.pop()
            for steps, target in _moves(pattern, index, segments, used, fill):
                if target not in reached[used + steps]:
                    reached[used + steps].add(target)
                    if steps == 0:
                        todo.append(target)
    return len(pattern) in reached[-1]


def _moves(pattern: Pattern, index: int, segments: Sequence[str], used: int, fill: Fill) -> Iterator[tuple[int, int]]:
    """(segments used up, next place in the pattern) for everything that may follow `index`."""
    if index == len(pattern):
        return
    segment = pattern[index]
    if isinstance(segment, Deep):
        yield 0, index + 1
        if used < len(segments):
            yield 1, index
    elif isinstance(segment, Slot):
        for path in fill(segment.name):
            if tuple(segments[used : used + len(path)]) == path:
                yield len(path), index + 1
    elif used < len(segments) and segment_matches(segment, segments[used], fill):
        yield 1, index + 1


def segment_matches(segment: Literal | Wild | Glob | SlotGlob, text: str, fill: Fill) -> bool:
    if isinstance(segment, Literal):
        return segment.text == text
    return isinstance(segment, Wild) or segment.matches(text, fill)


def match_pieces(pieces: Path, text: str) -> bool:
    """Whether `text` is the pieces in this order with anything between them, and nothing before or after.

    Taking the leftmost place for each piece is enough, so that there is nothing to go back to.
    """
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(first) == len(text) and _stands_at(first, text, 0)
    at, end = len(first), len(text) - len(last)
    if at > end or not _stands_at(first, text, 0) or not _stands_at(last, text, end):
        return False
    for piece in pieces[1:-1]:
        at = _find(piece, text, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _stands_at(piece: str, text: str, at: int) -> bool:
    if "?" not in piece:
        return text.startswith(piece, at)
    return all(wanted in ("?", found) for wanted, found in zip(piece, text[at : at + len(piece)], strict=True))


def _find(piece: str, text: str, start: int, end: int) -> int:
    if "?" not in piece:
        return text.find(piece, start, end)
    return next((at for at in range(start, end - len(piece) + 1) if _stands_at(piece, text, at)), -1)


def fill(pattern: Pattern, values: dict[str, str]) -> Pattern | None:
    """The pattern with its slots filled; None where a value does not fit (a path within a segment) or is missing."""
    filled: list[Segment] = []
    for segment in pattern:
        if not isinstance(segment, Slot | SlotGlob):
            filled.append(segment)
            continue
        value = values.get(segment.name)
        if value is None or (isinstance(segment, SlotGlob) and "/" in value):
            return None
        filled.extend(_filled(segment, value))
    return tuple(filled)


def _filled(segment: Slot | SlotGlob, value: str) -> Iterator[Segment]:
    if isinstance(segment, Slot):
        yield from (Literal(part) for part in value.split("/"))
    else:
        pieces = segment.filled(value)
        yield Glob(pieces) if len(pieces) > 1 or "?" in pieces[0] else Literal(pieces[0])
