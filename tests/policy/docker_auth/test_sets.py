"""Whether two sets of requests meet, and what of one is not in another: respect by respect, and one by one.

In the tables a name `-` is who is not logged in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token_service.policy.docker_auth import sets, walk
from token_service.policy.docker_auth.entry import Accounts, Box, Labels
from token_service.policy.docker_auth.sets import loose, meet, minus
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import User, World
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.pattern import matches, no_slots, paths, show


@pytest.fixture(autouse=True, scope="module")
def ask_afresh() -> None:
    """Answers are remembered, also those that other modules' tests asked for."""
    for function in vars(sets).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


def accounts(*names: str) -> Accounts:
    return Accounts("-" in names, tuple(parse_name(name, "") for name in names if name != "-"))


def box(
    who: str = "**",
    what: str = "**",
    *,
    but: str = "",
    labels: Labels = (),
    services: tuple[str, ...] | None = None,
    networks: tuple[str, ...] | None = None,
) -> Box:
    return Box(
        accounts(*who.split()),
        labels,
        tuple(parse_resource(one if ":" in one else f"repository:{one}", "") for one in what.split()),
        services,
        None if networks is None else tuple(map(ip_network, networks)),
        accounts(*but.split()),
    )


def world(labels: Mapping[str, Mapping[str, tuple[str, ...]]], *, is_closed: bool = True) -> World:
    """`labels`: of each user."""
    users = {name: User(name, "", of) for name, of in labels.items()}
    return World(users, has_anonymous=True, is_closed=is_closed, types=("repository",))


def written(of: Box) -> str:
    """Who, without whom, on what."""
    who = [*(["-"] if of.accounts.anonymous else []), *map(show, of.accounts.names)]
    but = [*(["-"] if of.exceptions.anonymous else []), *map(show, of.exceptions.names)]
    what = [str(one).removeprefix("repository:") for one in of.resources]
    return f"{' '.join(who)}{' but ' if but else ''}{' '.join(but)} on {' '.join(what)}"


def refusal(one: Box, other: Box, known: World | None = None) -> str:
    with pytest.raises(Unsupported) as caught:
        minus(one, other, known)
    return str(caught.value)


# --- one by one ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """`account` None: who is not logged in."""

    account: str | None
    labels: Labels
    resource: str
    service: str
    address: str


def holds(of: Box, request: Request) -> bool:
    """Whether the request lies in the box, in so many words."""
    kind, _, name = request.resource.partition(":")
    values = dict(request.labels)
    filled = {"principal": (request.account or "",), **{f"label.{label}": some for label, some in values.items()}}

    def means(some: Accounts) -> bool:
        if request.account is None:
            return some.anonymous
        return any(matches(one, request.account.split("/"), no_slots) for one in some.names)

    return (
        means(of.accounts)
        and not means(of.exceptions)
        and all(set(values.get(label, ())) & set(wanted) for label, wanted in of.labels)
        and any(
            one.type == kind and matches(one.pattern, name.split("/"), lambda slot: paths(filled.get(slot, ())))
            for one in of.resources
        )
        and (of.services is None or request.service in of.services)
        and (of.networks is None or any(ip_address(request.address) in network for network in of.networks))
    )


PEOPLE: dict[str | None, Labels] = {
    None: (),
    "a": (("team", ("x",)),),
    "b": (("team", ("x", "y")),),
    "ab": (("team", ("y",)), ("tier", ("x",))),
    "a/b": (),
    "ax": (),
    "c": (("team", ("z",)),),
}
NAMES = ["a", "b", "ab", "c", "a/a", "a/b", "b/a", "c/a", "x/a", "a/b/a", "b/b/b/b", "a/a/a/a/a"]
REQUESTS = [
    Request(account, labels, f"repository:{name}", service, address)
    for (account, labels), name, service, address in product(
        PEOPLE.items(), NAMES, ("r1", "r2"), ("10.0.0.1", "10.1.0.1", "::1")
    )
]
KNOWN = world({name: dict(labels) for name, labels in PEOPLE.items() if name is not None})

