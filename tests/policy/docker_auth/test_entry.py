"""One entry alone: whom, what and from where it means, what cannot be read of it, and what is said about it."""

from typing import Any

import pytest

from token_service.errors import LoadError
from token_service.policy.docker_auth.entry import NOBODY, Accounts, AclEntry, read_entry
from token_service.policy.docker_auth.source import Findings, User, World
from token_service.policy.notation import parse_name
from token_service.policy.pattern import show
from token_service.strict_yaml import load

USERS = {
    "alice": User("alice", "x", {"group": ("team", "dev", "VIP")}),
    "bob": User("bob", "x", {"group": ("dev2",), "site": ("dev3",)}),
    "eve": User("eve", "x"),
}
TYPES = ("plugin", "registry", "repository")
WORLD = World(USERS, has_anonymous=True, is_closed=True, types=TYPES)

EVERYTHING: dict[str, Any] = {
    "actions": [],
    "who": ["anonymous", "**"],
    "labels": {},
    "resources": ["plugin:**", "registry:catalog", "repository:**"],
    "services": None,
    "networks": None,
    "comment": "",
    "is_exact": True,
    "is_reachable": True,
}
NEVER = "the entry never matches: nobody, or nothing that a registry can hold, is meant by it"
ANYWHERE = "matches anywhere in the text, as docker_auth does; anchor it with ^ and $"
ONE_SEGMENT = "`**` is no more than `*` in docker_auth, and stays within a segment"
BECAME = (
    "label group: the pattern became the values that users have now: {}; "
    "add to them when you give somebody another one"
)
TEAM = (
    "`match` has no key `team`: docker_auth ignores it and grants to everybody who meets the rest of the entry; "
    "write a key that exists (account, type, name, ip, service, labels)"
)
AFTER = "`+` after something else than `.` or `[^/]` has no counterpart"


def read(text: str, world: World = WORLD) -> tuple[AclEntry, list[str], list[str]]:
    """The third entry, in the second line; what it says, problems and notes, without their common beginning."""
    findings = Findings()
    entry = read_entry(3, load(f"\n{text}", "a.yml"), world, findings)
    start = "a.yml:2: entry 3: "
    assert all(str(one).startswith(start) for one in (*findings.problems, *findings.notes))
    return (
        entry,
        [str(one).removeprefix(start) for one in findings.problems],
        [str(one).removeprefix(start) for one in findings.notes],
    )


def meaning(entry: AclEntry) -> dict[str, Any]:
    """Where the entry is not one that denies everything to everybody."""
    box = entry.box
    assert not box.exceptions
    all_of_it = {
        "actions": None if entry.actions is None else sorted(entry.actions),
        "who": [*(["anonymous"] if box.accounts.anonymous else []), *map(show, box.accounts.names)],
        "labels": dict(box.labels),
        "resources": [*map(str, box.resources)],
        "services": box.services,
        "networks": box.networks and [*map(str, box.networks)],
        "comment": entry.comment,
        "is_exact": entry.is_exact,
        "is_reachable": entry.is_reachable,
    }
    return {key: value for key, value in all_of_it.items() if value != EVERYTHING[key]}


