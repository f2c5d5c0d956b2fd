"""What docker_auth's patterns are made of: sequences of a few kinds of token, and what is in both of its forms. Pure.

What belongs here: shapes, placeholders and classes of characters. What does not: the two forms (`glob.py`), and our
notation for them (`spell.py`). A shape is alternatives, each a sequence that spans the whole text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from token_service.errors import ServiceError
from token_service.policy.parse_when import LABEL

MAX_ALTERNATIVES = 64

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


class Unsupported(ServiceError):
    """A pattern, or a set, that cannot be said exactly in our language. The message says why, for the report."""


class Hole(Enum):
    """What may stand between literal texts."""

    STAR = "[^/]*"
    ONE = "[^/]"
    ANY = ".*"
    SOME = ".+"


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder: `principal` or `label.NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Anchor:
    text: str


Token = str | Hole | Slot
Sequence = tuple[Token, ...]
Item = str | Hole | Slot | Anchor
Items = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """`unanchored`: a regular expression with an end at which anything may stand, which its author may not know."""

    alternatives: tuple[Sequence, ...]
    unanchored: bool = False

    @property
    def is_everything(self) -> bool:
        return any(sequence in {(Hole.ANY,), (Hole.SOME,)} for sequence in self.alternatives)

    @property
    def literals(self) -> tuple[str, ...] | None:
        """The texts that match, where these can be counted."""
        if any(not isinstance(token, str) for sequence in self.alternatives for token in sequence):
            return None
        return tuple(dict.fromkeys("".join(map(str, sequence)) for sequence in self.alternatives))

    def matches(self, text: str) -> bool:
        """Whether a text matches. For patterns without placeholders."""
        return any(_matches(sequence, text) for sequence in self.alternatives)


def _matches(sequence: Sequence, text: str) -> bool:
    places = {0}
    for token in sequence:
        places = {end for start in places for end in _ends(token, text, start)}
    return len(text) in places


def _ends(token: Token, text: str, start: int) -> Iterator[int]:
    if isinstance(token, str):
        if text.startswith(token, start):
            yield start + len(token)
        return
    if token in {Hole.ANY, Hole.STAR}:
        yield start
    for end in range(start + 1, len(text) + 1):
        if token in {Hole.STAR, Hole.ONE} and text[end - 1] == "/":
            return
        yield end
        if token is Hole.ONE:
            return


def placeholder_slot(text: str, *, slots: bool, in_regex: bool) -> Slot:
    if not slots:
        raise Unsupported(f"a placeholder (${{{text}}}) is read in `name` only")
    if text == "account":
        return Slot("principal")
    word, colon, label = text.partition(":")
    if colon and word == "labels" and LABEL.fullmatch(label):
        if in_regex:
            raise Unsupported("docker_auth inserts labels into a regular expression unquoted; write a glob")
        return Slot(f"label.{label}")
    if colon:
        raise Unsupported(f"a capture group (${{{text}}}) has no counterpart")
    raise Unsupported(f"the placeholder ${{{text}}} has no counterpart")


def joined(items: Items) -> Iterator[Item]:
    """Neighbouring literals as one, and neighbouring holes as one where that says the same."""
    last: Item | None = None
    for item in items:
        if isinstance(last, str) and isinstance(item, str):
            last += item
        elif isinstance(last, Hole) and isinstance(item, Hole) and (one := _as_one(last, item)) is not None:
            last = one
        else:
            if last is not None:
                yield last
            last = item
    if last is not None:
        yield last


def _as_one(first: Hole, second: Hole) -> Hole | None:
    if Hole.ONE in {first, second} or first is second is Hole.SOME:
        return None
    if Hole.SOME in {first, second}:
        return Hole.SOME
    return Hole.ANY if Hole.ANY in {first, second} else Hole.STAR


# --- what both forms share -------------------------------------------------------------------------------------


def read_class(text: str, at: int, *, in_regex: bool) -> tuple[list[str], int]:
    """The members of a class of characters, written out, and the place behind its `]`. `at`: behind its `[`."""
    if text[at : at + 1] == "^":
        raise Unsupported("a negated class of characters has no counterpart")
    members: list[str] = []
    while at < len(text) and text[at] != "]":
        low, at = _class_character(text, at, in_regex=in_regex)
        high = low
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in {"", "]"}:
            high, at = _class_character(text, at + 1, in_regex=in_regex)
        if ord(high) < ord(low) or ord(high) - ord(low) >= MAX_ALTERNATIVES:
            raise Unsupported("a class of characters is empty or too large")
        members += [chr(code) for code in range(ord(low), ord(high) + 1)]
    if not members or at >= len(text):
        raise Unsupported("a class of characters is not closed, or empty")
    return list(dict.fromkeys(members)), at + 1


def refuse_placeholder(text: str, at: int) -> None:
    """docker_auth inserts before it reads the pattern, so that an escape or a class would hold a part of a name."""
    if text.startswith("${", at):
        raise Unsupported("a placeholder stands after a backslash or in a class of characters")


def _class_character(text: str, at: int, *, in_regex: bool) -> tuple[str, int]:
    refuse_placeholder(text, at)
    if text[at] == "[":
        raise Unsupported("a class of characters holds `[`")
    if text[at] == "-" and not in_regex:
        raise Unsupported("a class of characters in a glob holds a bare `-`; docker_auth never matches it")
    if text[at] != "\\":
        return text[at], at + 1
    refuse_placeholder(text, at + 1)
    escaped = text[at + 1 : at + 2]
    if not escaped or not escaped.isascii() or escaped.isalnum():
        raise Unsupported("an escape within a class of characters has no counterpart")
    return escaped, at + 2


def times(found: list[Items], choices: list[Items]) -> list[Items]:
    if len(found) * len(choices) > MAX_ALTERNATIVES:
        raise Unsupported(f"it has more than {MAX_ALTERNATIVES} alternatives when written out")
    return [before + choice for before in found for choice in choices]


def to_sequence(items: Items) -> Sequence:
    return tuple(item for item in joined(items) if not isinstance(item, Anchor))