whos = st.lists(st.sampled_from(["-", "a", "b", "a*", "*b", "**", "*", "a/*"]), min_size=1, max_size=3).map(" ".join)
_FIXED = ["a", "a/b", "a/*", "a/**", "*", "**", "*/a", "**/a", "b/**"]
fixed = st.lists(st.sampled_from(_FIXED), min_size=1, max_size=2).map(" ".join)
slotted = st.lists(
    st.sampled_from([*_FIXED, "{principal}/**", "{principal}", "{label.team}/**", "{label.team}/a"]),
    min_size=1,
    max_size=2,
).map(" ".join)
conditions = {
    "labels": st.sampled_from([(), (), (("team", ("x",)),), (("team", ("x", "y")),), (("tier", ("x",)),)]),
    "services": st.sampled_from([None, None, ("r1",), ("r1", "r2")]),
    "networks": st.sampled_from([None, None, ("10.0.0.0/8",), ("10.1.0.0/16", "::/0")]),
}


def boxes(what: st.SearchStrategy[str], but: st.SearchStrategy[str]) -> st.SearchStrategy[Box]:
    return st.builds(box, whos, what, but=but, **conditions)


_EXCEPTIONS = st.sampled_from(["", "", "a", "-", "a* -", "*b"])


@given(boxes(slotted, _EXCEPTIONS), boxes(slotted, st.just("")), st.sampled_from([None, KNOWN]))
@settings(max_examples=60)
def test_what_is_left_holds_what_one_box_holds_and_the_other_does_not(
    one: Box, other: Box, known: World | None
) -> None:
    try:
        left = minus(one, other, known)
    except Unsupported:
        return
    for request in REQUESTS:
        is_left = any(holds(part, request) for part in left)
        assert is_left is (holds(one, request) and not holds(other, request)), request


@given(boxes(slotted, _EXCEPTIONS), boxes(slotted, _EXCEPTIONS), st.sampled_from([None, KNOWN]))
@settings(max_examples=60)
def test_boxes_that_do_not_meet_have_no_request_in_common(one: Box, other: Box, known: World | None) -> None:
    assert meet(one, other, known) is meet(other, one, known)
    if not meet(one, other, known):
        assert not [request for request in REQUESTS if holds(one, request) and holds(other, request)]


@given(boxes(fixed, _EXCEPTIONS), boxes(fixed, _EXCEPTIONS))
@settings(max_examples=60)
def test_boxes_that_meet_have_a_request_in_common_whatever_labels_they_ask_for(one: Box, other: Box) -> None:
    one, other = replace(one, labels=()), replace(other, labels=())
    if meet(one, other):
        assert any(holds(one, request) and holds(other, request) for request in REQUESTS)


# --- whether two meet --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (box("a"), box("a"), True),
        (box("a"), box("b"), False),
        (box("a"), box("-"), False),
        (box("-"), box("a -"), True),
        (box("a b"), box("b c"), True),
        (box("a*"), box("*b"), True),
        (box("a*"), box("b*"), False),
        (box("a", but="a"), box("a"), False),
        (box("a", but="b"), box("a b"), True),
        (box("a b", but="a"), box("a c"), False),
        (box("a*", but="a*b"), box("*b"), False),  # neither is within the exceptions, but what they share is
        (box("a -", but="-"), box("-"), False),
        (box("a -", but="a"), box("a -"), True),
        (box("-", but="a"), box("-"), True),
        (box(labels=(("team", ("x",)),)), box(labels=(("team", ("y",)),)), True),
        (box(services=("r1",)), box(services=("r2",)), False),
        (box(services=("r1", "r2")), box(services=("r2", "r3")), True),
        (box(services=("r1",)), box(), True),
        (box(networks=("10.0.0.0/8",)), box(networks=("10.1.0.0/16",)), True),
        (box(networks=("10.0.0.0/8",)), box(networks=("11.0.0.0/8",)), False),
        (box(networks=("10.0.0.0/8",)), box(networks=("::/0",)), False),
        (box(networks=("10.0.0.0/8",)), box(), True),
        (box(what="a"), box(what="b"), False),
        (box(what="a"), box(what="zoo:a"), False),
        (box(what="a zoo:a"), box(what="b zoo:*"), True),
        (box(what="a/*"), box(what="*/b"), True),
        (box(what="a/*/c"), box(what="a/b/d"), False),
        (box(what="**/b"), box(what="a/c/b"), True),
        (box(what="a/c/b"), box(what="**/b"), True),
        (box(what="a/**"), box(what="a"), False),
        (box(what="*"), box(what="a/b"), False),
        (box(what="-*"), box(what="*"), False),  # no registry accepts such a name
    ],
)
def test_boxes_meet_where_they_do_in_every_respect(one: Box, other: Box, expected: bool) -> None:
    assert meet(one, other) is expected
    assert meet(other, one) is expected


