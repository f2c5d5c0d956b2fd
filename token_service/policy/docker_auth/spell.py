"""Shapes of docker_auth in our notation: exactly the same names, as one or several of our patterns. Pure.

Names have no empty segment: registries know none, and no account with one is imported. That is what makes `.*`
expressible: it stays within a segment (`*`), or leaves it (`*/**/*`), and there is nothing else it can do.
"""

from collections.abc import Collection, Iterator
from enum import Enum

from token_service.errors import LoadError
from token_service.policy.docker_auth.shapes import MAX_ALTERNATIVES, Hole, Sequence, Shape, Slot, Token, Unsupported
from token_service.policy.notation import MAX_PATTERN_LENGTH, parse_name, parse_resource
from token_service.policy.pattern import Deep, Pattern, ResourcePattern

MAX_OPEN = 8

_DEEP = "**"
_IN_NO_NAME = frozenset("*?{}\\^$|")
_BRACKETS = frozenset("[]")
_UNWRITABLE = _IN_NO_NAME | _BRACKETS


class _Next(Enum):
    END = "end"
    SLASH = "slash"
    TEXT = "text"


_Partial = tuple[tuple[str, ...], str]
"""The segments that are finished, and the one that is being written."""


def spell_resources(shape: Shape, kind: str) -> tuple[ResourcePattern, ...]:
    """The names of resources that match. None at all where no resource can have such a name. Raises Unsupported."""
    found: dict[ResourcePattern, None] = {}
    for sequence in shape.alternatives:
        if _holds(sequence, _IN_NO_NAME):
            continue
        for text in _spell(sequence):
            _check_slots(text)
            resource = _resource(kind, text)
            if resource is not None:
                found[resource] = None
    spelled = _without_doubles(found)
    _bound([one.pattern for one in spelled])
    return spelled


def _resource(kind: str, text: str) -> ResourcePattern | None:
    """None where no resource can have such a name."""
    try:
        return parse_resource(f"{kind}:{text}", "")
    except LoadError as error:
        if error.problem.endswith(" uses a label twice"):
            raise Unsupported("it uses a label twice") from None
    first, slash, rest = text.partition("/")
    if first == _DEEP and "/" in rest:  # a host may hold what a path cannot, and nothing stands before a host
        return _resource(kind, rest)
    if slash and not _BRACKETS.isdisjoint(first):
        raise Unsupported("a host in brackets is read only where it is written out: `[::1]/*`")
    return None


def _check_slots(text: str) -> None:
    if len(text) > MAX_PATTERN_LENGTH:
        raise Unsupported(f"it is longer than {MAX_PATTERN_LENGTH} characters")
    if any(segment.count("{") > 1 for segment in text.split("/")):
        raise Unsupported("two placeholders in one segment have no counterpart")


def _bound(patterns: Collection[Pattern]) -> None:
    """Patterns that are open in front are few: to tell them apart, every combination of them has to be looked at."""
    if len(patterns) > MAX_ALTERNATIVES:
        raise Unsupported(f"it becomes more than {MAX_ALTERNATIVES} patterns")
    if sum(Deep() in pattern[:-1] for pattern in patterns) > MAX_OPEN:
        raise Unsupported(f"it becomes more than {MAX_OPEN} patterns that begin anywhere; anchor it with ^")


def _without_doubles(found: dict[ResourcePattern, None]) -> tuple[ResourcePattern, ...]:
    """`**` says it all: what else is there says nothing more."""
    everything = [one for one in found if str(one).endswith(f":{_DEEP}")]
    return tuple(everything or found)


def spell_names(shape: Shape) -> tuple[Pattern, ...]:
    """The names of accounts that match, the empty one left out. Raises Unsupported."""
    found: dict[str, None] = {}
    for sequence in shape.alternatives:
        if _holds(sequence, _UNWRITABLE):
            raise Unsupported("it holds a character that our patterns for principals cannot hold")
        for text in _spell(sequence):
            if len(text) > MAX_PATTERN_LENGTH:
                raise Unsupported(f"it is longer than {MAX_PATTERN_LENGTH} characters")
            found[text] = None
    if _DEEP in found:
        found = {_DEEP: None}
    try:
        names = tuple(parse_name(text, "") for text in found)
    except LoadError as error:
        raise Unsupported(error.problem) from None
    _bound(names)
    return names


def matches_empty(shape: Shape) -> bool:
    """Whether the empty text matches, which is how docker_auth names those who are not logged in."""
    return shape.matches("")


def _holds(sequence: Sequence, characters: frozenset[str]) -> bool:
    return any(isinstance(token, str) and not characters.isdisjoint(token) for token in sequence)


def _spell(sequence: Sequence) -> Iterator[str]:
    partials: list[_Partial] = [((), "")]
    for index, token in enumerate(sequence):
        following = _following(sequence[index + 1 :])
        partials = [after for before in partials for after in _write(before, token, following)]
        if len(partials) > MAX_ALTERNATIVES:  # each `.*` between texts doubles them
            raise Unsupported(f"it becomes more than {MAX_ALTERNATIVES} patterns")
    for segments, current in partials:
        if current:
            yield "/".join((*segments, current))


def _following(rest: Sequence) -> _Next:
    if not rest:
        return _Next.END
    return _Next.SLASH if isinstance(rest[0], str) and rest[0].startswith("/") else _Next.TEXT


def _write(before: _Partial, token: Token, following: _Next) -> Iterator[_Partial]:
    segments, current = before
    if isinstance(token, str):
        yield from _write_text(segments, current, token)
    elif isinstance(token, Slot):
        yield segments, f"{current}{{{token.name}}}"
    elif token is Hole.ONE:
        yield segments, f"{current}?"
    elif token is Hole.STAR:
        yield segments, _starred(current)
    elif token is Hole.ANY:
        yield from _write_any(segments, current, following)
    else:
        yield from _write_some(segments, current, following)


def _write_text(segments: tuple[str, ...], current: str, text: str) -> Iterator[_Partial]:
    first, *others = text.split("/")
    current += first
    for other in others:
        if not current:
            return
        segments, current = (*segments, current), other
    yield segments, current


def _starred(current: str) -> str:
    return current if current.endswith("*") else f"{current}*"


def _write_any(segments: tuple[str, ...], current: str, following: _Next) -> Iterator[_Partial]:
    """`.*`: nothing, part of a segment, or anything with slashes in it."""
    if not current:
        if following is _Next.END:
            yield segments, _DEEP
        elif following is _Next.SLASH:
            yield (*segments, "*"), _DEEP
        else:
            yield (*segments, _DEEP), "*"
        return
    beyond = (*segments, _starred(current))
    if following is _Next.SLASH:
        yield beyond, _DEEP
        return
    yield segments, _starred(current)
    if following is _Next.END:
        yield beyond, _DEEP
    else:
        yield (*beyond, _DEEP), "*"


def _write_some(segments: tuple[str, ...], current: str, following: _Next) -> Iterator[_Partial]:
    """`.+`: the same, but not nothing."""
    if not current and following is not _Next.TEXT:
        yield from _write_any(segments, current, following)
        return
    yield segments, f"{current}?*"
    if not current:
        yield (*segments, "*", _DEEP), "*"
        return
    beyond = (*segments, _starred(current))
    if following is _Next.END:
        yield beyond, _DEEP
    elif following is _Next.SLASH:
        yield (*beyond, "*"), _DEEP
    else:
        yield (*beyond, _DEEP), "*"
