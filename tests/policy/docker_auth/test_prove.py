"""The proof: what it compares for whom, what it says of a difference, and what it knows of odd labels."""

import pytest

from tests.policy.docker_auth.test_translate import Acl, read
from token_service.policy.docker_auth.prove import Difference, are_placeholders_plain, odd_values, prove
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import User, World
from token_service.policy.parse import parse_policy
from token_service.policy.rule import Rule

USERS = {
    "alice": User("alice", "x", {"group": ("team", "dev"), "odd": ("t*", "web")}),
    "Bob": User("Bob", "x", {"tier": ("web",)}),
}
WORLD = World(USERS, has_anonymous=True, is_closed=True, types=("registry", "repository"))
NEW = "zq0-somebody-new"
OTHER = "some.other.registry.invalid"


def rules(*lines: str) -> tuple[Rule, ...]:
    """`EFFECT ACTION PRINCIPAL[-EXCEPTION] RESOURCE CONDITIONS`"""
    texts = []
    for number, line in enumerate(lines):
        effect, action, who, resource, *when = line.split(" ", maxsplit=4)
        who, _, less = who.partition("-")
        texts.append(
            f"- {{id: r{number}, {effect}: ['{action}'], principals: ['{who}'], resources: ['{resource}']"
            f"{f', except: [{less!r}]' if less else ''}{f', when: {{{when[0]}}}' if when else ''}}}\n"
        )
    return parse_policy("version: 1\nrules:" + ("\n" + "".join(texts) if lines else " []"), "p").rules


def differences(acl: Acl, *lines: str, world: World = WORLD) -> list[str]:
    """`ACCOUNT +ACTION RESOURCE ADDRESS SERVICE`: + is what the rules grant and the list does not, - the other."""
    return [
        f"{one.principal or '-'} {'+' if one.is_more else '-'}{one.action} {one.resource} {one.address} {one.service}"
        for one in prove(read(acl, world), rules(*lines), world)
    ]


def everybody(text: str) -> list[str]:
    return [f"{name} {text}" for name in ("alice", "Bob", NEW, "-")]


# --- what is compared ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acl", "lines"),
    [
        ([], []),
        ([("type: repository", "pull")], ["allow pull anyone repository:**"]),
        ([("", "'*'")], ["allow * anyone repository:**", "allow * anyone registry:catalog"]),
        ([("type: repository, account: '/.+/'", "pull")], ["allow pull user:** repository:**"]),
        ([("type: repository, account: ''", "pull")], ["allow pull anonymous repository:**"]),
        ([("type: repository, account: '/^(Bob|alice)$/'", "pull")], [
            "allow pull user:alice repository:**", "allow pull user:Bob repository:**",
        ]),
        (
            [("name: x, account: alice, type: repository", ""), ("type: repository", "pull")],
            ["allow pull anyone repository:**", "deny * user:alice repository:x"],
        ),
        (
            [("account: alice, type: repository", ""), ("type: repository", "pull")],
            ["allow pull anyone-user:alice repository:**"],
        ),
        ([("service: r1, type: repository", "pull")], ["allow pull anyone repository:** service: [r1]"]),
        ([("ip: 10.0.0.0/8, type: repository", "pull")], ["allow pull anyone repository:** source_ip: [10.0.0.0/8]"]),
        (
            [("ip: 255.0.0.0/8, type: repository", "pull")],
            ["allow pull anyone repository:** source_ip: [255.0.0.0/8]"],
        ),
        ([("ip: 'ff00::/8', type: repository", "pull")], ["allow pull anyone repository:** source_ip: ['ff00::/8']"]),
        (
            [("labels: {group: team}, type: repository", "pull")],
            ["allow pull user:** repository:** labels: {group: team}"],
        ),
        (
            [("labels: {group: team, tier: web}, type: repository", "pull")],
            ["allow pull user:** repository:** labels: {group: team, tier: web}"],
        ),
        (
            [("name: '${labels:group}/*', type: repository", "pull")],
            ["allow pull user:** repository:{label.group}/*"],
        ),
        (
            [("name: '/^${account}-x$/', type: repository", ""), ("type: repository", "pull")],
            ["allow pull anyone repository:**", "deny * user:** repository:{principal}-x"],
        ),
        (
            [("type: repository", "pull, push, delete"), ("account: x, name: x, type: repository", "list")],
            ["allow * anyone repository:**"],  # which is not what has a name of its own
        ),
        ([("type: other", "pull")], []),  # never matches
    ],
)  # fmt: skip
def test_rules_that_grant_the_same_do_not_differ(acl: Acl, lines: list[str]) -> None:
    world = World({"alice": USERS["alice"]}, has_anonymous=True, is_closed=True, types=WORLD.types)
    assert differences(acl, *lines, world=world) == []


