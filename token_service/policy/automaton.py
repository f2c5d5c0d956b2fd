"""The algebra of patterns: whether one set of names lies within another, exactly, and a witness if not. Pure.

What belongs here: regular languages of names, and questions about them. What does not: rules (`lint.py`).

A pattern without slots is a regular language over characters. A question (`outside`) is answered by walking the
automata side by side over all reachable combinations of states, breadth first, so that the answer is exact and a
counterexample is a shortest one. The universe is the grammar of names: for repositories what Distribution accepts
(without the limit of 255 characters), for principals any text.

Characters that no pattern names behave alike, so one stands for each class of them.
"""

import itertools
import string
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from token_service.policy.nfa import Nfa
from token_service.policy.pattern import Deep, Glob, Literal, Pattern, Segment, Slot, SlotGlob, Wild

_ALNUM = frozenset(string.ascii_lowercase + string.digits)
_HEX = frozenset(string.hexdigits)
_CLASSES = (
    "0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ",
    ".", "_", "-", ":", "[", "]", "/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """An alphabet and the universe of names over it. `may_be_empty`: whether a segment may be empty."""

    symbols: tuple[str, ...]
    may_be_empty: bool
    universe: Nfa

    @property
    def in_segment(self) -> tuple[str, ...]:
        return tuple(symbol for symbol in self.symbols if symbol != "/")


def resource_names(patterns: Iterable[Pattern]) -> Names:
    """Repository names, in an alphabet that is fine enough for `patterns`."""
    used = _characters(patterns)
    symbols = set(used) & set("".join(_CLASSES))
    for members in _CLASSES:
        symbols.update(sorted(set(members) - used)[:1])
    ordered = tuple(sorted(symbols))
    return Names(ordered, may_be_empty=False, universe=_grammar(ordered))


def principal_names(patterns: Iterable[Pattern]) -> Names:
    """Names of principals: any text. One letter stands for every character that no pattern names."""
    used = _characters(patterns)
    other = next(letter for letter in map(chr, itertools.count(ord("a"))) if letter not in used)
    symbols = tuple(sorted({*used, "/", other}))
    anything = Nfa()
    state = anything.state()
    anything.read(state, symbols, state)
    anything.starts, anything.ends = {state}, {state}
    return Names(symbols, may_be_empty=True, universe=anything)


def path_names(patterns: Iterable[Pattern]) -> Names:
    """What may fill a slot: repository names that begin with no host."""
    names = resource_names(patterns)
    paths = Nfa()
    start = paths.state()
    end = _component(paths, start, names.symbols)
    paths.read(end, "/", start)
    paths.starts, paths.ends = {start}, {end}
    return replace(names, universe=paths)


def _characters(patterns: Iterable[Pattern]) -> set[str]:
    return {character for pattern in patterns for segment in pattern for character in str(segment)} - set("*?")


def outside(inner: Iterable[Pattern], outer: Iterable[Pattern], names: Names) -> str | None:
    """A shortest name that a pattern of `inner` matches and none of `outer` does; None where there is none.

    So `outside(a, b) is None` says that everything in `a` is in `b`, and `outside(a, ())` is some name in `a`.
    """
    return difference([union(inner, names)], [union(outer, names)], names)


def difference(within: list[Nfa], without: list[Nfa], names: Names) -> str | None:
    """A shortest name of the universe that all of `within` and none of `without` accept; None where there is none."""
    machines = [names.universe, *within, *without]
    wanted = len(within) + 1
    start = tuple(machine.closed(machine.starts) for machine in machines)
    seen = {start}
    todo: deque[tuple[tuple[frozenset[int], ...], str]] = deque([(start, "")])
    while todo:
        states, word = todo.popleft()
        accepted = [machine.accepts(one) for machine, one in zip(machines, states, strict=True)]
        if all(accepted[:wanted]) and not any(accepted[wanted:]):
            return word
        for symbol in names.symbols:
            following = tuple(machine.step(one, symbol) for machine, one in zip(machines, states, strict=True))
            if all(following[:wanted]) and following not in seen:
                seen.add(following)
                todo.append((following, word + symbol))
    return None


def union(patterns: Iterable[Pattern], names: Names) -> Nfa:
    nfa = Nfa()
    for pattern in patterns:
        state = nfa.state()
        nfa.starts.add(state)
        _add_pattern(nfa, pattern, names, state)
    return nfa


def _add_pattern(nfa: Nfa, pattern: Pattern, names: Names, state: int) -> None:
    for segment in pattern[:-1]:
        state = _followed(nfa, state, segment, names)
    last = pattern[-1]
    nfa.ends.add(_deep_end(nfa, state, names) if isinstance(last, Deep) else _segment(nfa, state, last, names))


def _followed(nfa: Nfa, state: int, segment: Segment, names: Names) -> int:
    """The segment and a slash."""
    if isinstance(segment, Deep):
        return _deep(nfa, state, names)
    return nfa.read(_segment(nfa, state, segment, names), "/", nfa.state())


def quotient(pattern: Pattern, index: int, other: Pattern, names: Names) -> Nfa:
    """What the slot `pattern[index]` may hold so that pattern and `other` have a name in common.

    Other slots may hold anything. The answer reads `other`, beginning where what stands before the slot may have led,
    and ending where what stands behind it leads to the end.
    """
    slot = pattern[index]
    before, after = (slot.before, slot.after) if isinstance(slot, SlotGlob) else (("",), ("",))
    machine = union([_widened(other)], names)
    front, back = Nfa(), Nfa()
    state = front.state()
    front.starts = {state}
    for segment in _widened(pattern[:index]):
        state = _followed(front, state, segment, names)
    front.ends = {_segment(front, state, Glob(before), names)}
    state = back.state()
    back.starts = {state}
    state = _segment(back, state, Glob(after), names)
    if index + 1 < len(pattern):
        _add_pattern(back, _widened(pattern[index + 1 :]), names, back.read(state, "/", back.state()))
    else:
        back.ends = {state}
    starts = {end for end, mine in _meetings(machine, machine.starts, front) if mine in front.ends}
    ends = {
        state
        for state in range(len(machine.moves))
        if any(end in machine.ends and mine in back.ends for end, mine in _meetings(machine, {state}, back))
    }
    return Nfa(machine.moves, machine.free, starts, ends)


def _meetings(machine: Nfa, starts: set[int], other: Nfa) -> set[tuple[int, int]]:
    """The pairs of states that the two can be in after the same text."""
    found = set(itertools.product(machine.closed(starts), other.closed(other.starts)))
    todo = list(found)
    while todo:
        one, two = todo.pop()
        for symbol in machine.moves[one].keys() & other.moves[two].keys():
            fresh = set(
                itertools.product(machine.step(frozenset({one}), symbol), other.step(frozenset({two}), symbol))
            )
            todo += fresh - found
            found |= fresh
    return found


def _widened(pattern: Pattern) -> Pattern:
    """The pattern with anything in its slots."""
    return tuple(
        Deep() if isinstance(one, Slot) else Glob((*one.before, *one.after)) if isinstance(one, SlotGlob) else one
        for one in pattern
    )


def _any_segment(nfa: Nfa, state: int, names: Names) -> int:
    body = nfa.state()
    nfa.read(state, names.in_segment, body)
    nfa.read(body, names.in_segment, body)
    if names.may_be_empty:
        nfa.skip(state, body)
    return body


def _deep(nfa: Nfa, state: int, names: Names) -> int:
    """(segment /)*"""
    again = nfa.skip(state, nfa.state())
    nfa.read(_any_segment(nfa, again, names), "/", again)
    return again


def _deep_end(nfa: Nfa, state: int, names: Names) -> int:
    """segment (/ segment)*"""
    begin = nfa.skip(state, nfa.state())
    end = _any_segment(nfa, begin, names)
    nfa.read(end, "/", begin)
    return end


def _segment(nfa: Nfa, state: int, segment: Segment, names: Names) -> int:
    if isinstance(segment, Wild):
        return _any_segment(nfa, state, names)
    if isinstance(segment, Literal):
        return _text(nfa, state, segment.text, names)
    assert isinstance(segment, Glob), "slots are filled before a pattern becomes an automaton"  # noqa: S101
    for number, piece in enumerate(segment.pieces):
        if number:
            state = nfa.skip(state, nfa.state())
            nfa.read(state, names.in_segment, state)
        state = _text(nfa, state, piece, names)
    return state


def _text(nfa: Nfa, state: int, text: str, names: Names) -> int:
    for character in text:
        state = nfa.read(state, names.in_segment if character == "?" else character, nfa.state())
    return state


# --- the grammar of repository names (scope.RESOURCE_NAME) -------------------------------------------------------


def _grammar(symbols: tuple[str, ...]) -> Nfa:
    nfa = Nfa()
    start = nfa.state()
    path = nfa.skip(start, nfa.state())
    nfa.read(_host(nfa, start, symbols), "/", path)
    end = _component(nfa, path, symbols)
    nfa.read(end, "/", path)
    nfa.starts, nfa.ends = {start}, {end}
    return nfa


def _component(nfa: Nfa, state: int, symbols: tuple[str, ...]) -> int:
    """Runs of letters and digits; between them `.`, `_`, `__` or any number of `-`."""
    alnum = _ALNUM.intersection(symbols)
    run, one, two, dashes = nfa.state(), nfa.state(), nfa.state(), nfa.state()
    nfa.read(state, alnum, run)
    nfa.read(run, alnum, run)
    nfa.read(run, "_", one)
    nfa.read(one, "_", two)
    nfa.read(run, ".", two)
    nfa.read(run, "-", dashes)
    nfa.read(dashes, "-", dashes)
    for separator in (one, two, dashes):
        nfa.read(separator, alnum, run)
    return run


def _host(nfa: Nfa, state: int, symbols: tuple[str, ...]) -> int:
    """Labels joined by dots, or an address in brackets; then perhaps a port."""
    letters = frozenset(string.ascii_letters + string.digits).intersection(symbols)
    label, dash, end = nfa.state(), nfa.state(), nfa.state()
    nfa.read(state, letters, label)
    nfa.read(label, letters, label)
    nfa.read(label, "-", dash)
    nfa.read(dash, "-", dash)
    nfa.read(dash, letters, label)
    nfa.read(label, ".", state_after_dot := nfa.state())
    nfa.read(state_after_dot, letters, label)
    nfa.skip(label, end)
    bracket = nfa.read(state, "[", nfa.state())
    inside = nfa.read(bracket, {*_HEX.intersection(symbols), ":"}, nfa.state())
    nfa.read(inside, {*_HEX.intersection(symbols), ":"}, inside)
    nfa.read(inside, "]", end)
    port = nfa.read(end, ":", nfa.state())
    digits = nfa.read(port, frozenset(string.digits).intersection(symbols), nfa.state())
    nfa.read(digits, frozenset(string.digits).intersection(symbols), digits)
    return nfa.skip(digits, nfa.skip(end, nfa.state()))