TEAMS = world({"a": {"team": ("x",)}, "b": {"team": ("y/z",)}, "c": {}})


@pytest.mark.parametrize(
    ("one", "other", "known", "expected"),
    [
        (box("a", "{principal}/**"), box("a", "b/**"), None, False),
        (box("a", "{principal}/**"), box("a", "a/b"), None, True),
        (box("a b", "{principal}/**"), box("**", "b/**"), None, True),
        (box("a b", "{principal}/**"), box("**", "c/**"), None, False),
        (box("**", "{principal}/**"), box("a", "b/**"), None, False),
        (box("a b", "{principal}/**"), box("b c", "a/**"), None, False),
        (box("a b", "{principal}/**"), box("b c", "b/**"), None, True),
        (box("a b c", "{principal}/**"), box("b*", "a/** c/**"), None, False),
        (box("a*", "{principal}/**"), box("**", "b/**"), None, True),  # how the names begin is not looked at
        (box("a -", "{principal}/**"), box("**", "b/**"), None, True),
        (box("a/b", "{principal}/c"), box("**", "a/b/c"), None, True),
        (box("a/b", "{principal}/c"), box("**", "a/c"), None, False),
        (box("a/b", "x-{principal}/c"), box("**", "x-a/c"), None, True),  # a path within a segment matches nothing
        (box("a/b", "{principal}/c"), box("a/*", "a/c c/c"), None, False),
        (box("a", "x-{principal}/c"), box("**", "x-b/c"), None, False),
        (box("**", "{principal}/**"), box("**", "d/**"), None, True),
        (box("**", "{principal}/**"), box("**", "d/**"), TEAMS, False),
        (box("**", "{principal}/**"), box("**", "c/**"), TEAMS, True),
        (box("**", "d/**"), box("**", "{principal}/**"), TEAMS, False),
        (box("**", "{principal}/**"), box("**", "d/**"), replace(TEAMS, is_closed=False), True),
        (box("a", "{principal}/**"), box("**", "b/**"), TEAMS, False),
        (box("**", "{label.team}/**"), box("**", "d/**"), None, True),
        (box("**", "{label.team}/**"), box("**", "d/**"), TEAMS, False),
        (box("**", "{label.team}/**"), box("**", "y/z/a"), TEAMS, True),
        (box("**", "{label.team}/**"), box("**", "d/**"), replace(TEAMS, is_closed=False), True),
        (box("**", "{label.none}/**"), box("**", "**"), TEAMS, False),  # nobody has such a label
        (box("**", "{label.team}/**"), box("**", "d/**"), world({"a": {"team": ("x", "*")}}), True),
        (box("**", "{label.team}/{principal}"), box("**", "x/c y/z/c"), TEAMS, True),
        (box("**", "{label.team}/{principal}"), box("**", "x/d d/c"), TEAMS, False),
        (box("a", "{label.team}/{principal}"), box("**", "x/b"), TEAMS, False),
    ],
)
def test_slots_are_compared_for_all_that_may_fill_them(
    one: Box, other: Box, known: World | None, expected: bool
) -> None:
    assert meet(one, other, known) is expected
    assert meet(other, one, known) is expected