@pytest.mark.parametrize(
    ("acl", "lines", "expected"),
    [
        ([("type: repository", "pull")], [], everybody(f"-pull repository:0 0.0.0.0 {OTHER}")),
        ([], ["allow pull anyone repository:**"], everybody(f"+pull repository:0 0.0.0.0 {OTHER}")),
        ([], ["allow list anyone repository:**"], []),  # which neither side has heard of
        ([("account: x", "list")], ["allow list anyone repository:**"], everybody(
            f"+list repository:0 0.0.0.0 {OTHER}"
        )),
        (
            [("type: repository", "pull")],
            ["allow pull user:** repository:**"],
            [f"- -pull repository:0 0.0.0.0 {OTHER}"],
        ),
        (
            [("type: repository", "pull")],
            ["allow pull anonymous repository:**"],
            [f"{name} -pull repository:0 0.0.0.0 {OTHER}" for name in ("alice", "Bob", NEW)],
        ),
        (
            [("account: alice, type: repository", "pull")],
            ["allow push user:alice repository:**"],
            [f"alice -pull repository:0 0.0.0.0 {OTHER}", f"alice +push repository:0 0.0.0.0 {OTHER}"],
        ),
        (
            [("type: repository", "pull")],
            ["allow pull anyone-user:alice repository:**"],
            [f"alice -pull repository:0 0.0.0.0 {OTHER}"],
        ),
        (
            [("type: repository", "pull")],
            ["allow pull anyone repository:**", "deny pull user:alice repository:a/b"],
            [f"alice -pull repository:a/b 0.0.0.0 {OTHER}"],
        ),
        (
            [("type: repository", "pull"), ("name: x, type: registry", "pull")],
            ["allow pull anyone repository:**", "allow * anonymous registry:catalog"],
            [f"- +delete registry:catalog 0.0.0.0 {OTHER}"],
        ),
    ],
)  # fmt: skip
def test_each_account_that_gets_or_loses_something_is_named(acl: Acl, lines: list[str], expected: list[str]) -> None:
    """Those of the file, somebody new, and those who are not logged in; one example for each direction."""
    assert differences(acl, *lines) == expected


