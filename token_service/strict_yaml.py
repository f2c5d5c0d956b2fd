"""YAML as operators write it, read strictly: text becomes a tree of nodes that know their file and line. Pure.

Every file a person writes (configuration, policies, users) comes in through `load`. What belongs here: the syntax
that we accept, and typed access to a node. What does not: opening files, and what any key means.

Built on the parser's events, so that nothing is ever constructed, resolved or expanded:

* A key stands once in a mapping. Anchors, aliases, merge keys, tags, directives and a second document are refused.
* Values are text until a reader asks for a type. A plain `no`, `012`, `1:30` or `2027-01-01` is refused as a string,
  because YAML 1.1 and 1.2 tools disagree about it, and as a number or switch, because they disagree there, too.
* At most `MAX_BYTES`, `MAX_DEPTH` levels, valid UTF-8 and no characters that a reviewer cannot see.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from token_service.errors import LoadError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

# libyaml reads a megabyte in a fraction of a second, the parser in Python needs some ten seconds for it.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers

TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_OCTAL_1_2 = re.compile(r"0o[0-7]+", re.ASCII)
_LETTER_BOOL = frozenset("yYnN")
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_INVISIBLE = frozenset({"Cc", "Zl", "Zp", "Cs"})

_KINDS = {"Text": "a text", "List": "a list", "Mapping": "a mapping"}
_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class _Placed:
    file: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Text(_Placed):
    """A scalar. `plain` is true where it stands without quotes, so that its type would be open to guessing."""

    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class List(_Placed):
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Entry(_Placed):
    """One `key: value` of a mapping; the line is the key's."""

    key: str
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping(_Placed):
    entries: dict[str, Entry]

    def get(self, key: str) -> "Node | None":
        entry = self.entries.get(key)
        return None if entry is None else entry.value


Node = Text | List | Mapping


# --- text to nodes ---------------------------------------------------------------------------------------------