# --- what is read exactly --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "expected", "notes"),
    [
        ("", {}, []),
        ("account: alice", {"who": ["alice"]}, []),
        ("account: ''", {"who": ["anonymous"]}, []),
        ("account: '*'", {"who": ["anonymous", "*"]}, []),
        ("account: 'a*'", {"who": ["a*"]}, []),
        ("account: '/^(alice|bob)$/'", {"who": ["alice", "bob"]}, []),
        ("account: '/.+/'", {"who": ["**"]}, []),
        ("account: '/dev/'", {"who": ["**/*dev*", "**/*dev*/**"]}, [f"account `/dev/` {ANYWHERE}"]),
        ("account: '**'", {"who": ["anonymous", "*"]}, [f"account `**`: {ONE_SEGMENT}"]),
        ("type: repository", {"resources": ["repository:**"]}, []),
        ("type: 'reg*'", {"resources": ["registry:catalog"]}, []),
        ("type: '/^re/'", {"resources": ["registry:catalog", "repository:**"]}, [f"type `/^re/` {ANYWHERE}"]),
        ("type: other", {"who": ["**"], "resources": [], "is_reachable": False}, [NEVER]),
        ("name: 'team/*'", {"resources": ["plugin:team/*", "repository:team/*"]}, []),
        ("name: '*'", {"resources": ["plugin:*", "registry:catalog", "repository:*"]}, []),
        ("name: team, type: repository", {"resources": ["repository:team"]}, []),
        ("name: 'catalog/x', type: registry", {"who": ["**"], "resources": [], "is_reachable": False}, [NEVER]),
        ("name: 'a{b}'", {"who": ["**"], "resources": [], "is_reachable": False}, [NEVER]),
        (
            "name: 'team/**', type: repository",
            {"resources": ["repository:team/*"]},
            [f"name `team/**`: {ONE_SEGMENT}"],
        ),
        (
            "name: '/^a/', type: repository",
            {"resources": ["repository:a*", "repository:a*/**"]},
            [f"name `/^a/` {ANYWHERE}"],
        ),
        ("service: r1", {"services": ("r1",)}, []),
        ("service: '/^(r1|r2)$/'", {"services": ("r1", "r2")}, []),
        ("service: '/^r[**]$/'", {"services": ("r*",)}, []),  # a class, which `**` is not
        ("service: '/.*/'", {}, []),
        ("service: '/.+/'", {}, []),
        ("ip: 10.0.0.7/8", {"networks": ["10.0.0.0/8"]}, []),
        ("ip: 10.0.0.7", {"networks": ["10.0.0.7/32"]}, []),
        ("ip: '::1'", {"networks": ["::1/128"]}, []),
        ("ip: '2001:DB8::/32'", {"networks": ["2001:db8::/32"]}, []),
        ("ip: '::ffff:10.1.2.3'", {"networks": ["10.1.2.3/32"]}, []),
        ("ip: '::ffff:10.0.0.0/104'", {"networks": ["10.0.0.0/8"]}, []),
        ("ip: '::ffff:0:0/96'", {"networks": ["0.0.0.0/0"]}, []),
        ("ip: '::ffff:0:0/95'", {"networks": ["::fffe:0:0/95"]}, []),
        ("labels: {}", {}, []),
        ("labels: {group: dev}", {"who": ["**"], "labels": {"group": ("dev",)}}, []),
        (
            "labels: {site: '/^(b|a)$/', group: ''}",
            {"who": ["**"], "labels": {"group": ("",), "site": ("a", "b")}},
            [],
        ),
        ("account: alice, labels: {group: dev}", {"who": ["alice"], "labels": {"group": ("dev",)}}, []),
        (
            "account: '', labels: {group: dev}",
            {"who": [], "labels": {"group": ("dev",)}, "is_reachable": False},
            [NEVER],
        ),
    ],
)
def test_an_entry_is_the_set_that_docker_auth_matches(match: str, expected: dict[str, Any], notes: list[str]) -> None:
    entry, problems, said = read(f"{{match: {{{match}}}, actions: []}}")
    assert meaning(entry) == expected
    assert (problems, said) == ([], notes)
    assert (entry.number, entry.place) == (3, "a.yml:2")


