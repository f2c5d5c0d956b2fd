"""Name filters: their patterns agree with the policy language's, and they come back from a token as they went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.access import Access, from_claim, to_claim
from token_service.name_filter import NameFilter, from_meta, matches
from token_service.policy.notation import parse_resource
from token_service.policy.pattern import matches as policy_matches
from token_service.policy.pattern import no_slots

SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "?", "a*", "*b", "**", "a?"])
NAMES = st.lists(st.sampled_from(["a", "b", "ab", "abb", "c"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join), NAMES)
def test_a_pattern_means_what_it_means_in_a_policy(pattern: str, name: str) -> None:
    expected = policy_matches(parse_resource(f"repository:{pattern}", "").pattern, name.split("/"), no_slots)
    assert matches(pattern, name) == expected


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("[2001:db8::1]:5000/**", "[2001:db8::1]:5000/a/b", True),
        ("[2001:db8::1]:5000/**", "2:5000/a", False),
        ("[2001:db8::*]:5*/a?", "[2001:db8::a1]:5001/ab", True),
        ("[2001:db8::*]:5*/a?", "[2001:db9::a1]:5001/ab", False),
        ("*[::1]/a", "[::1]/a", True),
        ("[::1]", "[::1]", True),
        ("localhost:5000/*", "localhost:5000/a", True),
        ("/".join(["a" * 99] * 3) + "/*", "a/b", False),
    ],
)
def test_what_a_policy_may_say_comes_back_from_a_claim_and_means_the_same(
    pattern: str, name: str, expected: bool
) -> None:
    """Hosts in brackets, and patterns that have become long by what fills their placeholders."""
    found = from_meta(NameFilter((pattern,), (pattern,)).to_meta())
    assert found == NameFilter((pattern,), (pattern,))
    if len(pattern) <= 255:
        parsed = parse_resource(f"repository:{pattern}", "").pattern
        assert policy_matches(parsed, name.split("/"), no_slots) is expected
    assert NameFilter((pattern,)).shows(name) is expected


def test_a_filter_comes_back_from_a_claim_as_it_went() -> None:
    access = (Access("registry", "catalog", ("*",), name_filter=NameFilter(("team/**", "a"), ("team/x",))),)
    assert from_claim(to_claim(access)) == access


def test_what_is_denied_is_not_shown_and_nothing_is_shown_by_default() -> None:
    shown = NameFilter(("team/**",), ("team/secret/**",))
    assert shown.shows("team/app")
    assert not shown.shows("team/secret/app")
    assert not shown.shows("other/app")
    assert not NameFilter(()).shows("anything")


@pytest.mark.parametrize(
    "value", [[], "x", {}, {"allow": []}, {"allow": "a", "deny": []}, {"allow": [1], "deny": []},
              {"allow": ["[a]"], "deny": []}, {"allow": ["a[::1]/b"], "deny": []}, {"allow": ["a/[::1]"], "deny": []},
              {"allow": [""], "deny": []}, {"allow": [], "deny": [], "more": 1}],
)  # fmt: skip
def test_a_misshapen_filter_is_no_access(value: object) -> None:
    with pytest.raises(ValueError, match="name_filter"):
        from_meta({"name_filter": value})
    with pytest.raises(ValueError, match="name_filter"):
        from_claim([{"type": "registry", "name": "catalog", "actions": ["*"], "meta": {"name_filter": value}}])


def test_no_filter_is_none() -> None:
    assert from_meta(None) is None
    assert from_meta({"project_id": 1}) is None
