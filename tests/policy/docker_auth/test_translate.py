"""A list becomes rules: which rules, in which words, what an entry loses, and what is said about it."""

import pytest

from token_service.policy.docker_auth.entry import Accounts, AclEntry, read_entry
from token_service.policy.docker_auth.prove import prove
from token_service.policy.docker_auth.source import Findings, User, World
from token_service.policy.docker_auth.translate import Piece, translate
from token_service.policy.docker_auth.write import policy_text
from token_service.policy.parse import parse_policy
from token_service.policy.pattern import show
from token_service.strict_yaml import load

USERS = {
    "alice": User("alice", "x", {"group": ("team", "dev")}),
    "bob": User("bob", "x", {"group": ("ops",)}),
    "eve": User("eve", "x"),
}
WORLD = World(USERS, has_anonymous=True, is_closed=True, types=("plugin", "registry", "repository"))
OPEN_WORLD = World(USERS, has_anonymous=True, is_closed=False, types=("registry", "repository"))

NAMES = "what is left of the names cannot be written as patterns"
SERVICES = "all services but one cannot be written"
ACTIONS = "all actions but some cannot be denied"
LABELS = "its condition on labels cannot be turned round"
ELSEWHERE = "users come from elsewhere, so those with a label cannot be named"

Acl = list[tuple[str, str]]
"""What is matched and the actions, as in a file."""


def read(acl: Acl, world: World = WORLD) -> tuple[AclEntry, ...]:
    return tuple(
        read_entry(
            number, load("\n" * number + f"{{match: {{{match}}}, actions: [{actions}]}}", "a"), world, Findings()
        )
        for number, (match, actions) in enumerate(acl, start=1)
    )


def translated(acl: Acl, world: World = WORLD) -> tuple[list[str], list[str], list[str]]:
    """Rules in short, problems and notes. The rules grant what the list grants, or less where there are problems."""
    findings = Findings()
    entries = read(acl, world)
    pieces = translate(entries, world, findings)
    differences = prove(entries, parse_policy(policy_text(pieces, entries), "p").rules, world)
    assert not any(one.is_more for one in differences)
    assert findings.problems or not differences
    return [short(one) for one in pieces], [*map(str, findings.problems)], [*map(str, findings.notes)]


def short(piece: Piece) -> str:
    """`ENTRY EFFECT ACTIONS: WHOM (but EXCEPTIONS) on RESOURCES (if CONDITIONS)`"""
    box = piece.box
    when = [f"{label}={'|'.join(values)}" for label, values in box.labels]
    when += [f"service={'|'.join(box.services)}"] if box.services is not None else []
    when += [f"ip={'|'.join(map(str, box.networks))}"] if box.networks is not None else []
    less = f" but {whom(box.exceptions)}" if box.exceptions else ""
    what = " ".join(map(str, box.resources))
    conditions = f" if {' '.join(when)}" if when else ""
    return (
        f"{piece.number} {piece.effect} {' '.join(piece.actions)}: {whom(box.accounts)}{less} on {what}{conditions}"
    )


def whom(accounts: Accounts) -> str:
    return " ".join([*(["anonymous"] if accounts.anonymous else []), *map(show, accounts.names)])


def loses(number: int, what: str, kind: str, other: int, *reasons: str) -> str:
    """What is said of an entry; entry 1 stands in line 2."""
    lost = f"a:{number + 1}: entry {number} loses {what} on {kind}"
    return f"{lost}: what entry {other} before it takes away cannot be written as rules ({'; '.join(reasons)})"


def looked_up(number: int) -> str:
    what = "whom and what it means was looked up among the users of this file"
    return f"a:{number + 1}: entry {number}: {what}; look again when users or labels change"


