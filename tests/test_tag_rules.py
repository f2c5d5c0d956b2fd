"""Tag rules: their globs, their way through a token, and that what is not understood limits everything."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.access import Access, from_claim, intersect, merge, to_claim
from token_service.tag_rules import NO_TAG_RULES, TagRules, from_meta, is_tag_glob, to_meta, union

GLOBS = st.from_regex(r"[A-Za-z0-9_.*?-]{1,12}", fullmatch=True)
TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,10}", fullmatch=True)
RULES = st.builds(
    lambda push, delete, immutable: union([TagRules(tuple(push), tuple(delete), tuple(immutable))]),
    st.lists(GLOBS, max_size=3),
    st.lists(GLOBS, max_size=3),
    st.lists(GLOBS, max_size=3),
)


@given(RULES)
def test_they_come_back_from_a_claim_as_they_went(rules: TagRules) -> None:
    assert from_meta(to_meta(rules)) == rules
    access = (Access("repository", "a/b", ("push",), "", rules),)
    assert from_claim(to_claim(access)) == access


@given(GLOBS, TAGS)
def test_the_expression_in_the_token_means_what_the_glob_means(glob: str, tag: str) -> None:
    meta = to_meta(TagRules(immutable=(glob,)))
    expressions = meta["tag_immutable_patterns"]
    assert isinstance(expressions, list)
    assert bool(re.search(expressions[0], tag)) == TagRules(push=(glob,)).refuses_push(tag, moves=False)


def test_the_names_are_those_that_gitlabs_registry_reads() -> None:
    assert to_meta(TagRules(("v*",), (), ("v1.?",))) == {
        "tag_deny_access_patterns": {"push": ["^v.*$"]},
        "tag_immutable_patterns": [r"^v1\..$"],
    }
    assert to_meta(NO_TAG_RULES) == {}


@pytest.mark.parametrize("expression", ["v.*", "^v.*", "^(v|w)$", "^v+$", "^[a-z]$", "", "^v\\d$", "^$^"])
def test_an_expression_that_is_not_ours_limits_every_tag(expression: str) -> None:
    rules = from_meta({"tag_deny_access_patterns": {"push": [expression]}})
    assert rules.refuses_push("anything", moves=False)


@pytest.mark.parametrize(
    "meta",
    [[], "x", {"tag_deny_access_patterns": []}, {"tag_immutable_patterns": "v"}, {"tag_immutable_patterns": [1]},
     {"tag_deny_access_patterns": {"push": {}}}],
)  # fmt: skip
def test_misshapen_meta_is_no_access(meta: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        from_meta(meta)


def test_meta_of_others_is_none_of_our_business() -> None:
    assert from_meta({"project_path": "a/b", "project_id": 1}) == NO_TAG_RULES


def test_an_immutable_tag_may_be_made_but_neither_moved_nor_deleted() -> None:
    rules = TagRules(immutable=("v*",))
    assert not rules.refuses_push("v1", moves=False)
    assert rules.refuses_push("v1", moves=True)
    assert rules.refuses_delete("v1")
    assert not rules.refuses_delete("latest")


def test_limits_add_up_where_entries_are_merged_and_stay_where_they_are_cut() -> None:
    one = Access("repository", "a", ("pull",), "", TagRules(push=("v*",)))
    two = Access("repository", "a", ("push",), "", TagRules(push=("w*",)))
    (both,) = merge([one, two])
    assert both == Access("repository", "a", ("pull", "push"), "", TagRules(push=("v*", "w*")))
    (cut,) = intersect([both], [Access("repository", "a", ("push",))])
    assert cut == Access("repository", "a", ("push",), "", TagRules(push=("v*", "w*")))


@pytest.mark.parametrize(
    ("text", "good"), [("v*", True), ("", False), ("a b", False), ("v[1]", False), ("x" * 129, False)]
)
def test_a_glob_holds_only_what_a_tag_may_hold(text: str, good: bool) -> None:
    assert is_tag_glob(text) is good
