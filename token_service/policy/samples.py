"""Names that stand for all names that some languages tell apart. Pure.

What belongs here: one name for each combination of languages. What does not: which languages (`principals.py`).
"""

import itertools
from collections import deque
from collections.abc import Sequence

from token_service.policy.automaton import Names
from token_service.policy.nfa import Nfa

MAX_STATES = 20_000


def samples(
    machines: Sequence[Nfa], apart: Nfa, names: Names, within: Sequence[Nfa] = (), most: int = MAX_STATES
) -> tuple[list[str], bool]:
    """A shortest name for each combination of `machines` that accept some name, none of the names in `apart`.

    All of `within` accept each of them. Names that no machine accepts have a sample, too; the empty name is none. The
    second part of the answer says whether that is all: no more than `most` combinations of states are looked at.
    """
    together = [names.universe, *within, apart, *machines]
    needed = 1 + len(within)
    start = tuple(machine.closed(machine.starts) for machine in together)
    seen = {start}
    todo: deque[tuple[tuple[frozenset[int], ...], str]] = deque([(start, "")])
    found: dict[tuple[bool, ...], str] = {}
    while todo and len(seen) <= most:
        states, word = todo.popleft()
        accepted = tuple(map(Nfa.accepts, together, states))
        if all(accepted[:needed]) and not accepted[needed] and word:
            found.setdefault(accepted, word)
        for symbol in names.symbols:
            following = tuple(map(Nfa.step, together, states, itertools.repeat(symbol)))
            if all(following[:needed]) and following not in seen:
                seen.add(following)
                todo.append((following, word + symbol))
    return list(found.values()), not todo
