"""Granted access: merging, covering, cutting down, and the `access` claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.access import Access, covers, from_claim, intersect, merge, to_claim

PULL = Access("repository", "a", ("pull",))
PUSH = Access("repository", "a", ("push",))
BOTH = Access("repository", "a", ("pull", "push"))
ANY = Access("repository", "a", ("*",))
NONE = Access("repository", "a", ())
OTHER = Access("repository", "b", ("pull", "push"))
CATALOG = Access("registry", "catalog", ("*",))
PLUGIN = Access("repository", "a", ("pull",), "plugin")


def test_actions_are_sorted_and_without_doubles() -> None:
    assert Access("repository", "a", ("push", "pull", "push")).actions == ("pull", "push")
    assert str(BOTH) == "repository:a:pull,push"
    assert str(PLUGIN) == "repository(plugin):a:pull"


@pytest.mark.parametrize(
    ("entries", "merged"),
    [
        ([], ()),
        ([NONE], ()),
        ([PULL, PUSH], (BOTH,)),
        ([PUSH, OTHER, PULL], (BOTH, OTHER)),
        ([OTHER, PULL], (PULL, OTHER)),
        ([PULL, PLUGIN], (PULL, PLUGIN)),
        ([PULL, NONE], (PULL,)),
        ([ANY, PULL], (Access("repository", "a", ("*", "pull")),)),
    ],
)
def test_merge(entries: list[Access], merged: tuple[Access, ...]) -> None:
    assert merge(entries) == merged


@pytest.mark.parametrize(
    ("granted", "required", "covered"),
    [
        ([PULL], PULL, True),
        ([BOTH], PULL, True),
        ([PULL, PUSH], BOTH, True),
        ([PULL], BOTH, False),
        ([ANY], BOTH, True),
        ([ANY], ANY, True),
        ([BOTH], ANY, False),
        ([CATALOG], CATALOG, True),
        ([OTHER], PULL, False),
        ([PLUGIN], PULL, True),  # Distribution ignores the class
        ([], PULL, False),
        ([PULL], NONE, False),
        ([ANY], NONE, False),
        ([], NONE, False),
        ([Access("repository", "*", ("*",))], PULL, False),
        ([Access("repository", "", ("*",))], PULL, False),
        ([Access("repository", "A", ("*",))], PULL, False),
        ([Access("repository", "a/b", ("*",))], PULL, False),
        ([Access("repository", "a/", ("*",))], PULL, False),
        ([Access("repository(plugin)", "a", ("*",))], PULL, False),
        ([Access("registry", "a", ("*",))], PULL, False),
        ([Access("repository", "a", ("PULL",))], PULL, False),
    ],
)
def test_covers(granted: list[Access], required: Access, covered: bool) -> None:
    assert covers(granted, required) is covered


@pytest.mark.parametrize(
    ("granted", "ceiling", "result"),
    [
        ([BOTH], [PULL], (PULL,)),
        ([PULL], [BOTH], (PULL,)),
        ([BOTH], [PULL, PUSH], (BOTH,)),
        ([BOTH], [ANY], (BOTH,)),
        ([ANY], [BOTH], (BOTH,)),
        ([ANY], [ANY], (ANY,)),
        ([PULL], [PUSH], ()),
        ([PULL], [NONE], ()),
        ([PULL], [OTHER], ()),
        ([PULL], [], ()),
        ([], [ANY], ()),
        ([BOTH, OTHER], [PULL], (PULL,)),
        ([PLUGIN], [PULL], (PLUGIN,)),
        ([CATALOG], [CATALOG], (CATALOG,)),
    ],
)
def test_intersect(granted: list[Access], ceiling: list[Access], result: tuple[Access, ...]) -> None:
    assert intersect(granted, ceiling) == result


def test_the_claim() -> None:
    assert to_claim([OTHER, PUSH, PLUGIN, PULL, CATALOG, Access("repository", "z", ())]) == [
        {"type": "registry", "name": "catalog", "actions": ["*"]},
        {"type": "repository", "name": "a", "actions": ["pull", "push"]},
        {"type": "repository", "name": "a", "actions": ["pull"], "class": "plugin"},
        {"type": "repository", "name": "b", "actions": ["pull", "push"]},
    ]
    assert to_claim([]) == []


@pytest.mark.parametrize(
    ("claim", "access"),
    [
        (None, ()),
        ([], ()),
        ([{"type": "repository", "name": "a", "actions": ["pull"]}], (PULL,)),
        ([{"type": "repository", "name": "a", "actions": ["pull"], "class": ""}], (PULL,)),
        ([{"type": "repository", "name": "a", "actions": ["pull"], "parameters": {"x": "1"}, "exp": 1}], (PULL,)),
        ([{"type": "repository", "name": "a", "actions": None}], ()),
        ([{"type": "repository", "name": "a"}], ()),
    ],
)
def test_other_issuers_claims_are_read(claim: object, access: tuple[Access, ...]) -> None:
    assert from_claim(claim) == access


@pytest.mark.parametrize(
    "claim",
    [
        {},
        "repository:a:pull",
        0,
        False,
        [None],
        ["repository:a:pull"],
        [[]],
        [{}],
        [{"type": "repository"}],
        [{"name": "a"}],
        [{"type": 1, "name": "a", "actions": []}],
        [{"type": "repository", "name": None, "actions": []}],
        [{"type": "repository", "name": "a", "actions": "pull"}],
        [{"type": "repository", "name": "a", "actions": {"pull": 1}}],
        [{"type": "repository", "name": "a", "actions": [None]}],
        [{"type": "repository", "name": "a", "actions": [], "class": None}],
    ],
)
def test_a_misshapen_claim_raises(claim: object) -> None:
    with pytest.raises(ValueError, match="access"):
        from_claim(claim)


words = st.lists(st.sampled_from(["pull", "push", "delete", "*"]), max_size=4).map(tuple)
entries = st.lists(
    st.builds(
        Access,
        st.sampled_from(["repository", "registry"]),
        st.sampled_from(["a", "b", "a/b", ""]),
        words,
        st.sampled_from(["", "plugin"]),
    ),
    max_size=6,
)


@given(entries)
def test_claim_and_access_are_inverse(access: list[Access]) -> None:
    assert from_claim(to_claim(access)) == merge(access)


@given(entries)
def test_merge_is_idempotent(access: list[Access]) -> None:
    assert merge(merge(access)) == merge(access)


def held(access: list[Access] | tuple[Access, ...]) -> set[tuple[str, str, str]]:
    """Single rights, with `*` spelled out over the actions that these tests know."""
    actions = {"*": ("pull", "push", "delete", "*")}
    return {(a.type, a.name, word) for a in access for action in a.actions for word in actions.get(action, (action,))}


@given(entries, entries)
def test_an_intersection_is_what_both_hold(granted: list[Access], ceiling: list[Access]) -> None:
    assert held(intersect(granted, ceiling)) == held(granted) & held(ceiling)


@given(entries, entries)
def test_what_an_intersection_covers_both_cover(granted: list[Access], ceiling: list[Access]) -> None:
    for entry in intersect(granted, ceiling):
        assert covers(granted, entry)
        assert covers(ceiling, entry)


@given(entries)
def test_a_merge_covers_each_of_its_parts(access: list[Access]) -> None:
    for entry in access:
        assert covers(merge(access), entry) == bool(entry.actions)