def test_what_may_fill_a_slot_is_looked_at_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it a slot may hold anything, so that more sets may meet."""
    everybody, other = box("**", "{principal}/**"), box("**", "z/**")
    monkeypatch.setattr(sets, "MAX_USERS", 3)
    assert not meet(everybody, other, world({name: {} for name in "abc"}))
    assert meet(everybody, other, world({name: {} for name in "abcd"}))
    monkeypatch.setattr(sets, "MAX_FILLINGS", 2)
    assert not meet(box("a b", "{principal}/**"), other)
    assert meet(box("a b c", "{principal}/**"), other)
    labelled = box("**", "{label.team}/**")
    assert not meet(labelled, other, world({"a": {"team": ("x", "y")}}))
    assert meet(labelled, other, world({"a": {"team": ("w", "x", "y")}}))


# --- what is left ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        (box("a"), box("a"), []),
        (box("a"), box("**"), []),
        (box("a b"), box("a"), ["b on **"]),
        (box("a b c*"), box("a c1"), ["b c* but c1 on **"]),
        (box("**"), box("a b"), ["** but a b on **"]),
        (box("**"), box("a* ab"), ["** but a* on **"]),
        (box("**"), box("a a"), ["** but a on **"]),
        (box("** -"), box("-"), ["** on **"]),
        (box("** -"), box("**"), ["- on **"]),
        (box("a -"), box("a"), ["- on **"]),
        (box("a -"), box("a -"), []),
        (box("-"), box("a"), ["- on **"]),
        (box("-"), box("-"), []),
        (box("**", but="a"), box("b"), ["** but a b on **"]),
        (box("a* -", but="ab"), box("ac"), ["- a* but ab ac on **"]),
        (box("a b", but="a"), box("b"), []),
        (box("a -", but="-"), box("a"), []),
        (box("a b -", but="-"), box("a"), ["b on **"]),
        (box("a b", but="c"), box("a"), ["b on **"]),
    ],
)
def test_accounts_are_taken_away_as_exceptions_where_they_have_to(one: Box, other: Box, left: list[str]) -> None:
    assert [written(part) for part in minus(one, other)] == left


@pytest.mark.parametrize(
    ("what", "other", "left"),
    [
        ("a", "a", []),
        ("a b", "a", ["b"]),
        ("a b", "c", ["a b"]),
        ("a/b", "a/*", []),
        ("*", "a b* *b", None),
        ("a/**", "a/*", ["a/*/**"]),
        ("a/**", "a/*/*", ["a/* a/*/*/**"]),
        ("**", "*", ["*/**"]),
        ("**", "*/*/*", ["* */* */*/*/**"]),
        ("**", "*/*/*/*", None),
        ("a/**", "a/b/**", None),
        ("a/**", "a/b", None),
        ("a/*", "a/b", None),
        ("a/**", "a/* a/*/**", []),
        ("a/*/b", "a/**", []),
        ("**/b", "**", []),
        ("**/b", "a/b", None),
        ("a zoo:a", "a", ["zoo:a"]),
        ("zoo:a", "a", ["zoo:a"]),
        ("zoo:**", "zoo:*", ["zoo:*/**"]),
        ("a", "{principal}", None),
        ("a/**", "{principal}/*", None),
        ("{principal}/**", "{principal}/**", []),
        ("{principal}/a", "{principal}/**", []),
        ("{principal}/**", "{principal}/*", None),
        ("{principal}/*", "{principal}/a", None),
        ("{principal}", "{principal}/a", None),
        ("{principal}/a", "{principal}", None),
        ("{principal}/a", "{principal}/a {principal}/b", []),
        ("{principal}/a", "*/**", []),
        ("{principal}", "**", []),
        ("{principal}", "*", None),
        ("{principal}/a", "{label.x}/a", None),
        ("{label.x}/a/b", "{label.x}/a/*", []),
        ("{principal}/{label.x}", "{principal}/**", None),
        ("{principal}/a", "{principal}/{label.x}", None),
        ("x-{principal}/a", "x-{principal}/*", []),
        ("x-{principal}/a", "x-*/a", []),
        ("x-{principal}/a", "y-{principal}/*", ["x-{principal}/a"]),
        ("x/{principal}/a", "x/{principal}/**", []),
        ("x/{principal}/a", "y/{principal}/**", ["x/{principal}/a"]),
    ],
)
def test_names_are_taken_away_where_patterns_can_say_the_rest(what: str, other: str, left: list[str] | None) -> None:
    if left is None:
        message = "what is left of the names cannot be written as patterns"
        assert refusal(box(what=what), box(what=other)) == message
    else:
        assert [written(part) for part in minus(box(what=what), box(what=other))] == [f"** on {one}" for one in left]


@pytest.mark.parametrize(
    ("one", "other", "known", "left"),
    [
        (box("a", "b/**"), box("a", "{principal}/**"), None, ["a on b/**"]),
        (box("**", "d/**"), box("**", "{principal}/**"), TEAMS, ["** on d/**"]),
        (box("**", "d/**"), box("**", "{label.team}/**"), TEAMS, ["** on d/**"]),
        (box("a b", "{principal}/**"), box("**", "c/**"), None, ["a b on {principal}/**"]),
    ],
)
def test_names_stay_where_what_fills_a_slot_keeps_them_apart(
    one: Box, other: Box, known: World | None, left: list[str]
) -> None:
    assert [written(part) for part in minus(one, other, known)] == left


X, XY, TIER = ("team", ("x",)), ("team", ("x", "y")), ("tier", ("web",))


@pytest.mark.parametrize(
    ("has", "asked", "left"),
    [
        ((), (), []),
        ((X,), (), []),
        ((X,), (X,), []),
        ((X,), (XY,), []),
        ((X, TIER), (XY,), []),
        ((X, TIER), (X, TIER), []),
        ((), (X,), None),
        ((XY,), (X,), None),
        ((X,), (X, TIER), None),
        ((TIER,), (X,), None),
    ],
)
def test_a_condition_on_labels_is_turned_round_only_where_one_follows_from_the_other(
    has: Labels, asked: Labels, left: list[str] | None
) -> None:
    one, other = box("**", labels=has), box("**", labels=asked)
    if left is None:
        assert refusal(one, other) == "its condition on labels cannot be turned round"
    else:
        assert [written(part) for part in minus(one, other)] == left


LABELLED: dict[str, dict[str, tuple[str, ...]]] = {
    "a": {"team": ("x",)},
    "b": {"team": ("z", "y"), "tier": ("web",)},
    "c": {"team": ("z",)},
    "d": {},
    "Max X.": {"site": ("x",)},
    "b/e": {"team": ("x",), "tier": ("api",)},
}


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        (box("**"), box("**", labels=(X,)), ["** but a b/e on **"]),
        (box("**"), box("**", labels=(XY,)), ["** but a b b/e on **"]),
        (box("**"), box("**", labels=(XY, TIER)), ["** but b on **"]),
        (box("**"), box("*", labels=(X,)), ["** but a on **"]),
        (box("**"), box("d b/*", labels=(X,)), ["** but b/e on **"]),
        (box("**"), box("**", labels=(("site", ("x",)),)), ["** but Max X. on **"]),
        (box("a d"), box("**", labels=(X,)), ["d on **"]),
        (box("a"), box("**", labels=(X,)), []),
        (box("** -"), box("**", labels=(TIER,)), ["- ** but b on **"]),
        (box("**"), box("**", labels=(("none", ("x",)),)), ["** on **"]),
        (box("**", but="c"), box("**", labels=(TIER,)), ["** but c b on **"]),
    ],
)
def test_whom_a_condition_on_labels_means_is_named_one_by_one(one: Box, other: Box, left: list[str]) -> None:
    assert [written(part) for part in minus(one, other, world(LABELLED))] == left


def test_those_with_a_label_are_not_named_where_users_come_from_elsewhere() -> None:
    message = "users come from elsewhere, so those with a label cannot be named"
    assert refusal(box(), box(labels=(X,)), world(LABELLED, is_closed=False)) == message


@pytest.mark.parametrize("name", [*"*?{}[]\\^$|"])
def test_a_name_that_no_rule_can_hold_is_not_named(name: str) -> None:
    known = world({f"a{name}": {"team": ("x",)}, f"b{name}": {}})
    assert refusal(box(), box(labels=(X,)), known) == f"the name `a{name}` cannot be written in a rule"


@pytest.mark.parametrize(
    ("has", "taken", "left"),
    [
        (("r1", "r2", "r3"), ("r2", "r4"), [("r1", "r3")]),
        (("r1",), ("r1", "r2"), []),
        (("r1",), None, []),
        (None, None, []),
        (("r1",), ("r2",), [("r1",)]),
    ],
)
def test_services_are_taken_away_one_by_one(
    has: tuple[str, ...] | None, taken: tuple[str, ...] | None, left: list[tuple[str, ...]]
) -> None:
    one = box("a -", "b/*", but="b", labels=(X,), services=has, networks=("10.0.0.0/8",))
    parts = minus(one, box("** -", services=taken))
    assert parts == tuple(replace(one, services=services) for services in left)


def test_all_services_but_one_cannot_be_written() -> None:
    assert refusal(box(), box(services=("r1",))) == "all services but one cannot be written"


@pytest.mark.parametrize(
    ("has", "taken", "left"),
    [
        (("10.0.0.0/8",), ("10.0.0.0/9",), [("10.128.0.0/9",)]),
        (("10.0.0.0/8", "::/1"), ("10.0.0.0/8",), [("::/1",)]),
        (("10.0.0.0/8",), ("0.0.0.0/0",), []),
        (("10.0.0.0/8",), None, []),
        (None, None, []),
        (None, ("0.0.0.0/1",), [("128.0.0.0/1", "::/0")]),
        (None, ("0.0.0.0/0", "::/0"), []),
    ],
)
def test_addresses_are_taken_away_as_networks(
    has: tuple[str, ...] | None, taken: tuple[str, ...] | None, left: list[tuple[str, ...]]
) -> None:
    one = box("a -", "b/*", but="b", labels=(X,), services=("r1",), networks=has)
    parts = minus(one, box("** -", networks=taken))
    assert parts == tuple(replace(one, networks=tuple(map(ip_network, networks))) for networks in left)


def test_a_request_is_left_where_it_is_outside_in_one_respect() -> None:
    one = box("a b", "a b", services=("r1", "r2"), networks=("10.0.0.0/8",))
    left = minus(one, box("a", "a", services=("r1",), networks=("10.0.0.0/9",)))
    assert left == (
        replace(one, accounts=accounts("b")),
        replace(one, resources=box(what="b").resources),
        replace(one, services=("r2",)),
        replace(one, networks=(ip_network("10.128.0.0/9"),)),
    )


# --- limits ------------------------------------------------------------------------------------------------------


def test_what_is_left_is_a_number_of_rules_that_people_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = box("a b", "a b"), box("a", "a")
    monkeypatch.setattr(sets, "MAX_BOXES", 2)
    assert len(minus(one, other)) == 2
    monkeypatch.setattr(sets, "MAX_BOXES", 1)
    assert refusal(one, other) == "it takes more than 1 rules"


def test_what_is_left_of_the_addresses_is_few_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = box(networks=("10.0.0.0/30",)), box(networks=("10.0.0.1/32",))
    monkeypatch.setattr(sets, "MAX_NETWORKS", 2)
    assert len(minus(one, other)) == 1
    monkeypatch.setattr(sets, "MAX_NETWORKS", 1)
    assert refusal(one, other) == "what is left of the addresses takes more than 1 networks"


def test_a_set_lies_within_itself_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_STATES", 0)
    one = box("q*b*", "a")
    assert minus(one, box("q*b*", "zoo:a")) == (one,)
    assert minus(one, box("c q*b*", "zoo:a")) == (one,)
    assert (
        refusal(one, box("q*", "zoo:a")) == "names can match in more than 0 ways; anchor patterns, or import a part"
    )


# --- patterns without slots --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/*/b?/**", "a/*/b?/**"),
        ("{principal}", "**"),
        ("{principal}/a", "*/**/a"),
        ("a/{label.x}", "a/**"),
        ("a/{label.x}/{principal}", "a/*/**/**"),
        ("a-{principal}-b/c", "a-*-b/c"),
        ("*a?{label.x}b*/c", "*a?*b*/c"),
        ("x/{label.x}*", "x/**"),
    ],
)
def test_a_slot_may_hold_anything(pattern: str, expected: str) -> None:
    found = loose(parse_resource(f"repository:{pattern}", "").pattern)
    assert show(found) == expected
    for value in ("a", "bb"):
        text = pattern.replace("{principal}", value).replace("{label.x}", value)
        assert matches(found, re.sub(r"\*+|\?", "z", text).split("/"), no_slots)