@pytest.mark.parametrize(
    ("name", "who", "resources"),
    [
        ("${account}", ["**"], ["plugin:{principal}", "registry:{principal}", "repository:{principal}"]),
        ("${account}/x", ["**"], ["plugin:{principal}/x", "repository:{principal}/x"]),
        (
            "${labels:group}",
            ["**"],
            ["plugin:{label.group}", "registry:{label.group}", "repository:{label.group}"],
        ),
        ("${labels:group}-x/*", ["**"], ["plugin:{label.group}-x/*", "repository:{label.group}-x/*"]),
        ("x/${account}", ["**"], ["plugin:x/{principal}", "repository:x/{principal}"]),
        (
            "${account}*",
            ["anonymous", "**"],
            ["plugin:{principal}*", "registry:{principal}*", "repository:{principal}*"],
        ),
    ],
)
def test_nobody_in_particular_has_no_name_and_no_labels(name: str, who: list[str], resources: list[str]) -> None:
    """`${account}*` is `*` for them. A placeholder of type `registry` may be `catalog`, if it is all of the name."""
    entry, problems, notes = read(f"{{match: {{name: '{name}'}}, actions: []}}")
    assert ([*map(str, entry.box.resources)], problems, notes) == (resources, [], [])
    assert meaning(entry).get("who", EVERYTHING["who"]) == who


def test_nobody_in_particular_stays_where_a_part_of_the_names_needs_no_name() -> None:
    entry, _, _ = read("{match: {name: '/^(${account}|x)$/', type: repository}, actions: []}")
    assert meaning(entry) == {"resources": ["repository:{principal}", "repository:x"]}


@pytest.mark.parametrize(("account", "who"), [("", ["**"]), ("account: '*'", ["*"]), ("account: '/.*/'", ["**"])])
def test_nobody_is_anonymous_without_an_anonymous_user(account: str, who: list[str]) -> None:
    world = World(USERS, has_anonymous=False, is_closed=True, types=TYPES)
    entry, _, _ = read(f"{{match: {{{account}}}, actions: []}}", world)
    assert meaning(entry) == {"who": who}
    assert meaning(read("{match: {account: ''}, actions: []}", world)[0]) == {"who": [], "is_reachable": False}


@pytest.mark.parametrize(
    ("pattern", "values", "said", "more"),
    [
        ("dev*", ("dev", "dev2"), "dev, dev2", []),
        ("/.+/", ("VIP", "dev", "dev2", "team"), "VIP, dev, dev2, team", []),
        ("/^t/", ("team",), "team", [f"label group `/^t/` {ANYWHERE}"]),
        ("x*", (), "none", []),
    ],
)
def test_a_pattern_of_label_values_becomes_those_that_users_have(
    pattern: str, values: tuple[str, ...], said: str, more: list[str]
) -> None:
    entry, problems, notes = read(f"{{match: {{labels: {{group: '{pattern}'}}}}, actions: []}}")
    unreachable = {} if values else {"is_reachable": False}
    assert meaning(entry) == {"who": ["**"], "labels": {"group": values}, **unreachable}
    assert problems == []
    assert notes == [*more, BECAME.format(said), *([] if values else [NEVER])]


def test_literal_label_values_need_no_users() -> None:
    world = World(USERS, has_anonymous=True, is_closed=False, types=TYPES)
    entry, problems, notes = read("{match: {labels: {group: d}}, actions: []}", world)
    assert meaning(entry) == {"who": ["**"], "labels": {"group": ("d",)}}
    assert (problems, notes) == ([], [])


@pytest.mark.parametrize(
    ("actions", "expected", "notes"),
    [
        ("[]", {}, []),
        ("[pull]", {"actions": ["pull"]}, []),
        ("[push, pull]", {"actions": ["pull", "push"]}, []),
        ("['*']", {"actions": None}, []),
        (
            "[pull, PUSH, a-b, '']",
            {"actions": ["pull"]},
            [f"action `{word}` is left out: nobody can ask for it" for word in ("PUSH", "a-b", "")],
        ),
    ],
)
def test_actions_are_words_or_everything(actions: str, expected: dict[str, Any], notes: list[str]) -> None:
    entry, problems, said = read(f"{{match: {{}}, actions: {actions}}}")
    assert (meaning(entry), problems, said) == (expected, [], notes)


def test_an_entry_says_its_actions_or_all() -> None:
    one, none, everything = (read(f"{{match: {{}}, actions: {it}}}")[0] for it in ("[pull]", "[]", "['*']"))
    assert [one.says("pull"), one.says("push"), one.is_deny] == [True, False, False]
    assert [none.says("pull"), none.is_deny] == [False, True]
    assert [everything.says("pull"), everything.says("*"), everything.is_deny] == [True, True, False]