@pytest.mark.parametrize(
    ("match", "condition", "expected"),
    [
        ("service: r1", "", f"+pull repository:0 0.0.0.0 {OTHER}"),
        ("", "service: [r1]", f"-pull repository:0 0.0.0.0 {OTHER}"),
        ("service: r1", "service: [r1, r2]", "+pull repository:0 0.0.0.0 r2"),
        ("service: '/^(r1|r2)$/'", "service: [r1]", "-pull repository:0 0.0.0.0 r2"),
        ("ip: 10.0.0.0/8", "source_ip: [10.0.0.0/7]", f"+pull repository:0 11.0.0.0 {OTHER}"),
        ("ip: 10.0.0.0/8", "source_ip: [10.0.0.0/9]", f"-pull repository:0 10.128.0.0 {OTHER}"),
        ("ip: 10.0.0.0/9", "source_ip: [10.0.0.0/8]", f"+pull repository:0 10.128.0.0 {OTHER}"),
        ("ip: 10.0.0.0/8", "source_ip: [10.0.0.0/9, 10.128.0.0/10]", f"-pull repository:0 10.192.0.0 {OTHER}"),
        ("ip: 10.0.0.0/7", "source_ip: [10.0.0.0/8, 10.0.0.0/9]", f"-pull repository:0 11.0.0.0 {OTHER}"),
        ("ip: 255.255.255.255", "source_ip: [192.0.2.1]", f"+pull repository:0 192.0.2.1 {OTHER}"),
        ("ip: 255.255.255.255", "source_ip: [192.0.2.1, 255.255.255.255]", f"+pull repository:0 192.0.2.1 {OTHER}"),
        ("ip: 255.255.255.254/31", "source_ip: [255.255.255.254]", f"-pull repository:0 255.255.255.255 {OTHER}"),
        ("ip: 192.0.2.1", "source_ip: [192.0.2.1, 255.255.255.255]", f"+pull repository:0 255.255.255.255 {OTHER}"),
        ("ip: '2001:db8::/32'", "source_ip: ['2001:db8::/33']", f"-pull repository:0 2001:db8:8000:: {OTHER}"),
        ("ip: 0.0.0.0/0", "", f"+pull repository:0 :: {OTHER}"),
        ("ip: '::/0'", "", f"+pull repository:0 0.0.0.0 {OTHER}"),
        ("ip: '::fffe:0:0/95'", "source_ip: ['::fffe:0:0/96']", ""),  # what is more, is IPv4 written as IPv6
        ("labels: {group: team}", "labels: {group: dev}", ""),  # alice has both, and nobody else one
        ("labels: {group: team}", "labels: {group: other}", f"-pull repository:0 0.0.0.0 {OTHER}"),
        ("labels: {group: team}", "labels: {group: other, odd: web}", f"-pull repository:0 0.0.0.0 {OTHER}"),
        ("labels: {group: team, tier: web}", "labels: {group: team}", f"+pull repository:0 0.0.0.0 {OTHER}"),
    ],
)
def test_every_service_and_network_of_either_side_is_tried(match: str, condition: str, expected: str) -> None:
    world = World({"alice": USERS["alice"]}, has_anonymous=False, is_closed=True, types=("repository",))
    acl = [(f"account: alice, type: repository{', ' if match else ''}{match}", "pull")]
    found = differences(acl, f"allow pull user:alice repository:**{' ' if condition else ''}{condition}", world=world)
    assert found[:1] == ([f"alice {expected}"] if expected else [])


def test_those_who_are_not_logged_in_are_asked_for_only_if_there_is_such_a_user() -> None:
    world = World(USERS, has_anonymous=False, is_closed=True, types=WORLD.types)
    assert differences([], "allow pull anonymous repository:**", world=world) == []


def test_a_list_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("token_service.policy.docker_auth.walk.MAX_STATES", 2)
    with pytest.raises(Unsupported, match="names can match in more than 2 ways"):
        differences([("name: team/app, type: repository", "pull")])


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (
            Difference("alice", "r1", "::1", "repository:a/b", "pull", is_more=True),
            "account `alice` would get `pull` on `repository:a/b` (from ::1, service r1)",
        ),
        (
            Difference("", "r1", "10.0.0.1", "registry:catalog", "*", is_more=False),
            "somebody who is not logged in would lose `*` on `registry:catalog` (from 10.0.0.1, service r1)",
        ),
    ],
)
def test_a_difference_is_told_as_a_request(difference: Difference, text: str) -> None:
    assert str(difference) == text


