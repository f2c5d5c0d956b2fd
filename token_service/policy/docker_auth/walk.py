"""All the ways in which names can match several sets of patterns, each with a shortest name. Pure.

What belongs here: walking automata side by side, with a limit. What does not: what is asked of it
(`sets.py`, `compare.py`), and the automata (`policy/automaton.py`).
"""

from collections import deque
from collections.abc import Iterator

from token_service.policy.automaton import Names, union
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.pattern import Pattern

MAX_STATES = 100_000


def walk(
    names: Names, needed: tuple[tuple[Pattern, ...], ...], others: tuple[tuple[Pattern, ...], ...] = ()
) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """A name, and which of `needed` and `others` match it. What none of some `needed` can match is not looked at.

    Raises Unsupported where there are more ways than anybody can wait for.
    """
    machines = [names.universe, *(union(patterns, names) for patterns in (*needed, *others))]
    wanted = len(needed) + 1
    start = tuple(machine.closed(machine.starts) for machine in machines)
    seen = {start}
    todo = deque([(start, "")])
    while todo:
        states, word = todo.popleft()
        pairs = list(zip(machines, states, strict=True))
        hits = tuple(machine.accepts(one) for machine, one in pairs)
        if hits[0]:
            yield word, hits[1:]
        for symbol in names.symbols:
            following = tuple(machine.step(one, symbol) for machine, one in pairs)
            if all(following[:wanted]) and following not in seen:
                seen.add(following)
                todo.append((following, word + symbol))
        if len(seen) > MAX_STATES:
            raise Unsupported(f"names can match in more than {MAX_STATES} ways; anchor patterns, or import a part")
