"""The machine itself, on one of two languages: a(b|ab)* and the same with a free move."""

from token_service.policy.nfa import Nfa


def machine() -> Nfa:
    """a, then any number of b and ab."""
    nfa = Nfa()
    start, loop, middle = nfa.state(), nfa.state(), nfa.state()
    assert (start, loop, middle) == (0, 1, 2)
    assert nfa.read(start, "a", loop) == loop
    nfa.read(loop, "b", loop)
    nfa.read(loop, ["a"], middle)
    nfa.read(middle, "b", loop)
    nfa.starts, nfa.ends = {start}, {loop}
    return nfa


def accepts(nfa: Nfa, text: str) -> bool:
    states = nfa.closed(nfa.starts)
    for symbol in text:
        states = nfa.step(states, symbol)
    return nfa.accepts(states)


def test_it_accepts_its_language_and_nothing_else() -> None:
    nfa = machine()
    assert [text for text in ("a", "ab", "abb", "aab", "aabab") if accepts(nfa, text)] == [
        "a", "ab", "abb", "aab", "aabab",
    ]  # fmt: skip
    assert not any(accepts(nfa, text) for text in ("", "b", "aa", "ba", "abaa", "c", "ac"))


def test_a_free_move_reads_nothing_and_goes_on() -> None:
    nfa = machine()
    last = nfa.state()
    further = nfa.skip(last, nfa.state())
    nfa.skip(1, last)
    nfa.ends = {further}
    assert nfa.closed({1}) == {1, last, further}
    assert accepts(nfa, "a")
    assert not accepts(nfa, "")


def test_free_moves_branch() -> None:
    nfa = Nfa()
    start, left, right, far = (nfa.state() for _ in range(4))
    nfa.skip(start, left)
    nfa.skip(start, right)
    nfa.skip(left, far)
    last = nfa.skip(right, nfa.state())
    assert nfa.closed({start}) == {start, left, right, far, last}
    assert nfa.closed({right}) == {right, last}


def test_several_ways_are_walked_at_once() -> None:
    nfa = Nfa()
    one, two = nfa.state(), nfa.state()
    nfa.read(one, "ab", one)
    nfa.read(one, "b", two)
    assert nfa.step(frozenset({one}), "b") == {one, two}
    assert nfa.step(frozenset({one}), "b") == {one, two}, "what is remembered is the same"
    assert nfa.step(frozenset({one}), "a") == {one}
    assert nfa.step(frozenset({two}), "a") == frozenset()
