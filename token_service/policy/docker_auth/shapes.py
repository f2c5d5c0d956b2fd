"""docker_auth's globs and regular expressions of the common shapes, as sequences of a few kinds of token. Pure.

What belongs here: what docker_auth reads in a pattern. What does not: our notation for it (`spell.py`). Two forms:

* `/…/` is a Go regular expression that may match anywhere. Literals, `.`, `[^/]`, small classes, groups, `|`, `?`,
  `.*`, `.+`, `[^/]*`, `[^/]+`, and the anchors at the ends are read; everything else is refused.
* Everything else is a Go `path.Match` glob: `*` and `?` stay within a segment, `**` is no more than `*`.

A pattern becomes alternatives, each a sequence of tokens that spans the whole text, so that a regular expression
without anchors begins and ends with `Any`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from token_service.errors import ServiceError

MAX_ALTERNATIVES = 64

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


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
_Item = str | Hole | Slot | Anchor
_Items = tuple[_Item, ...]


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


def read_pattern(text: str, *, slots: bool) -> Shape:
    """`slots`: whether `${account}` and `${labels:NAME}` may stand in it. Raises Unsupported."""
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return _Regex(text[1:-1], slots=slots).shape()
    return Shape(_glob(text, slots=slots))


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
    if token is Hole.ANY:
        yield start
    if token is Hole.STAR:
        yield start
    for end in range(start + 1, len(text) + 1):
        if token in {Hole.STAR, Hole.ONE} and text[end - 1] == "/":
            return
        yield end
        if token is Hole.ONE:
            return


def _placeholder(text: str, *, slots: bool, in_regex: bool) -> Slot:
    if not slots:
        raise Unsupported(f"a placeholder (${{{text}}}) is read in `name` only")
    if text == "account":
        return Slot("principal")
    word, colon, label = text.partition(":")
    if colon and word == "labels" and label:
        if in_regex:
            raise Unsupported("docker_auth inserts labels into a regular expression unquoted; write a glob")
        return Slot(f"label.{label}")
    if colon:
        raise Unsupported(f"a capture group (${{{text}}}) has no counterpart")
    raise Unsupported(f"the placeholder ${{{text}}} has no counterpart")


def _joined(items: _Items) -> Iterator[_Item]:
    """Neighbouring literals as one, and neighbouring holes as one where that says the same."""
    last: _Item | None = None
    for item in items:
        if isinstance(last, str) and isinstance(item, str):
            last += item
        elif isinstance(last, Hole) and isinstance(item, Hole) and (one := _as_one(last, item)) is not None:
            last = one
        else:
            if last is not None and last != "":
                yield last
            last = item
    if last is not None and last != "":
        yield last


def _as_one(first: Hole, second: Hole) -> Hole | None:
    if Hole.ONE in {first, second}:
        return None
    if Hole.SOME in {first, second}:
        return Hole.SOME
    return Hole.ANY if Hole.ANY in {first, second} else Hole.STAR


# --- globs -----------------------------------------------------------------------------------------------------


def _glob(text: str, *, slots: bool) -> tuple[Sequence, ...]:
    found: list[_Items] = [()]
    at = 0
    while at < len(text):
        placeholder = _PLACEHOLDER.match(text, at)
        if placeholder is not None:
            choices: tuple[_Item, ...] = (_placeholder(placeholder[1], slots=slots, in_regex=False),)
            at = placeholder.end()
        elif text[at] == "[":
            members, at = _class(text, at + 1)
            choices = tuple(members)
        elif text[at] == "\\":
            if at + 1 == len(text):
                raise Unsupported("the pattern ends in a backslash; docker_auth never matches it")
            choices, at = (text[at + 1],), at + 2
        else:
            choices, at = ({"*": Hole.STAR, "?": Hole.ONE}.get(text[at], text[at]),), at + 1
        found = _times(found, [(choice,) for choice in choices])
    return tuple(_sequence(items) for items in found)


def _class(text: str, at: int) -> tuple[list[str], int]:
    """The members of a class of characters, written out, and the place behind its `]`."""
    if text[at : at + 1] == "^":
        raise Unsupported("a negated class of characters has no counterpart")
    members: list[str] = []
    while at < len(text) and text[at] != "]":
        low, at = _class_character(text, at)
        high = low
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in {"", "]"}:
            high, at = _class_character(text, at + 1)
        if ord(high) < ord(low) or ord(high) - ord(low) >= MAX_ALTERNATIVES:
            raise Unsupported("a class of characters is empty or too large")
        members += [chr(code) for code in range(ord(low), ord(high) + 1)]
    if not members or at >= len(text):
        raise Unsupported("a class of characters is not closed, or empty")
    return list(dict.fromkeys(members)), at + 1


def _class_character(text: str, at: int) -> tuple[str, int]:
    if text[at] == "[":
        raise Unsupported("a class of characters holds `[`")
    if text[at] != "\\":
        return text[at], at + 1
    if at + 1 >= len(text) or text[at + 1].isalnum():
        raise Unsupported("an escape within a class of characters has no counterpart")
    return text[at + 1], at + 2


def _times(found: list[_Items], choices: list[_Items]) -> list[_Items]:
    if len(found) * len(choices) > MAX_ALTERNATIVES:
        raise Unsupported(f"it has more than {MAX_ALTERNATIVES} alternatives when written out")
    return [before + choice for before in found for choice in choices]


def _sequence(items: _Items) -> Sequence:
    joined = tuple(_joined(items))
    assert not any(isinstance(item, Anchor) for item in joined), "anchors are gone by now"  # noqa: S101
    return tuple(item for item in joined if not isinstance(item, Anchor))


# --- regular expressions ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Regex:
    """A recursive descent over the expression; `at` is the place reached."""

    text: str
    slots: bool
    at: int = 0
    open: bool = field(default=False)

    def shape(self) -> Shape:
        found = self._alternatives()
        if self.at < len(self.text):
            raise Unsupported("a parenthesis is closed that was not opened")
        return Shape(tuple(dict.fromkeys(self._anchored(items) for items in found)), self.open)

    def _anchored(self, items: _Items) -> Sequence:
        start, end = items[:1] == (Anchor("^"),), items[-1:] == (Anchor("$"),)
        inner = items[1 if start else 0 : len(items) - 1 if end else len(items)]
        if any(isinstance(item, Anchor) for item in inner):
            raise Unsupported("an anchor stands elsewhere than at an end")
        everything = tuple(_joined(inner)) in {(Hole.ANY,), (Hole.SOME,)}
        self.open |= not (start and end) and not everything
        return _sequence((*(() if start else (Hole.ANY,)), *inner, *(() if end else (Hole.ANY,))))

    def _alternatives(self) -> list[_Items]:
        found = self._branch()
        while self._take("|"):
            found += self._branch()
        if len(found) > MAX_ALTERNATIVES:
            raise Unsupported(f"it has more than {MAX_ALTERNATIVES} alternatives when written out")
        return found

    def _branch(self) -> list[_Items]:
        found: list[_Items] = [()]
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            found = _times(found, self._repeated(self._atom()))
        return found

    def _take(self, text: str) -> bool:
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _atom(self) -> list[_Items]:
        placeholder = _PLACEHOLDER.match(self.text, self.at)
        if placeholder is not None:
            self.at = placeholder.end()
            return [(_placeholder(placeholder[1], slots=self.slots, in_regex=True),)]
        if self._take("("):
            return self._group()
        if self._take("[^/]"):
            return [(Hole.ONE,)]
        if self._take("["):
            members, self.at = _class(self.text, self.at)
            return [(member,) for member in members]
        character = self.text[self.at]
        self.at += 1
        return self._single(character)

    def _single(self, character: str) -> list[_Items]:
        if character in "^$":
            return [(Anchor(character),)]
        if character == ".":
            return [(Hole.ONE,), ("/",)]
        if character == "\\":
            escaped = self.text[self.at : self.at + 1]
            self.at += 1
            if not escaped or not escaped.isascii() or escaped.isalnum():
                raise Unsupported(f"the escape \\{escaped} has no counterpart")
            return [(escaped,)]
        if character in "*+?{}":
            raise Unsupported(f"`{character}` stands where docker_auth would not accept it, or has no counterpart")
        return [(character,)]

    def _group(self) -> list[_Items]:
        if self.text.startswith("?", self.at) and not self._take("?:"):
            raise Unsupported("flags and named groups have no counterpart")
        found = self._alternatives()
        if not self._take(")"):
            raise Unsupported("a parenthesis is not closed")
        return found

    def _repeated(self, atom: list[_Items]) -> list[_Items]:
        mark = self.text[self.at : self.at + 1]
        if mark not in {"*", "+", "?"}:
            return atom
        self.at += 1
        self._take("?")  # lazy or not, the same texts match
        if self.text[self.at : self.at + 1] in {"*", "+", "?"}:
            raise Unsupported("two repetitions in a row have no counterpart")
        if any(isinstance(item, Anchor) for items in atom for item in items):
            raise Unsupported("a repeated anchor has no counterpart")
        if mark == "?":
            return [*atom, ()]
        if atom == [(Hole.ONE,)]:
            return [(Hole.STAR,) if mark == "*" else (Hole.ONE, Hole.STAR)]
        if atom == [(Hole.ONE,), ("/",)]:
            return [(Hole.ANY,) if mark == "*" else (Hole.SOME,)]
        raise Unsupported(f"`{mark}` after something else than `.` or `[^/]` has no counterpart")