def load(data: str | bytes, place: str) -> Node:
    """The root node of `data`, which came from the file `place`. Raises nothing but LoadError, with `file:line`."""
    builder = _Builder(place)
    try:
        for event in yaml.parse(_decode(data, place), Loader=_PARSER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _syntax_error(error, place) from None
    root = builder.root
    if root is None or (isinstance(root, Text) and root.plain and not root.text):
        raise LoadError(f"{place}:1", "the file is empty", "write a mapping, or remove the file")
    return root


def _decode(data: str | bytes, place: str) -> str:
    size = len(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise LoadError(
            f"{place}:1", f"the file has {size} bytes, more than {MAX_BYTES}", "split it into several files"
        )
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1 if isinstance(data, bytes) else 1
        raise LoadError(f"{place}:{line}", "the file is not UTF-8", "save it as UTF-8 without a BOM") from None
    text = text.removeprefix("\ufeff")
    _refuse_invisible(text, place, 1)
    return text


def _refuse_invisible(text: str, place: str, first_line: int) -> None:
    if text.isprintable() and text.isascii():
        return
    for number, line in enumerate(text.split("\n"), start=first_line):
        for character in line.removesuffix("\r"):
            if character in _BIDI or (character != "\t" and unicodedata.category(character) in _INVISIBLE):
                raise LoadError(
                    f"{place}:{number}",
                    f"character U+{ord(character):04X} is invisible or a control character",
                    "remove it",
                )


def _syntax_error(error: yaml.YAMLError, place: str) -> LoadError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else 1
    problem = getattr(error, "problem", None) or "it cannot be parsed"
    if "nesting depth" in problem:  # libyaml has a limit of its own and meets it before it hands out an event
        return LoadError(f"{place}:{line}", f"nested deeper than {MAX_DEPTH} levels", "flatten it")
    return LoadError(f"{place}:{line}", f"not valid YAML: {problem}", "check indentation, colons and quotes nearby")


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen yet; `key` is the key that waits for its value."""

    line: int
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: Text | None = None


class _Builder:
    """Turns parser events into nodes with a stack of its own, so that no input can exhaust Python's."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self._stack: list[_Open] = []

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._start_document(event, line)
        elif isinstance(event, yaml.AliasEvent):
            raise self._error(line, f"alias {shown(str(event.anchor))} is not allowed", "write the value out")
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_decoration(event, line)
            _refuse_invisible(event.value, self.file, line)  # an escape such as "\\0" brings them in unseen
            self._add(Text(self.file, line, event.value, event.implicit[0]))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_decoration(event, line)
            self._open(line, isinstance(event, yaml.MappingStartEvent))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()

    def _error(self, line: int, problem: str, fix: str) -> LoadError:
        return LoadError(f"{self.file}:{line}", problem, fix)

    def _start_document(self, event: yaml.DocumentStartEvent, line: int) -> None:
        if self.root is not None:
            raise self._error(line, "a second document begins here", "keep one document a file; remove the `---`")
        if event.version or event.tags:
            raise self._error(line, "%YAML and %TAG directives are not allowed", "remove them")

    def _refuse_decoration(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> None:
        if event.anchor is not None:
            raise self._error(
                line, f"anchor {shown(event.anchor)} is not allowed", "write the value out where it is used"
            )
        if event.tag is not None:
            raise self._error(
                line, f"tag {shown(event.tag)} is not allowed", "remove it; quote the value if it is a text"
            )

    def _open(self, line: int, is_mapping: bool) -> None:
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise self._error(line, "a key that is a list or a mapping is not allowed", "use a text as the key")
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(line, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        self._stack.append(_Open(line, is_mapping))

    def _close(self) -> None:
        done = self._stack.pop()
        if done.is_mapping:
            self._add(Mapping(self.file, done.line, done.entries))
        else:
            self._add(List(self.file, done.line, tuple(done.items)))

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if not top.is_mapping:
            top.items.append(node)
        elif top.key is None:
            top.key = self._key(node, top)
        else:
            top.entries[top.key.text] = Entry(self.file, top.key.line, top.key.text, node)
            top.key = None

    def _key(self, node: Node, parent: _Open) -> Text:
        assert isinstance(node, Text), "collections as keys are refused when they open"  # noqa: S101
        if node.plain and node.text == "<<":
            raise self._error(node.line, "merge key << is not allowed", "write the keys out")
        string(node, "the key")
        if "\n" in node.text:  # keys are named in messages, which are one line
            raise self._error(node.line, f"key {shown(node.text)} holds a line break", "write it on one line")
        if node.text in parent.entries:
            first = parent.entries[node.text].line
            raise self._error(node.line, f"key {shown(node.text)} stands here twice", f"the first is in line {first}")
        return node


# --- nodes to values -------------------------------------------------------------------------------------------


def string(node: Node, what: str = "the value") -> str:
    """The text of a scalar that is quoted, or that every YAML tool reads as a text. `what` names it in the error."""
    if not isinstance(node, Text):
        raise LoadError(node.place, f"{what} is {_KINDS[type(node).__name__]}", "write a text")
    if node.plain and not node.text:
        raise LoadError(node.place, f"{what} is empty", 'write a text, or "" for an empty one')
    if node.plain and _is_ambiguous(node.text):
        problem = f"{what} {shown(node.text)} is a number, date or switch to some YAML tools"
        raise LoadError(node.place, problem, f'quote it: "{node.text}"')
    return node.text


def integer(node: Node, what: str = "the value") -> int:
    if not isinstance(node, Text) or not node.plain or not _INTEGER.fullmatch(node.text) or len(node.text) > 18:
        raise LoadError(node.place, f"{what} is not a whole number", "write decimal digits without quotes")
    return int(node.text)


def boolean(node: Node, what: str = "the value") -> bool:
    if not isinstance(node, Text) or not node.plain or node.text not in ("true", "false"):
        raise LoadError(node.place, f"{what} is a switch", "write true or false, without quotes")
    return node.text == "true"


def timestamp(node: Node, what: str = "the value") -> int:
    """Seconds since 1970. RFC 3339 with a zone, so that it is the same moment everywhere."""
    text = string(node, what)
    if not TIME.fullmatch(text):
        fix = 'write RFC 3339 with a zone and whole seconds: "2027-01-02T00:00:00Z"'
        raise LoadError(node.place, f"{what} {shown(text)} is not a time", fix)
    try:
        return int(datetime.fromisoformat(text.upper()).timestamp())
    except ValueError:
        raise LoadError(node.place, f"{what} {shown(text)} does not exist in the calendar", "correct it") from None


def items(node: Node, what: str = "the value") -> tuple[Node, ...]:
    if not isinstance(node, List):
        raise LoadError(node.place, f"{what} is {_KINDS[type(node).__name__]}", "write a list: [a, b]")
    return node.items


def mapping(node: Node, what: str = "the value") -> dict[str, Entry]:
    if not isinstance(node, Mapping):
        raise LoadError(node.place, f"{what} is {_KINDS[type(node).__name__]}", "write a mapping: {key: value}")
    return node.entries


def refuse_unknown(entries: dict[str, Entry], known: Collection[str], what: str) -> None:
    """Refuse keys that are not `known`, with the nearest known one as a hint."""
    for entry in entries.values():
        if entry.key not in known:
            raise LoadError(entry.place, f"{what} has no key {shown(entry.key)}", nearest(entry.key, known))


def shown(text: str) -> str:
    """`text` as a message may show it: in backticks, on one line, not too long."""
    cut = text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"
    return f"`{''.join(character if character.isprintable() else '?' for character in cut)}`"


def nearest(word: str, known: Collection[str]) -> str:
    """A hint: the known word that was probably meant, else all of them."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(known))}"


def to_plain(node: Node) -> Any:
    """dict, list, str, int, float, bool or None, as the YAML 1.2 core schema reads it, for a validator of its own.

    What YAML 1.1 and 1.2 read differently (`yes`, `012`, `1:30`, a date) is refused rather than guessed.
    """
    if isinstance(node, Mapping):
        return {entry.key: to_plain(entry.value) for entry in node.entries.values()}
    if isinstance(node, List):
        return [to_plain(item) for item in node.items]
    if not node.plain:
        return node.text
    if node.text in _CONSTANTS:
        return _CONSTANTS[node.text]
    if _INTEGER.fullmatch(node.text):
        return integer(node)
    if _FLOAT.fullmatch(node.text) and ("." in node.text or "e" in node.text.lower()):
        return float(node.text)
    if _is_ambiguous(node.text):
        problem = f"the value {shown(node.text)} is read differently by different YAML tools"
        raise LoadError(node.place, problem, f'quote it: "{node.text}"; or write true, false or a decimal number')
    return node.text


def locate(node: Node, path: Sequence[str | int]) -> str:
    """`file:line` of what `path` leads to, or of the nearest thing above it that exists.

    `path` is like a pydantic error's `loc`. Parts of it that are not in the tree (the tag of a discriminated
    union, a missing key) are skipped.
    """
    place = node.place
    for part in path:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
            place = node.entries[part].place
            node = node.entries[part].value
        elif isinstance(node, List) and isinstance(part, int) and 0 <= part < len(node.items):
            node = node.items[part]
            place = node.place
    return place


def _is_ambiguous(text: str) -> bool:
    if text in _LETTER_BOOL or _FLOAT.fullmatch(text) or _OCTAL_1_2.fullmatch(text):
        return True
    return any(expression.match(text) for _, expression in _RESOLVERS.get(text[:1], ()))
