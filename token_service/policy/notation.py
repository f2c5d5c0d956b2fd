"""Text to patterns, and what is refused as one. Pure.

What belongs here: the notation. What does not: what a pattern matches (`pattern.py`). There are no escapes and no
regular expressions; what looks like one, or can stand in no name, is an error that says what to write instead.
"""

import re
from collections.abc import Iterator

from token_service.errors import LoadError
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
    slots,
)
from token_service.scope import RESOURCE_TYPE
from token_service.strict_yaml import shown

MAX_PATTERN_LENGTH = 255

_SLOT = re.compile(r"\{(principal|label\.[A-Za-z0-9_][A-Za-z0-9_.-]*)\}", re.ASCII)
_HOST_CHARACTERS = re.compile(r"[A-Za-z0-9._:-]*|\[[A-Fa-f0-9]*:[A-Fa-f0-9:]*\](?::[0-9]+)?", re.ASCII)
_COMPONENT_CHARACTERS = re.compile(r"[a-z0-9._-]*", re.ASCII)
_NOT_IN_PRINCIPALS = re.compile(r"[\\^$|{}\[\]]")


def parse_resource(text: str, place: str) -> ResourcePattern:
    kind, colon, name = text.partition(":")
    if not colon:
        raise LoadError(place, f"resource {shown(text)} has no type", f"write {shown(f'repository:{text}')}")
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
    if _COMPONENT_CHARACTERS.fullmatch(text.lower()):
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
