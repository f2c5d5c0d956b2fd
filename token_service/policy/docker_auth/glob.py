"""docker_auth's two forms of pattern, globs and regular expressions of the common shapes, as shapes. Pure.

What belongs here: reading them as docker_auth does. What does not: what they become (`spell.py`).

* `/…/` is a Go regular expression that may match anywhere. Literals, `.`, `[^/]`, small classes, groups, `|`, `?`,
  `.*`, `.+`, `[^/]*`, `[^/]+`, and the anchors at the ends are read; everything else is refused.
* Everything else is a Go `path.Match` glob: `*` and `?` stay within a segment, `**` is no more than `*`.
"""

from dataclasses import dataclass

from token_service.policy.docker_auth.shapes import (
    MAX_ALTERNATIVES,
    PLACEHOLDER,
    Anchor,
    Hole,
    Item,
    Items,
    Sequence,
    Shape,
    Unsupported,
    joined,
    placeholder_slot,
    read_class,
    refuse_placeholder,
    times,
    to_sequence,
)

MAX_DEPTH = 20


def read_pattern(text: str, *, slots: bool) -> Shape:
    """`slots`: whether `${account}` and `${labels:NAME}` may stand in it. Raises Unsupported."""
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return _Regex(text[1:-1], slots=slots).shape()
    return Shape(_glob(text, slots=slots))


def _glob(text: str, *, slots: bool) -> tuple[Sequence, ...]:
    found: list[Items] = [()]
    at = 0
    while at < len(text):
        placeholder = PLACEHOLDER.match(text, at)
        if placeholder is not None:
            choices: tuple[Item, ...] = (placeholder_slot(placeholder[1], slots=slots, in_regex=False),)
            at = placeholder.end()
        elif text[at] == "[":
            members, at = read_class(text, at + 1, in_regex=False)
            choices = tuple(members)
        elif text[at] == "\\":
            if at + 1 == len(text):
                raise Unsupported("the pattern ends in a backslash; docker_auth never matches it")
            refuse_placeholder(text, at + 1)
            choices, at = (text[at + 1],), at + 2
        else:
            choices, at = ({"*": Hole.STAR, "?": Hole.ONE}.get(text[at], text[at]),), at + 1
        found = times(found, [(choice,) for choice in choices])
    return tuple(to_sequence(items) for items in found)


@dataclass(slots=True)
class _Regex:
    """A recursive descent over the expression; `at` is the place reached."""

    text: str
    slots: bool
    at: int = 0
    depth: int = 0
    open: bool = False

    def shape(self) -> Shape:
        found = self._alternatives()
        if self.at < len(self.text):
            raise Unsupported("a parenthesis is closed that was not opened")
        return Shape(tuple(dict.fromkeys(self._anchored(items) for items in found)), self.open)

    def _anchored(self, items: Items) -> Sequence:
        start, end = items[:1] == (Anchor("^"),), items[-1:] == (Anchor("$"),)
        inner = items[1 if start else 0 : len(items) - 1 if end else len(items)]
        if any(isinstance(item, Anchor) for item in inner):
            raise Unsupported("an anchor stands elsewhere than at an end")
        everything = tuple(joined(inner)) in {(Hole.ANY,), (Hole.SOME,)}
        self.open |= not (start and end) and not everything
        return to_sequence((*(() if start else (Hole.ANY,)), *inner, *(() if end else (Hole.ANY,))))

    def _alternatives(self) -> list[Items]:
        found = self._branch()
        while self._take("|"):
            found += self._branch()
        if len(found) > MAX_ALTERNATIVES:
            raise Unsupported(f"it has more than {MAX_ALTERNATIVES} alternatives when written out")
        return found

    def _branch(self) -> list[Items]:
        found: list[Items] = [()]
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            found = times(found, self._repeated(self._atom()))
        return found

    def _take(self, text: str) -> bool:
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _atom(self) -> list[Items]:
        placeholder = PLACEHOLDER.match(self.text, self.at)
        if placeholder is not None:
            self.at = placeholder.end()
            if self.text[self.at : self.at + 1] in {"*", "+", "?", "{"}:
                raise Unsupported("a repetition after a placeholder repeats its last character only; use a group")
            return [(placeholder_slot(placeholder[1], slots=self.slots, in_regex=True),)]
        if self._take("("):
            return self._group()
        if self._take("[^/]"):
            return [(Hole.ONE,)]
        if self._take("["):
            members, self.at = read_class(self.text, self.at, in_regex=True)
            return [(member,) for member in members]
        character = self.text[self.at]
        self.at += 1
        return self._single(character)

    def _single(self, character: str) -> list[Items]:
        if character in "^$":
            return [(Anchor(character),)]
        if character == ".":
            return [(Hole.ONE,), ("/",)]
        if character == "\\":
            refuse_placeholder(self.text, self.at)
            escaped = self.text[self.at : self.at + 1]
            self.at += 1
            if not escaped or not escaped.isascii() or escaped.isalnum():
                raise Unsupported(f"the escape \\{escaped} has no counterpart")
            return [(escaped,)]
        if character in "*+?{}":
            raise Unsupported(f"`{character}` stands where docker_auth would not accept it, or has no counterpart")
        return [(character,)]

    def _group(self) -> list[Items]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unsupported(f"its groups are nested deeper than {MAX_DEPTH}")
        if self.text.startswith("?", self.at) and not self._take("?:"):
            raise Unsupported("flags and named groups have no counterpart")
        found = self._alternatives()
        if not self._take(")"):
            raise Unsupported("a parenthesis is not closed")
        self.depth -= 1
        return found

    def _repeated(self, atom: list[Items]) -> list[Items]:
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
