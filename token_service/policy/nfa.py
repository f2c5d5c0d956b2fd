"""Nondeterministic finite automata. Pure; knows no patterns.

What belongs here: the machine and how it steps. What does not: which language it accepts (`automaton.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Nfa:
    """States are numbers. `moves[s]` maps a symbol to the next states, `free[s]` are moves that read nothing."""

    moves: list[dict[str, set[int]]] = field(default_factory=list)
    free: list[set[int]] = field(default_factory=list)
    starts: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)
    _steps: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict, repr=False)

    def state(self) -> int:
        self.moves.append({})
        self.free.append(set())
        return len(self.moves) - 1

    def read(self, source: int, symbols: Iterable[str], target: int) -> int:
        for symbol in symbols:
            self.moves[source].setdefault(symbol, set()).add(target)
        return target

    def skip(self, source: int, target: int) -> int:
        self.free[source].add(target)
        return target

    def closed(self, states: Iterable[int]) -> frozenset[int]:
        found = set(states)
        todo = list(found)
        while todo:
            fresh = self.free[todo.pop()] - found
            found |= fresh
            todo += fresh
        return frozenset(found)

    def step(self, states: frozenset[int], symbol: str) -> frozenset[int]:
        """Where the states lead. It is remembered, so a machine is complete before the first step."""
        found = self._steps.get((states, symbol))
        if found is None:
            found = self.closed(target for state in states for target in self.moves[state].get(symbol, ()))
            self._steps[states, symbol] = found
        return found

    def accepts(self, states: frozenset[int]) -> bool:
        return not self.ends.isdisjoint(states)