# --- what stands in placeholders -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acl", "lines", "expected"),
    [
        pytest.param(
            [("name: '${account}/*'", "pull")],
            ["allow pull user:** repository:{principal}/*"],
            [f"Bob -pull repository:Bob/0 0.0.0.0 {OTHER}"],
            id="an account in upper case is taken for a host there, and by no placeholder here",
        ),
        pytest.param(
            [("name: '/^${account}\\/.*$/'", "pull")],
            ["allow pull user:** repository:{principal}/**"],
            [f"Bob -pull repository:Bob/0 0.0.0.0 {OTHER}"],
            id="in a regular expression, too",
        ),
        pytest.param(
            [("name: 'x/${account}'", "pull")],
            ["allow pull user:** repository:x/{principal}"],
            [],
            id="where no host can be, it is in no name",
        ),
        pytest.param(
            [("name: '${labels:odd}/*', type: repository", "pull")],
            ["allow pull user:** repository:{label.odd}/*"],
            [],
            id="what a label loses that is a pattern, the report says by itself",
        ),
        pytest.param(
            [("name: '${labels:odd}/*', type: repository", "pull")],
            ["allow pull user:alice repository:t*/*"],
            [],
            id="it may be granted, for docker_auth does",
        ),
        pytest.param(
            [("name: '${labels:odd}/*', type: repository", "pull")],
            ["allow pull user:alice repository:tt*/*", "allow pull user:alice repository:x/y"],
            [f"alice +pull repository:x/y 0.0.0.0 {OTHER}"],
            id="but no more",
        ),
        pytest.param(
            [("name: '${labels:odd}/*', type: repository", ""), ("type: repository", "pull")],
            ["allow pull anyone repository:**"],
            [f"alice +pull repository:t/0 0.0.0.0 {OTHER}"],
            id="and what it takes away has to be taken away",
        ),
        pytest.param(
            [("name: '${labels:group}/${labels:odd}', type: repository", ""), ("type: repository", "pull")],
            ["allow pull anyone repository:**", "deny pull user:alice repository:team/*"],
            [f"alice +pull repository:dev/t 0.0.0.0 {OTHER}"],
            id="for every choice of values",
        ),
    ],
)
def test_what_stands_in_a_placeholder_is_what_docker_auth_inserts(
    acl: Acl, lines: list[str], expected: list[str]
) -> None:
    assert differences(acl, *lines) == expected


@pytest.mark.parametrize(
    ("account", "name", "expected"),
    [
        ("corp/bob", "${account}/x", "corp/bob/x"),
        ("corp/bob", "${account}-x/*", "corp/bob-x/0"),
        ("[b]", "${account}/x", "[b]/x"),  # a host, which a name may begin with
        ("[::1]/c", "${account}-x", "[::1]/c-x"),
        ("a*", "${account}/x", ""),  # no name holds such characters
        ("a?", "${account}/x", ""),
        ("a?/b", "${account}-x", ""),
    ],
)
def test_an_account_is_inserted_as_a_text(account: str, name: str, expected: str) -> None:
    world = World({account: User(account, "x")}, has_anonymous=False, is_closed=True, types=("repository",))
    acl = [(f"name: '{name}', type: repository", "pull")]
    found = [one for one in differences(acl, world=world) if not one.startswith(NEW)]
    assert found == ([f"{account} -pull repository:{expected} 0.0.0.0 {OTHER}"] if expected else [])


@pytest.mark.parametrize(
    ("value", "name", "example"),
    [
        ("t*", "${labels:odd}/x", "t/x"),
        ("[ab]", "${labels:odd}/x", "a/x"),
        ("a/b", "${labels:odd}-x", "a/b-x"),
        ("A", "${labels:odd}/x", "A/x"),  # which may be a host
        ("${account}", "${labels:odd}/x", "0"),  # what is inserted then is not known, so it may be anything
        ("[a", "${labels:odd}/x", "0"),
    ],
)
def test_a_label_is_inserted_as_a_pattern(value: str, name: str, example: str) -> None:
    """Here as what is denied, so that it has to be taken away."""
    users = {"alice": User("alice", "x", {"odd": (value,)})}
    world = World(users, has_anonymous=False, is_closed=True, types=("repository",))
    acl = [(f"name: '{name}', type: repository", ""), ("type: repository", "pull")]
    assert differences(acl, "allow pull anyone repository:**", world=world) == [
        f"alice +pull repository:{example} 0.0.0.0 {OTHER}"
    ]