def test_a_comment_is_kept() -> None:
    entry, problems, notes = read("{match: {}, actions: [], comment: 'why: # not'}")
    assert (meaning(entry), problems, notes) == ({"comment": "why: # not"}, [], [])


# --- what is a problem: the entry is too large then, never too small --------------------------------------------


@pytest.mark.parametrize(
    ("match", "expected", "problem"),
    [
        ("account: '/[a-z]+/'", {}, f"account `/[a-z]+/`: {AFTER}"),
        ("account: '${account}'", {}, "account `${account}`: a placeholder (${account}) is read in `name` only"),
        ("account: 'a{b'", {}, "account: it holds a character that our patterns for principals cannot hold"),
        ("type: '/[a-z]+/'", {}, f"type `/[a-z]+/`: {AFTER}"),
        ("type: '${account}'", {}, "type `${account}`: a placeholder (${account}) is read in `name` only"),
        ("name: '/[a-z]+/'", {}, f"name `/[a-z]+/`: {AFTER}"),
        (
            "name: '${labels:a}${labels:b}'",
            {},
            "name `${labels:a}${labels:b}`: two placeholders in one segment have no counterpart",
        ),
        (
            "name: '${labels:a}${labels:b}', type: 're*', account: alice",
            {"who": ["alice"], "resources": ["registry:catalog", "repository:**"]},
            "name `${labels:a}${labels:b}`: two placeholders in one segment have no counterpart",
        ),
        (
            "service: 'r*'",
            {},
            "service: a pattern of services has no counterpart; write an entry for each, or remove it",
        ),
        ("service: '/[a-z]+/'", {}, f"service `/[a-z]+/`: {AFTER}"),
        ("service: '${account}'", {}, "service `${account}`: a placeholder (${account}) is read in `name` only"),
        ("ip: '10.0.0.*'", {}, "ip `10.0.0.*` is neither an address nor a network"),
        ("ip: 10.0.0.0/33", {}, "ip `10.0.0.0/33` is neither an address nor a network"),
        ("ip: 10.0.0.0/255.0.0.0", {}, "ip `10.0.0.0/255.0.0.0` is neither an address nor a network"),
        ("ip: 'fe80::1%eth0'", {}, "ip `fe80::1%eth0` is neither an address nor a network"),
        ("ip: ''", {}, "ip `` is neither an address nor a network"),
        ("labels: {'a b': x}", {}, "label `a b` is not a label name here; letters, digits, . _ -"),
        ("labels: {group: '/[a-z]+/'}", {}, f"label group `/[a-z]+/`: {AFTER}"),
        (
            "labels: {group: '${account}', site: x}",
            {"who": ["**"], "labels": {"site": ("x",)}},
            "label group `${account}`: a placeholder (${account}) is read in `name` only",
        ),
        (
            "labels: {'a b': y, site: x}",
            {"who": ["**"], "labels": {"site": ("x",)}},
            "label `a b` is not a label name here; letters, digits, . _ -",
        ),
        (
            "team: x, account: alice",
            {"who": ["alice"]},
            TEAM,
        ),
        (
            "team: x, type: other",  # which is not told to match never: who knows what was meant
            {"who": ["**"], "resources": [], "is_reachable": False},
            TEAM,
        ),
    ],
)
def test_a_field_that_cannot_be_read_limits_nothing(match: str, expected: dict[str, Any], problem: str) -> None:
    entry, problems, notes = read(f"{{match: {{{match}}}, actions: []}}")
    assert meaning(entry) == {**expected, "is_exact": False}
    assert (problems, notes) == ([problem], [])


