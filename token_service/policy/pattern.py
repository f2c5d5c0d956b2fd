"""Patterns over names that are paths: `team/**`, `*/app-?`, `{principal}/**`. Pure; knows no rule and no index.

A pattern is anchored at both ends and matches segment by segment (segments are what `/` separates):

* literal text matches itself; `*` in a segment is any run of characters, none included; `?` is one character;
* a segment `**` is any number of segments, none included, but at the end of a pattern it is at least one:
  `alice/**` is everything below `alice`, not `alice` itself, and `a/**/b` matches `a/b`;
* `{principal}` and `{label.NAME}` are slots. What fills them is literal text, never a pattern: a slot that is a
  whole segment takes a path, a slot within a segment (`ci-{principal}`) takes one component.

Nothing here backtracks: matching takes at most (length of the pattern) x (length of the name) steps. Patterns come
from configuration, so there is no way to write a regular expression.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from token_service.errors import LoadError
from token_service.scope import RESOURCE_TYPE, is_path
from token_service.strict_yaml import shown

MAX_PATTERN_LENGTH = 255
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


# --- reading ---------------------------------------------------------------------------------------------------

_SLOT = re.compile(r"\{(principal|label\.[A-Za-z0-9_][A-Za-z0-9_.-]*)\}", re.ASCII)
_HOST_CHARACTERS = re.compile(r"[A-Za-z0-9._:-]*|\[[A-Fa-f0-9]*:[A-Fa-f0-9:]*\](?::[0-9]+)?", re.ASCII)
_COMPONENT_CHARACTERS = re.compile(r"[a-z0-9._-]*", re.ASCII)
_NOT_IN_PRINCIPALS = re.compile(r"[\\^$|{}\[\]]")


def parse_resource(text: str, place: str) -> ResourcePattern:
    kind, colon, name = text.partition(":")
    if not colon:
        raise LoadError(place, f"resource {shown(text)} has no type", f"write repository:{text}")
    matched = RESOURCE_TYPE.fullmatch(kind)
    if matched is None or matched[2]:
        raise LoadError(place, f"{shown(kind)} is not a resource type", "types are literal: repository, registry")
    pattern = _parse(name, place)
    for number, segment in enumerate(pattern):
        _check_segment(segment, text, place, is_first=number == 0)
    labels = [slot for slot in slots(pattern) if slot != PRINCIPAL_SLOT]
    if len(set(labels)) < len(labels):  # a label may have several values, and which of them would be meant?
        raise LoadError(place, f"{shown(text)} uses a label twice", "use each label once in a pattern")
    return ResourcePattern(kind, pattern)


def parse_name(text: str, place: str) -> Pattern:
    """The name part of a principal (`user:PATTERN`). Names of people and groups have no grammar of ours."""
    if _NOT_IN_PRINCIPALS.search(text):
        raise LoadError(
            place, f"{shown(text)} holds one of \\ ^ $ | {{ }} [ ]", "use *, ? and **; there are no others"
        )
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        raise LoadError(
            place, f"{shown(text)} looks like a regular expression", "use *, ? and **; there are no others"
        )
    return _parse(text, place, empty_segments=True)


def _parse(text: str, place: str, *, empty_segments: bool = False) -> Pattern:
    if not text:
        raise LoadError(place, "the pattern has no name", "write one after the colon; ** matches every name")
    if len(text) > MAX_PATTERN_LENGTH:
        raise LoadError(place, f"pattern {shown(text)} is longer than {MAX_PATTERN_LENGTH}", "shorten it")
    parts = text.split("/")
    if "" in parts and not empty_segments:
        raise LoadError(place, f"pattern {shown(text)} has an empty segment", "remove the extra /")
    return tuple(_parse_segment(part, text, place) for part in parts)


def _parse_segment(part: str, whole: str, place: str) -> Segment:
    if part == "**":
        return Deep()
    if "**" in part:
        raise LoadError(
            place, f"** is only a part of a segment in {shown(whole)}", "let ** stand alone between slashes"
        )
    found = list(_SLOT.finditer(part))
    if len(found) > 1:
        raise LoadError(place, f"two placeholders in one segment of {shown(whole)}", "put a / between them")
    if found:
        return _slotted(found[0], part)
    if part == "*":
        return Wild()
    return Glob(tuple(part.split("*"))) if "*" in part or "?" in part else Literal(part)


def _slotted(slot: re.Match[str], part: str) -> Slot | SlotGlob:
    if slot[0] == part:
        return Slot(slot[1])
    return SlotGlob(slot[1], tuple(part[: slot.start()].split("*")), tuple(part[slot.end() :].split("*")))


def _check_segment(segment: Segment, whole: str, place: str, *, is_first: bool) -> None:
    """Refuse what no resource name can hold: it is a typing error, or a regular expression, or a tag."""
    text = "".join(_fixed_text(segment))
    if "{" in text or "}" in text:
        raise LoadError(place, f"unknown placeholder in {shown(whole)}", "known: {principal}, {label.NAME}")
    if is_first and _HOST_CHARACTERS.fullmatch(text):
        return
    if _COMPONENT_CHARACTERS.fullmatch(text):
        return
    if ":" in text:
        raise LoadError(place, f"colon in the path of {shown(whole)}", "tags are not part of a scope: remove it")
    if text.lower() != text and _COMPONENT_CHARACTERS.fullmatch(text.lower()):
        raise LoadError(place, f"upper case in the path of {shown(whole)}", "repository names are lower case")
    raise LoadError(
        place,
        f"{shown(whole)} holds characters that no name can hold",
        "use a-z 0-9 . _ - / and the wildcards *, ?, **",
    )


def _fixed_text(segment: Segment) -> Iterator[str]:
    if isinstance(segment, Literal):
        yield segment.text
    elif isinstance(segment, Glob):
        yield from (piece.replace("?", "") for piece in segment.pieces)
    elif isinstance(segment, SlotGlob):
        yield from (piece.replace("?", "") for piece in (*segment.before, *segment.after))