def test_a_path_within_a_segment_of_a_regular_expression_is_not_known() -> None:
    """It would take another reading of the expression; until then it may deny everything, and grants nothing."""
    world = World({"corp/bob": User("corp/bob", "x")}, has_anonymous=False, is_closed=True, types=WORLD.types)
    denied = [("name: '/^${account}-x\\/.*$/', type: repository", ""), ("type: '/^re.*$/'", "pull")]
    allow = (
        "allow pull anyone repository:**",
        "allow pull anyone registry:catalog",
        "deny * user:** repository:x/**",
    )
    less = ("deny * user:** repository:{principal}-x/**",)
    assert f"corp/bob +pull repository:0 0.0.0.0 {OTHER}" in differences(denied, *allow, *less, world=world)
    assert differences(denied[:1], *less, world=world) == []


def test_accounts_are_paths() -> None:
    world = World({"corp/bob": User("corp/bob", "x")}, has_anonymous=False, is_closed=True, types=("repository",))
    acl = [("account: 'corp/*', type: repository", "pull")]
    found = differences(acl, "allow pull user:** repository:**", world=world)
    assert found == [f"{NEW} +pull repository:0 0.0.0.0 {OTHER}"]


def test_an_entry_that_could_not_be_read_is_only_taken_away() -> None:
    acl = [("team: x, account: alice, name: x, type: repository", "push"), ("type: repository", "pull, push")]
    assert differences(acl, "allow pull anyone repository:**") == [
        f"alice +pull repository:x 0.0.0.0 {OTHER}",
        *(f"{name} -push repository:0 0.0.0.0 {OTHER}" for name in ("Bob", NEW, "-")),
    ]
    assert differences(acl, "allow pull anyone repository:**", "allow push anyone repository:**") == [
        f"alice +pull repository:x 0.0.0.0 {OTHER}"
    ]


def test_what_it_would_grant_is_left_to_those_after_it() -> None:
    acl = [("team: x, account: alice, name: x, type: repository", "push"), ("type: repository", "pull")]
    lines = (
        "allow pull anyone repository:**",
        "deny pull user:alice repository:x",
        "allow push user:alice repository:x",
    )
    assert differences(acl, *lines) == [f"alice +push repository:x 0.0.0.0 {OTHER}"]


def test_odd_values_are_those_in_placeholders_that_are_no_paths() -> None:
    acl = [("name: '${labels:odd}/${labels:group}'", "pull"), ("name: '${account}/x'", "pull"), ("name: a", "pull")]
    users = {
        **USERS,
        "eve": User("eve", "x", {"odd": ("", "a/b", "A"), "group": ("/",), "unused": ("*",)}),
    }
    world = World(users, has_anonymous=True, is_closed=True, types=WORLD.types)
    assert list(odd_values(read(acl, world), world)) == [
        ("alice", "odd", "t*"),
        ("eve", "group", "/"),
        ("eve", "odd", ""),
        ("eve", "odd", "A"),
    ]


@pytest.mark.parametrize(
    ("name", "is_plain"),
    [
        ("a/*", True),
        ("${account}/*", False),  # Bob
        ("${labels:group}/*", True),
        ("${labels:odd}/*", False),
        ("${labels:tier}/*", True),
        ("${labels:none}/*", True),
    ],
)
def test_placeholders_are_plain_if_all_that_may_stand_in_them_is_a_component(name: str, is_plain: bool) -> None:
    assert are_placeholders_plain(read([(f"name: '{name}'", "pull")]), WORLD) is is_plain


def test_a_path_in_a_placeholder_is_not_plain() -> None:
    world = World({"a": User("a", "x", {"group": ("a/b",)})}, True, is_closed=True, types=WORLD.types)
    entries = read([("name: x", "pull"), ("name: '${labels:group}/*'", "pull")], world)
    assert not are_placeholders_plain(entries, world)
    assert are_placeholders_plain(entries[:1], world)