@pytest.mark.parametrize(
    ("text", "expected", "problem"),
    [
        (
            "{match: {}}",
            {},
            "there are no `actions`; docker_auth fails when it matches (write `actions: []` to deny)",
        ),
        (
            "{match: {}, actions: pull}",
            {},
            "there are no `actions`; docker_auth fails when it matches (write `actions: []` to deny)",
        ),
        (
            "{match: {}, actions: [pull, '*']}",
            {"actions": ["pull"]},
            "`*` beside other actions is a literal in docker_auth; let it stand alone, or remove it",
        ),
        (
            "{actions: [pull]}",
            {"actions": ["pull"]},
            "there is no `match`; docker_auth does not start with it (write `match: {}` for everything)",
        ),
        (
            "{match: , actions: []}",
            {},
            "there is no `match`; docker_auth does not start with it (write `match: {}` for everything)",
        ),
        (
            "{match: {account: alice}, actions: [], action: [pull]}",
            {"who": ["alice"]},
            "an entry has no key `action`; docker_auth ignores it in silence",
        ),
    ],
)
def test_what_is_missing_or_unknown_in_an_entry_is_told(text: str, expected: dict[str, Any], problem: str) -> None:
    entry, problems, notes = read(text)
    assert meaning(entry) == {**expected, "is_exact": False}
    assert (problems, notes) == ([problem], [])


def test_all_problems_are_told_at_once() -> None:
    _, problems, notes = read(
        "{match: {a: x, ip: x, account: '/a**/', name: '/a**/'}, actions: ['*', A], b: c, d: e}"
    )
    assert [one.partition(" ")[0] for one in problems] == ["an", "an", "`match`", "name", "account", "ip", "`*`"]
    assert notes == ["action `A` is left out: nobody can ask for it"]


def test_a_pattern_of_label_values_needs_all_users() -> None:
    world = World(USERS, has_anonymous=True, is_closed=False, types=TYPES)
    entry, problems, notes = read("{match: {labels: {group: 'd*'}}, actions: []}", world)
    assert meaning(entry) == {"is_exact": False}
    assert notes == []
    assert problems == ["label group: a pattern of values has no counterpart where users come from elsewhere"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "an entry of acl is a list (write a mapping: {key: value})"),
        ("{match: [], actions: []}", "match is a list (write a mapping: {key: value})"),
        ("{match: x, actions: []}", "match is a text (write a mapping: {key: value})"),
        ("{match: {}, actions: {}}", "actions is a mapping (write a list: [a, b])"),
        ("{match: {}, actions: [1]}", 'an action `1` is a number, date or switch to some YAML tools (quote it: "1")'),
        ("{match: {}, actions: [], comment: [a]}", "comment is a list (write a text)"),
        ("{match: {account: [a]}, actions: []}", "account is a list (write a text)"),
        ("{match: {type: [a]}, actions: []}", "type is a list (write a text)"),
        ("{match: {name: [a]}, actions: []}", "name is a list (write a text)"),
        ("{match: {service: [a]}, actions: []}", "service is a list (write a text)"),
        ("{match: {ip: [a]}, actions: []}", "ip is a list (write a text)"),
        ("{match: {ip: }, actions: []}", 'ip is empty (write "" for an empty text, or remove the key)'),
        ("{match: {labels: [a]}, actions: []}", "labels is a list (write a mapping: {key: value})"),
        ("{match: {labels: {group: [a]}}, actions: []}", "label group is a list (write a text)"),
    ],
)
def test_what_has_another_shape_is_refused(text: str, message: str) -> None:
    with pytest.raises(LoadError) as caught:
        read(text)
    assert str(caught.value) == f"a.yml:2: {message}"


# --- accounts --------------------------------------------------------------------------------------------------


def test_accounts_are_somebody_or_not() -> None:
    alice, bob = (parse_name(name, "") for name in ("alice", "bob"))
    assert not NOBODY
    assert Accounts(anonymous=True)
    assert Accounts(names=(alice,))
    assert Accounts(names=(alice, bob)) | Accounts(anonymous=True, names=(bob,)) == Accounts(
        anonymous=True, names=(alice, bob)
    )
    assert Accounts(anonymous=True) | NOBODY == NOBODY | Accounts(anonymous=True) == Accounts(anonymous=True)
    assert NOBODY | NOBODY == NOBODY