@pytest.mark.parametrize(
    ("acl", "rules", "problems", "notes"),
    [
        pytest.param(
            [("", "pull")],
            ["1 allow pull: anonymous ** on plugin:** registry:catalog repository:**"],
            [],
            [],
            id="an entry alone",
        ),
        pytest.param(
            [("name: a, type: repository", "'*'"), ("name: b, type: repository", "list, wipe")],
            ["1 allow * list wipe: anonymous ** on repository:a", "2 allow list wipe: anonymous ** on repository:b"],
            [],
            [],
            id="everything on a repository is what is named anywhere",
        ),
        pytest.param(
            [("type: repository", "pull, push, delete")],
            ["1 allow delete pull push: anonymous ** on repository:**"],
            [],
            [],
            id="what is named is not everything",
        ),
        pytest.param(
            [("type: plugin", "'*'"), ("type: registry", "'*'"), ("type: repository", "'*'")],
            [
                "1 allow *: anonymous ** on plugin:**",
                "2 allow *: anonymous ** on registry:catalog",
                "3 allow *: anonymous ** on repository:**",
            ],
            [],
            [],
            id="everything of other types is everything",
        ),
        pytest.param(
            [("name: catalog", "pull")],
            ["1 allow pull: anonymous ** on plugin:catalog registry:catalog repository:catalog"],
            [],
            [],
            id="resources of several types are one rule",
        ),
        pytest.param(
            [("", "'*'"), ("account: alice", "pull"), ("name: a", "")],
            ["1 allow *: anonymous ** on plugin:** registry:catalog repository:**"],
            [],
            [],
            id="an entry that others leave nothing to gets no rule",
        ),
        pytest.param(
            [("name: a, type: repository", "pull"), ("type: repository", "")],
            ["1 allow pull: anonymous ** on repository:a"],
            [],
            [],
            id="a denial at the end is no rule",
        ),
        pytest.param(
            [("type: plugin", ""), ("type: '/^(plugin|registry)$/'", "'*'")],
            ["2 allow *: anonymous ** on registry:catalog"],
            [],
            [],
            id="a denial of a type that nobody grants later is no rule",
        ),
        pytest.param(
            [("labels: {group: ops}, type: repository", ""), ("type: repository", "pull")],
            ["1 deny *: ** on repository:** if group=ops", "2 allow pull: anonymous ** on repository:**"],
            [],
            [],
            id="a denial that nothing comes before is a deny rule of everything",
        ),
        pytest.param(
            [
                ("account: eve, type: repository", ""),
                ("account: bob, type: repository", ""),
                ("type: repository", "pull"),
            ],
            [
                "1 deny *: eve on repository:**",
                "2 deny *: bob on repository:**",
                "3 allow pull: anonymous ** on repository:**",
            ],
            [],
            [],
            id="even after another denial",
        ),
        pytest.param(
            [
                ("account: alice, name: a, type: repository", "push"),
                ("account: 'a*', name: 'a', type: repository", ""),
                ("name: '/^a/', type: repository", "pull, push"),
            ],
            [
                "1 deny pull: alice on repository:a",
                "1 allow push: alice on repository:a",
                "2 deny pull: a* on repository:a",
                "2 deny push: a* but alice on repository:a",
                "3 allow pull push: anonymous ** on repository:a* repository:a*/**",
            ],
            [],
            [],
            id="a denial that meets what came before denies what is asked for",
        ),
        pytest.param(
            [
                ("account: alice, type: repository", "pull"),
                ("account: 'a*', type: repository", ""),
                ("type: repository", "'*'"),
            ],
            [
                "1 allow pull: alice on repository:**",
                "2 deny delete push: a* on repository:**",
                "3 allow delete push: anonymous ** but alice on repository:**",
                "3 allow pull: anonymous ** but a* on repository:**",
            ],
            [],
            [],
            id="what is granted later loses by an exception",
        ),
        pytest.param(
            [("name: a, type: repository", "pull"), ("name: b", ""), ("name: '/^(a|b|c)$/'", "pull")],
            [
                "1 allow pull: anonymous ** on repository:a",
                "2 deny *: anonymous ** on plugin:b repository:b",
                "3 allow pull: anonymous ** on plugin:a plugin:b plugin:c repository:a repository:b repository:c",
            ],
            [],
            [],
            id="by names",
        ),
        pytest.param(
            [("ip: 10.1.0.0/16", "pull"), ("ip: 10.0.0.0/15, type: repository", "'*'")],
            [
                "1 allow pull: anonymous ** on plugin:** registry:catalog repository:** if ip=10.1.0.0/16",
                "2 allow delete push: anonymous ** on repository:** if ip=10.0.0.0/16",
                "2 allow pull: anonymous ** on repository:** if ip=10.0.0.0/15",
            ],
            [],
            [],
            id="by addresses",
        ),
        pytest.param(
            [("service: r1", "pull"), ("service: '/^(r1|r2)$/', type: repository", "'*'")],
            [
                "1 allow pull: anonymous ** on plugin:** registry:catalog repository:** if service=r1",
                "2 allow delete push: anonymous ** on repository:** if service=r2",
                "2 allow pull: anonymous ** on repository:** if service=r1|r2",
            ],
            [],
            [],
            id="by services",
        ),
        pytest.param(
            [
                ("account: alice, type: repository", "'*'"),
                ("name: 'secret/*', type: repository", ""),
                ("account: '/.+/', type: repository", "pull"),
            ],
            [
                "1 allow *: alice on repository:**",
                "2 deny pull: anonymous ** but alice on repository:secret/*",
                "3 allow pull: ** on repository:**",
            ],
            [],
            [],
            id="or a deny rule spares what came before",
        ),
        pytest.param(
            [("name: 'team/*', type: repository", "push"), ("name: '/^team/', type: repository", "pull")],
            [
                "1 deny pull: anonymous ** on repository:team/*",
                "1 allow push: anonymous ** on repository:team/*",
                "2 allow pull: anonymous ** on repository:team* repository:team*/**",
            ],
            [],
            [],
            id="a grant of something else is a denial",
        ),
        pytest.param(
            [
                ("account: alice, name: 'a/b', type: repository", "pull"),
                ("name: 'a/*', type: repository", "push"),
                ("account: 'b*', service: r1, ip: 10.0.0.0/8, labels: {group: ops}, type: repository", "'*'"),
            ],
            [
                "1 deny push: alice on repository:a/b",
                "1 allow pull: alice on repository:a/b",
                "2 deny delete: anonymous ** on repository:a/*",
                "2 deny pull: b* on repository:a/* if group=ops service=r1 ip=10.0.0.0/8",
                "2 allow push: anonymous ** on repository:a/*",
                "3 allow *: b* on repository:** if group=ops service=r1 ip=10.0.0.0/8",
            ],
            [],
            [],
            id="a denial for a part only, where the whole cannot be spared",
        ),
        pytest.param(
            [
                ("account: alice, name: 'a/b', type: repository", "pull"),
                ("labels: {group: dev}, service: r2, ip: 10.0.0.0/8, name: 'a/*', type: repository", "push"),
                ("account: 'b*', name: '/^a/', labels: {group: ops, site: x}, type: repository", "'*'"),
            ],
            [
                "1 deny push: alice on repository:a/b",
                "1 allow pull: alice on repository:a/b",
                "2 deny delete: ** on repository:a/* if group=dev service=r2 ip=10.0.0.0/8",
                "2 deny pull: b* on repository:a/* if group=dev site=x service=r2 ip=10.0.0.0/8",
                "2 allow push: ** on repository:a/* if group=dev service=r2 ip=10.0.0.0/8",
                "3 allow *: b* on repository:a* repository:a*/** if group=ops site=x",
            ],
            [],
            [],
            id="the part has the narrower of the names, and the conditions of both",
        ),
        pytest.param(
            [
                ("labels: {group: team}, type: repository", "pull"),
                ("labels: {group: '/^(team|ops)$/'}, type: repository", ""),
                ("type: repository", "pull"),
            ],
            [
                "1 allow pull: ** on repository:** if group=team",
                "3 allow pull: anonymous ** but alice bob on repository:**",
            ],
            [],
            [looked_up(2)],
            id="conditions on labels are looked up where nothing else will do",
        ),
        pytest.param(
            [
                ("account: 'a*', type: repository", "push"),
                ("account: 'b*', type: repository", "push"),
                ("type: repository", "pull"),
            ],
            [
                "1 allow push: a* on repository:**",
                "2 allow push: b* on repository:**",
                "3 allow pull: anonymous ** but a* b* on repository:**",
            ],
            [],
            [],
            id="exceptions add up",
        ),
        pytest.param(
            [
                ("account: alice, type: repository", "push"),
                ("name: a, account: 'a*', type: repository", "push"),
                ("account: 'a*', type: repository", "push"),
                ("account: alice, name: 'a', type: repository", "pull"),
            ],
            [
                "1 allow push: alice on repository:**",
                "2 allow push: a* on repository:a",
                "3 allow push: a* on repository:**",
            ],
            [],
            [],
            id="a denial that leaves nothing needs no deny rules before it",
        ),
        pytest.param(
            [("account: alice, type: registry", "pull"), ("type: registry", "'*'")],
            [
                "1 allow pull: alice on registry:catalog",
                "2 allow *: anonymous ** but alice on registry:catalog",
                "2 allow pull: anonymous ** on registry:catalog",
            ],
            [],
            [],
            id="on the catalogue everything is asked for at once",
        ),
        pytest.param(
            [
                ("account: alice, type: registry", "pull"),
                ("service: r1, type: registry", ""),
                ("type: registry", "'*'"),
            ],
            [
                "1 allow pull: alice on registry:catalog",
                "2 deny delete push: anonymous ** on registry:catalog if service=r1",
                "2 deny *: anonymous ** but alice on registry:catalog if service=r1",
                "3 allow *: anonymous ** but alice on registry:catalog",
                "3 allow pull: anonymous ** on registry:catalog",
            ],
            [],
            [],
            id="and denied together with any action",
        ),
        pytest.param(
            [("labels: {group: team}, type: registry", "pull"), ("type: registry", "'*'")],
            [
                "1 deny delete push: ** on registry:catalog if group=team",
                "1 allow pull: ** on registry:catalog if group=team",
                "2 allow delete pull push: anonymous ** on registry:catalog",
                "2 allow *: anonymous ** but alice on registry:catalog",
            ],
            [],
            [looked_up(1)],
            id="so that those who have any action are left out",
        ),
        pytest.param(
            [("ip: 128.0.0.0/1, type: registry", "pull"), ("type: registry", "'*'")],
            [
                "1 allow pull: anonymous ** on registry:catalog if ip=128.0.0.0/1",
                "2 allow *: anonymous ** on registry:catalog if ip=0.0.0.0/1|::/0",
                "2 allow pull: anonymous ** on registry:catalog",
            ],
            [],
            [],
            id="an address may be left out of the catalogue",
        ),
        pytest.param(
            [("service: r1, type: registry", "pull"), ("type: registry", "'*'")],
            [
                "1 deny delete push: anonymous ** on registry:catalog if service=r1",
                "1 allow pull: anonymous ** on registry:catalog if service=r1",
                "2 allow delete pull push: anonymous ** on registry:catalog",
            ],
            [loses(2, "every other action", "registry", 1, SERVICES, ACTIONS)],
            [],
            id="some actions but not all cannot be denied",
        ),
        pytest.param(
            [
                ("name: 'team/a*', type: repository", "pull"),
                ("name: 'team/*', type: repository", "push"),
                ("name: '/.+/', type: repository", "pull, push"),
            ],
            [
                "1 deny push: anonymous ** on repository:team/a*",
                "1 allow pull: anonymous ** on repository:team/a*",
                "2 allow push: anonymous ** on repository:team/*",
                "3 allow push: anonymous ** on repository:**",
            ],
            [loses(3, "`pull`", "repository", 2, NAMES)],
            [],
            id="names are lost where they cannot be written",
        ),
        pytest.param(
            [
                ("name: 'team/a*', type: repository", "pull"),
                ("name: 'team/*', type: repository", "push"),
                ("account: alice, type: repository", "pull"),
                ("account: bob, name: pub, type: repository", "pull"),
            ],
            [
                "1 deny push: anonymous ** on repository:team/a*",
                "1 allow pull: anonymous ** on repository:team/a*",
                "2 allow push: anonymous ** on repository:team/*",
                "4 allow pull: bob on repository:pub",
            ],
            [loses(3, "`pull`", "repository", 2, NAMES)],
            [],
            id="those after it lose nothing",
        ),
        pytest.param(
            [
                ("name: 'a/b', type: repository", "pull"),
                ("service: r1, account: bob, name: 'a/*', type: repository", ""),
                ("ip: 10.0.0.0/8, type: repository", "pull"),
            ],
            ["1 allow pull: anonymous ** on repository:a/b"],
            [loses(3, "`pull`", "repository", 2, NAMES)],
            [],
            id="each reason is told once",
        ),
        pytest.param(
            [("type: plugin, name: 'a/*'", "pull"), ("type: plugin, name: '/^a/'", "'*'")],
            [
                "1 deny delete push: anonymous ** on plugin:a/*",
                "1 allow pull: anonymous ** on plugin:a/*",
                "2 allow delete pull push: anonymous ** on plugin:a* plugin:a*/**",
            ],
            [loses(2, "every other action", "plugin", 1, NAMES, ACTIONS)],
            [],
            id="the actions that are lost on each type",
        ),
        pytest.param(
            [("team: x, type: repository", "pull"), ("account: alice, type: repository", "push")],
            [],
            [],
            [],
            id="an entry that cannot be read grants nothing",
        ),
        pytest.param(
            [("team: x, account: alice, type: repository", "pull, push"), ("type: repository", "pull, delete")],
            [
                "2 allow delete: anonymous ** but alice on repository:**",
                "2 allow pull: anonymous ** on repository:**",
            ],
            [],
            [],
            id="and takes away what it would not grant itself",
        ),
        pytest.param(
            [
                ("account: alice, type: repository", "pull"),
                ("team: x, name: 'a/*', type: repository", ""),
                ("type: repository", "pull"),
            ],
            [
                "1 allow pull: alice on repository:**",
                "2 deny pull: anonymous ** but alice on repository:a/*",
                "3 allow pull: anonymous ** on repository:**",
            ],
            [],
            [],
            id="or all",
        ),
        pytest.param(
            [("team: x, type: repository", "'*'"), ("account: alice, type: repository", "pull")],
            ["2 allow pull: alice on repository:**"],
            [],
            [],
            id="it hides nothing",
        ),
        pytest.param(
            [
                ("team: x, account: alice, name: a, type: repository", "pull"),
                ("name: 'a', type: repository", ""),
                ("name: '/^a/', account: 'a*', type: repository", "pull"),
            ],
            ["2 deny pull: anonymous ** on repository:a", "3 allow pull: a* on repository:a* repository:a*/**"],
            [],
            [],
            id="and need not be spared",
        ),
    ],
)
def test_first_match_becomes_rules(acl: Acl, rules: list[str], problems: list[str], notes: list[str]) -> None:
    assert translated(acl) == (rules, problems, notes)


def test_users_who_come_from_elsewhere_cannot_be_looked_up() -> None:
    acl = [("name: 'a/*', type: repository", "pull"), ("labels: {group: ops}", ""), ("type: repository", "pull")]
    assert translated(acl, OPEN_WORLD) == (
        ["1 allow pull: anonymous ** on repository:a/*"],
        [loses(3, "`pull`", "repository", 2, LABELS, NAMES, ELSEWHERE)],
        [],
    )
