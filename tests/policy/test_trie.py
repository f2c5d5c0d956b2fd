"""The trie finds exactly the patterns that match one by one."""

from hypothesis import given
from hypothesis import strategies as st

from token_service.policy.notation import parse_resource
from token_service.policy.pattern import Pattern, matches, paths
from token_service.policy.trie import Trie

segments = st.sampled_from(
    [
        "a",
        "b",
        "*",
        "**",
        "a*",
        "*b",
        "?",
        "a?b",
        "*a*",
        "a*b",
        "{principal}",
        "x-{principal}",
        "{label.t}*",
        "{label.t}",
    ]
)
patterns = st.lists(segments, min_size=1, max_size=4).filter(lambda parts: str(parts).count("label.t") < 2)
names = st.lists(st.sampled_from(["a", "b", "ab", "x-a", "aab", "axb"]), min_size=1, max_size=6)
values = st.lists(st.sampled_from(["a", "b", "a/b", "b/a/b", "*"]), max_size=3)


def parse(text: str) -> Pattern:
    return parse_resource(f"repository:{text}", "f:1").pattern


@given(st.lists(patterns, max_size=12), names, values)
def test_it_finds_what_matches_one_by_one(written: list[list[str]], name: list[str], filled: list[str]) -> None:
    trie: Trie[list[str]] = Trie(list)
    texts = {"/".join(parts) for parts in written}
    for text in texts:
        trie.at(parse(text)).append(text)
    found = {text for payload in trie.find(name, lambda slot: paths(filled)) for text in payload}
    assert found == {text for text in texts if matches(parse(text), name, lambda slot: paths(filled))}


def test_equal_patterns_share_a_payload() -> None:
    trie: Trie[list[int]] = Trie(list)
    for text in ("a/*", "a/**", "**", "a*", "{principal}", "x{principal}", "**/b", "a"):
        assert trie.at(parse(text)) is trie.at(parse(text))
    assert trie.at(parse("a/*")) is not trie.at(parse("a/**"))


def test_many_deep_patterns_do_not_multiply_the_work() -> None:
    """Each node is visited at most once a position: 2^40 ways through `**/a/**/a/…` are one set of positions."""
    trie: Trie[list[int]] = Trie(list)
    trie.at(parse("/".join(["**", "a"] * 40) + "/b")).append(1)
    assert trie.find(["a"] * 200, lambda slot: ()) == []
    trie.at(parse("/".join(["**", "a"] * 40))).append(2)
    assert trie.find(["a"] * 200, lambda slot: ()) == [[2]]


def test_a_slot_that_can_be_filled_in_many_ways_is_followed_once_a_position() -> None:
    trie: Trie[list[int]] = Trie(list)
    trie.at(parse("**/{label.t}/**/{principal}/**/b")).append(1)
    fill = {"label.t": paths(["a", "a/a", "a/a/a"]), "principal": paths(["a"])}
    assert trie.find([*["a"] * 60, "b"], lambda slot: fill[slot]) == [[1]]
