"""The import of docker_auth's configuration against an independent model of docker_auth, and case by case."""

import json
import random
import re
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.policy import docker_auth_configs as generate
from tests.policy.docker_auth_model import Server, path_match
from token_service.accounts.users_file import parse_users
from token_service.errors import LoadError
from token_service.policy.decide import Context, decide
from token_service.policy.docker_auth import Imported, import_config, walk
from token_service.policy.docker_auth.glob import read_pattern
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import LOGINS, RULES
from token_service.policy.docker_auth.spell import spell_resources
from token_service.policy.index import CompiledPolicy, compile_policy
from token_service.policy.parse import parse_policy
from token_service.policy.pattern import matches
from token_service.principal import ANONYMOUS, Principal
from token_service.scope import Scope, is_path, is_resource_name

Config = dict[str, Any]
HASH = generate.HASH


def load(config: Config | str) -> Imported:
    text = config if isinstance(config, str) else json.dumps(config)
    return import_config(text, "auth_config.yml", lambda name, stored: None)


def load_or_none(config: Config) -> Imported | None:
    """None where no rules can be found that do not grant more."""
    try:
        return load(config)
    except LoadError as error:
        assert error.problem.startswith("cannot be imported: account")  # noqa: PT017
        return None


def compiled(imported: Imported) -> CompiledPolicy:
    return compile_policy(parse_policy(imported.policy, "docker-auth.yaml").rules)


def granted(policy: CompiledPolicy, who: Principal, request: generate.Request) -> set[str]:
    _, kind, name, actions, service, address = request
    access = decide(policy, who, [Scope(kind, name, tuple(sorted(actions)))], Context(service, 0, address)).access
    return set(access[0].actions) & actions if access else set()


def simple(*acl: dict[str, Any], users: dict[str, Any] | None = None) -> Config:
    known = {"alice": {"password": HASH}, "bob": {"password": HASH}, "": {}}
    return {"users": known if users is None else users, "acl": list(acl)}


def entry(actions: list[str], **match: Any) -> dict[str, Any]:
    return {"match": match, "actions": actions}


# --- the model itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "account", "name", "expected"),
    [
        ({}, "foo", "baz", True),
        ({"account": "foo", "type": "bar"}, "foo", "baz", True),
        ({"account": "foo", "type": "baz"}, "foo", "baz", False),
        ({"account": "fo?", "type": "b*", "name": "/z$/"}, "foo", "baz", True),
        ({"account": "fo?", "type": "b*", "name": "/^z/"}, "foo", "baz", False),
        ({"name": "${account}"}, "foo", "foo", True),
        ({"name": "/${account}_.*/"}, "foo", "foo_x", True),
        ({"name": "/${account}_.*/"}, ".*", "foo_x", False),
        ({"account": "/admin/"}, "notadmin2", "x", True),
        ({"name": "team/*"}, "foo", "team/a/b", False),
        ({"service": "notary"}, "foo", "x", True),
        ({"service": "notary1"}, "foo", "x", False),
        ({"ip": "10.0.0.0/8"}, "foo", "x", True),
        ({"ip": "11.0.0.0/8"}, "foo", "x", False),
        ({"ip": "2001:db8::/48"}, "foo", "x", False),
        ({"labels": {"group": "a*"}}, "foo", "x", True),
        ({"labels": {"group": "/(admins|VIP)/"}}, "foo", "x", True),
        ({"labels": {"group": "VIP", "foo": "bar"}}, "foo", "x", False),
        ({"name": "${labels:group}/*"}, "foo", "VIP/api", True),
        ({"name": "${labels:group}/${labels:project}"}, "foo", "VIP/api", True),
        ({"name": "${labels:group}/${labels:project}"}, "foo", "devs/api", False),
        ({"name": "${labels:noexist}/*"}, "foo", "VIP/api", False),
        ({"name": "${labels:odd}/*"}, "foo", "any/api", True),
    ],
)
def test_the_model_matches_as_docker_auth_does(match: Config, account: str, name: str, expected: bool) -> None:
    """Most rows are facts that docker_auth's own tests state."""
    labels = {"group": ["admins", "VIP"], "project": ["api", "frontend"], "odd": ["*"]}
    server = Server({"users": {account: {"labels": labels}}, "acl": [{"match": match, "actions": ["*"]}]})
    assert bool(server.grants(account, "bar", name, {"pull"}, "notary", "10.1.1.1")) is expected


@pytest.mark.parametrize(
    ("acl", "expected"),
    [
        ([entry(["pull"]), entry(["push"])], {"pull"}),
        ([entry([]), entry(["push"])], set()),
        ([entry(["*"], account="other"), entry(["push", "delete"])], {"push"}),
        ([entry(["*", "pull"])], {"pull"}),
        ([], set()),
    ],
)
def test_the_model_takes_the_first_match(acl: list[dict[str, Any]], expected: set[str]) -> None:
    server = Server(simple(*acl))
    assert server.grants("alice", "repository", "x", {"pull", "push"}, "r", "::1") == expected
    assert server.grants("nobody", "repository", "x", {"pull", "push"}, "r", "::1") == set()


# --- generated configurations and requests -----------------------------------------------------------------------

CONFIGS, REQUESTS, PAIRS = 50, 72, 2_600
"""Of a chunk, of which there are eight; some requests are not comparable, and at least so many pairs are left."""


def _has_odd_label(who: Principal) -> bool:
    return not all(is_path(value) for values in who.labels.values() for value in values)


def _is_comparable(config: Config, request: generate.Request) -> bool:
    """Names that registries accept, and types that the configuration names."""
    _, kind, name, *_ = request
    return is_resource_name(name) and (kind != "plugin" or '"plugin"' in json.dumps(config["acl"]))


def _compare(config: Config, imported: Imported, requests: list[generate.Request], counts: Counter[str]) -> None:
    policy = compiled(imported)
    users = parse_users(imported.users.encode(), "users.yaml")
    server = Server(config)
    for request in requests:
        if not _is_comparable(config, request):
            continue
        account, kind, name, actions, service, address = request
        who = users[account].principal() if account else ANONYMOUS
        theirs = server.grants(account, kind, name, set(actions), service, address)
        ours = granted(policy, who, request)
        counts["all" if theirs == actions else "part" if theirs else "none"] += 1
        assert ours <= theirs, (request, ours, theirs)
        if not imported.problems and not _has_odd_label(who):
            counts["compared"] += 1
            assert ours == theirs, (request, ours, theirs)


@pytest.mark.parametrize("broken", [0.0, 0.3])
@pytest.mark.parametrize("chunk", range(4))
def test_grants_what_docker_auth_grants(chunk: int, broken: float) -> None:
    rng = random.Random(f"{chunk} {broken}")
    counts: Counter[str] = Counter()
    for _ in range(CONFIGS):
        config = generate.config(rng, broken)
        requests = generate.requests(rng, config, REQUESTS)
        imported = load_or_none(config)
        if imported is None:
            counts["refused"] += 1
            continue
        counts["partial" if imported.problems else "exact"] += 1
        _compare(config, imported, requests, counts)
    pairs = counts["all"] + counts["part"] + counts["none"]
    assert pairs >= PAIRS
    assert counts["all"] > 0.08 * pairs
    assert counts["part"] > 0.08 * pairs
    assert counts["none"] > 0.3 * pairs
    assert counts["refused"] <= 0.06 * CONFIGS
    if broken:
        assert counts["partial"] > 0.3 * CONFIGS
    else:
        assert counts["exact"] > 0.8 * CONFIGS
        assert counts["compared"] > 0.6 * pairs


def test_partial_imports_still_grant_much() -> None:
    """A subset is easily had by granting nothing."""
    rng = random.Random("much")
    theirs = ours = 0
    for _ in range(60):
        config = generate.config(rng, 0.15)
        imported = load_or_none(config)
        if imported is None or not imported.problems:
            continue
        policy, users, server = compiled(imported), parse_users(imported.users.encode(), "u"), Server(config)
        for request in generate.requests(rng, config, 40):
            if _is_comparable(config, request):
                account, kind, name, actions, service, address = request
                theirs += len(server.grants(account, kind, name, set(actions), service, address))
                ours += len(granted(policy, users[account].principal() if account else ANONYMOUS, request))
    assert theirs > 300
    assert ours > 0.35 * theirs


def test_rules_also_hold_for_accounts_that_come_later() -> None:
    rng = random.Random("later")
    compared = 0
    for _ in range(80):
        config = generate.config(rng)
        imported = load_or_none(config)
        if (
            imported is None
            or imported.problems
            or "look again" in imported.report
            or "became the values" in imported.report
        ):
            continue
        later = {**config, "users": {**config["users"], **_newcomers(rng)}}
        server, policy = Server(later), compiled(imported)
        for request in generate.requests(rng, later, 60):
            account, kind, name, actions, service, address = request
            if account in generate.NEWCOMERS and _is_comparable(config, request):
                labels = {key: tuple(values) for key, values in later["users"][account].get("labels", {}).items()}
                theirs = server.grants(account, kind, name, set(actions), service, address)
                assert granted(policy, Principal(account, labels=labels), request) == theirs, request
                compared += 1
    assert compared > 1000


def _newcomers(rng: random.Random) -> dict[str, Any]:
    return {
        name: {"password": HASH, "labels": {"group": rng.sample(generate.GROUPS[:3], 2), "tier": ["web"]}}
        for name in generate.NEWCOMERS
    }


# --- patterns ------------------------------------------------------------------------------------------------------

_BITS = ("a", "b", ".*", ".+", "[^/]*", "[^/]+", "[^/]", "/", "(a|b)", "a?", ".", "(b/|a)?", "[ab]", "(?:a|/b)")
_NAMES = ["/".join(parts) for count in (1, 2, 3, 4) for parts in product(["a", "b", "ab", "ba"], repeat=count)]


def test_regular_expressions_are_spelled_exactly() -> None:
    rng = random.Random(5)
    read = hits = 0
    for _ in range(1500):
        text = "".join(rng.choice(_BITS) for _ in range(rng.randint(1, 6)))
        text = f"{'^' * (rng.random() < 0.6)}{text}{'$' * (rng.random() < 0.6)}"
        try:
            spelled = spell_resources(read_pattern(f"/{text}/", slots=True), "repository")
        except Unsupported:
            continue
        read += 1
        for name in rng.sample(_NAMES, 30):
            is_match = re.search(text, name) is not None
            hits += is_match
            assert any(matches(one.pattern, name.split("/"), lambda _: ()) for one in spelled) is is_match, (
                text,
                name,
            )
    assert read > 1300
    assert hits > 0.2 * 30 * read


_GLOB_BITS = ("a", "b", "*", "**", "?", "/", "[ab]", "[a-c]", "\\a")


def test_globs_are_spelled_exactly() -> None:
    rng = random.Random(6)
    hits = 0
    for _ in range(3000):
        text = "".join(rng.choice(_GLOB_BITS) for _ in range(rng.randint(1, 6)))
        if len(text) > 2 and text.startswith("/") and text.endswith("/"):
            continue
        try:
            spelled = spell_resources(read_pattern(text, slots=True), "repository")
        except Unsupported:  # too many alternatives
            continue
        for name in rng.sample(_NAMES, 30):
            is_match = path_match(text, name)
            hits += is_match
            assert any(matches(one.pattern, name.split("/"), lambda _: ()) for one in spelled) is is_match, (
                text,
                name,
            )
    assert hits > 250


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("team/*", ["team/*"]),
        ("**", ["*"]),
        ("te[ab]m/?", ["team/?", "tebm/?"]),
        ("${account}/*", ["{principal}/*"]),
        ("${labels:group}-x/*", ["{label.group}-x/*"]),
        ("/^team\\/.*$/", ["team/**"]),
        ("/^(team|pub)/.+$/", ["team/**", "pub/**"]),
        ("/.+/", ["**"]),
        ("/^${account}/.*$/", ["{principal}/**"]),
        ("/app/", ["**/*app*", "**/*app*/**"]),
        ("/^registry\\.d/x$/", ["registry.d/x"]),
        ("\\[::1\\]/*", ["[::1]/*"]),
        ("team/\\[::1\\]", []),
        ("Team/App", []),
        ("team/{x}", []),
        ("", []),
    ],
)
def test_patterns_of_names(pattern: str, expected: list[str]) -> None:
    found = spell_resources(read_pattern(pattern, slots=True), "repository")
    assert [str(one).partition(":")[2] for one in found] == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("/^[a-z]+$/", "after something else"),
        ("/(?i)team/", "flags"),
        ("/a\\d/", "escape"),
        ("/a{2}/", "no counterpart"),
        ("/(a/", "not closed"),
        ("/a)/", "not opened"),
        ("/a^b/", "anchor"),
        ("/(^a)?b/", "repeated anchor"),
        ("/a**/", "two repetitions"),
        ("[^a]*", "negated"),
        ("[a", "not closed"),
        ("a\\", "backslash"),
        ("[a-z][a-z][a-z]", "alternatives"),
        ("${account:1}/*", "capture group"),
        ("${name}", "placeholder"),
        ("${labels:my group}/*", "capture group"),
        ("${labels:a}${labels:b}", "two placeholders"),
        ("${labels:a}/${labels:a}", "label twice"),
        ("/^${labels:a}/.*$/", "unquoted"),
        ("x" * 300, "longer"),
        ("[a${account}]*", "after a backslash or in a class"),
        ("\\${account}/*", "after a backslash or in a class"),
        ("/^${account}?x$/", "repetition after a placeholder"),
        (f"/{'(' * 30}a{')' * 30}/", "nested deeper"),
        ("/[abcdefgh]/", "begin anywhere"),
        ("\\[b\\]/*", "a host in brackets is read only where it is written out"),
        ("*\\]/x", "a host in brackets"),
        (f"/{'.*a' * 9}/", "more than 64 patterns"),
    ],
)
def test_patterns_that_have_no_counterpart(pattern: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        spell_resources(read_pattern(pattern, slots=True), "repository")


# --- whole configurations --------------------------------------------------------------------------------------

REFERENCE = f"""
server: {{addr: ":5001", certificate: /x, key: /y}}
token: {{issuer: "Acme auth server", expiration: 900}}
users:
  "admin": {{password: "{HASH}"}}
  "test": {{password: "{HASH}", labels: {{group: [VIP, web], project: [site], tier: [front]}}}}
  "dev": {{password: "{HASH}", labels: {{group: [developer]}}}}
  "": {{}}
acl:
  - match: {{ip: "127.0.0.0/8"}}
    actions: ["*"]
    comment: "Allow everything from localhost (IPv4)"
  - match: {{ip: "::1"}}
    actions: ["*"]
  - match: {{account: "admin"}}
    actions: ["*"]
  - match: {{account: "test", name: "test-*"}}
    actions: ["*"]
  - match: {{account: "test"}}
    actions: []
  - match: {{account: "/.+/", name: "${{account}}/*"}}
    actions: ["*"]
  - match: {{account: "/.+/", type: "registry", name: "catalog"}}
    actions: ["*"]
  - match: {{account: "/.+/"}}
    actions: ["pull"]
  - match: {{account: "", name: "hello-world"}}
    actions: ["pull"]
  - match: {{labels: {{"group": "/trainee|dev/"}}}}
    actions: ["push", "pull"]
  - match: {{name: "${{labels:group}}-shared/*"}}
    actions: ["push", "pull"]
  - match: {{name: "${{labels:project}}-{{labels:tier}}/*"}}
    actions: ["push", "pull"]
"""


def test_the_reference_configuration() -> None:
    imported = load(REFERENCE)
    assert imported.problems == ()
    policy = parse_policy(imported.policy, "p").rules
    assert [rule.id for rule in policy] == ["acl-1", "acl-2", "acl-3", "acl-4", "acl-6", "acl-7", "acl-8", "acl-9"]
    own = policy[4]
    assert ([*map(str, own.principals)], [*map(str, own.exceptions)]) == (["user:**"], ["user:test"])
    assert [*map(str, own.resources)] == ["repository:{principal}/*"]
    assert "# entry 1, auth_config.yml:10: Allow everything from localhost (IPv4)" in imported.policy
    assert "`/trainee|dev/` matches anywhere" in imported.report
    assert "the values that users have now: developer" in imported.report
    assert "label `group` has the value `VIP`" in imported.report
    assert "entry 12: the entry never matches" in imported.report  # its placeholder lacks a $, as in the original


def test_the_files_are_written_whole() -> None:
    text = f"""
server: {{addr: ":5001", adr: x}}
users:
  alice: {{password: "{HASH}", labels: {{group: [team, "x*"]}}}}
  eve: {{password: nothing}}
acl:
  - {{match: {{account: eve}}, actions: ["*"]}}
  - {{match: {{name: "${{labels:group}}/*"}}, actions: [pull], comment: of the team}}
"""
    imported = import_config(text, "dir/auth.yml", lambda name, stored: f"no {stored}" if name == "eve" else None)
    head = "# Made from docker_auth's configuration by `token-service policy import docker-auth`.\n"
    assert imported.users == (
        f'{head}users:\n  "alice":\n    password_hash: "{HASH}"\n    labels:\n      "group": ["team", "x*"]\n'
    )
    assert imported.policy == (
        f"{head}# Each rule names the entry of `acl` that it came from; REPORT.md says what is different now.\n"
        "version: 1\n"
        "rules:\n"
        "  # entry 1, dir/auth.yml:7\n"
        "  - id: acl-1\n"
        '    allow: ["*"]\n'
        '    principals: ["user:eve"]\n'
        '    resources: ["registry:catalog", "repository:**"]\n'
        "  # entry 2, dir/auth.yml:8: of the team\n"
        "  - id: acl-2\n"
        '    allow: ["pull"]\n'
        '    principals: ["user:**"]\n'
        '    resources: ["repository:{label.group}/*"]\n'
    )
    assert [*map(str, imported.problems)] == ["dir/auth.yml:5: user `eve` is not imported: no nothing"]
    assert imported.report.startswith(
        "# Import from docker_auth\n"
        "\n"
        "From dir/auth.yml: 2 entries of `acl`, 2 allow and 0 deny rules.\n"
        "\n"
        "## Not imported exactly\n"
        "\n"
        "- dir/auth.yml:5: user `eve` is not imported: no nothing\n"
        "\n"
        "## What changed\n"
        "\n"
        "- dir/auth.yml:2: server has no key `adr`; docker_auth ignores it in silence\n"
        "- dir/auth.yml: account `alice`: label `group` has the value `x*`; docker_auth takes it for a pattern, "
        "here it is no path and gives nothing\n"
        "\n"
        "## Entries\n"
        "\n"
        "| entry | place | rules | comment |\n"
        "|---|---|---|---|\n"
        "| 1 | dir/auth.yml:7 | 1 |  |\n"
        "| 2 | dir/auth.yml:8 | 1 | of the team |\n"
    )


def test_the_documentation_shows_what_the_import_makes() -> None:
    text = (Path(__file__).parents[2] / "docs" / "migrate-docker-auth.md").read_text()
    theirs, ours = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[:2]
    users = "".join(f'  {name}: {{password: "{HASH}"}}\n' for name in ("admin", "test", "alice"))
    imported = load(f"{theirs}users:\n{users}")
    assert imported.problems == ()
    assert imported.policy.partition("version:")[2] == ours.partition("version:")[2]


def rules(config: Config) -> list[str]:
    """The rules in short: effect, actions, principals (less exceptions), resources."""
    imported = load(config)
    assert imported.problems == ()
    return [
        f"{rule.effect} {','.join(sorted(rule.actions))} {','.join(map(str, rule.principals))}"
        f"{''.join(f' -{one}' for one in rule.exceptions)} {' '.join(map(str, rule.resources))}"
        for rule in parse_policy(imported.policy, "p").rules
    ]


@pytest.mark.parametrize(
    ("acl", "expected"),
    [
        pytest.param(
            [entry([], account="alice", name="team/*"), entry(["pull"], account="/.+/", type="repository")],
            ["deny * user:alice repository:team/*", "allow pull user:** repository:**"],
            id="a denial that nothing comes before is a deny rule",
        ),
        pytest.param(
            [
                entry(["*"], account="alice"),
                entry([], name="secret/*"),
                entry(["pull"], account="/.+/", type="repository"),
            ],
            [
                "allow * user:alice registry:catalog repository:**",
                "deny pull anyone -user:alice repository:secret/*",
                "allow pull user:** repository:**",
            ],
            id="a denial spares those who come before",
        ),
        pytest.param(
            [
                entry(["*"], account="alice", name="test-*"),
                entry([], account="alice"),
                entry(["pull"], account="/.+/", type="repository"),
            ],
            ["allow * user:alice repository:test-*", "allow pull user:** -user:alice repository:**"],
            id="a denial that cannot spare them becomes an exception",
        ),
        pytest.param(
            [entry([], type="repository", name="*"), entry(["pull"], name="/.*/", type="repository")],
            ["deny * anyone repository:*", "allow pull anyone repository:**"],
            id="one segment only",
        ),
        pytest.param(
            [entry(["push"], name="team/*"), entry(["pull"], name="/^team/", type="repository")],
            [
                "deny pull anyone repository:team/*",
                "allow push anyone repository:team/*",
                "allow pull anyone repository:team* repository:team*/**",
            ],
            id="an entry that grants something else takes away, too",
        ),
        pytest.param(
            [entry(["push"], account="a*"), entry(["push"], account="b*"), entry(["pull"], type="repository")],
            [
                "allow push user:a* registry:catalog repository:**",
                "allow push user:b* registry:catalog repository:**",
                "allow pull anyone -user:a* -user:b* repository:**",
            ],
            id="exceptions add up",
        ),
        pytest.param(
            [
                entry(["pull"], account="alice", type="registry"),
                entry([], type="registry", account="/.+/"),
                entry(["*"], type="registry"),
            ],
            [
                "allow pull user:alice registry:catalog",
                "deny delete,push user:** registry:catalog",
                "allow delete,push anyone -user:alice registry:catalog",
                "allow * anonymous registry:catalog",
            ],
            id="a denial of everything spares whoever was granted anything",
        ),
        pytest.param(
            [entry(["pull"], account="/.*/"), entry(["*"], account="alice")],
            ["allow pull anyone registry:catalog repository:**"],
            id="what comes too late is not there",
        ),
        pytest.param(
            [entry(["pull"], account="")], ["allow pull anonymous registry:catalog repository:**"], id="nobody"
        ),
        pytest.param(
            [entry(["pull"], account="/^(alice|bob)$/", name="x")],
            ["allow pull user:alice,user:bob repository:x"],
            id="alternatives",
        ),
        pytest.param(
            [entry(["*"], type="plugin", name="x"), entry(["list"], type="repository", name="x")],
            ["allow * anyone plugin:x", "allow list anyone repository:x"],
            id="types",
        ),
    ],
)
def test_first_match_becomes_rules(acl: list[dict[str, Any]], expected: list[str]) -> None:
    assert rules(simple(*acl)) == expected


def test_without_an_anonymous_user_nobody_is_anonymous() -> None:
    imported = load(simple(entry(["pull"]), users={"alice": {"password": HASH}}))
    assert "anyone" not in imported.policy
    assert "user:**" in imported.policy


def test_addresses_are_cut_out_exactly() -> None:
    config = simple(entry(["pull"], ip="10.1.0.0/16"), entry(["*"], ip="10.0.0.7/8", type="repository"))
    policy = compiled(load(config))
    for address, expected in (("10.1.2.3", {"pull"}), ("10.2.0.1", {"pull", "push"}), ("11.0.0.1", set())):
        request = ("alice", "repository", "x", frozenset({"pull", "push"}), "r", address)
        assert granted(policy, Principal("alice"), request) == expected


def test_what_is_looked_up_among_the_users_is_said() -> None:
    users = {
        "alice": {"password": HASH, "labels": {"group": ["banned"]}},
        "bob": {"password": HASH},
    }
    acl = (
        entry(["pull"], name="public/*"),
        entry([], labels={"group": "banned"}),
        entry(["pull"], account="/.+/", type="repository"),
    )
    imported = load(simple(*acl, users=users))
    assert imported.problems == ()
    assert 'except: ["user:alice"]' in imported.policy
    assert "entry 2: whom and what it means was looked up among the users" in imported.report


def test_what_is_not_denied_of_the_catalogue_is_kept() -> None:
    users = {"alice": {"password": HASH, "labels": {"group": ["few"]}}, "bob": {"password": HASH}}
    imported = load(simple(entry(["pull"], labels={"group": "few"}), entry(["*"], type="registry"), users=users))
    assert imported.problems == ()
    alice, bob = Principal("alice", labels={"group": ("few",)}), Principal("bob")
    for who, actions in ((alice, {"pull"}), (bob, {"pull", "*"})):
        for action in ("pull", "*"):
            request = (who.name, "registry", "catalog", frozenset({action}), "r", "::1")
            assert granted(compiled(imported), who, request) == {action} & actions


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"acl": [entry(["push"], team="infra")]}, "`match` has no key `team`: docker_auth ignores it and grants"),
        ({"acl": [entry(["push"], account="/[a-z]+/")]}, "account `/[a-z]+/`: `+` after something else"),
        ({"acl": [entry(["push"], service="reg*")]}, "a pattern of services has no counterpart"),
        ({"acl": [entry(["push"], ip="10.0.0.*")]}, "ip `10.0.0.*` is neither"),
        ({"acl": [entry(["push"], ip="10.0.0.0/255.0.0.0")]}, "is neither an address"),
        ({"acl": [entry(["push"], account="${labels:x}")]}, "is read in `name` only"),
        ({"acl": [entry(["push"], labels={"a b": "x"})]}, "is not a label name"),
        ({"acl": [entry(["*", "pull"])]}, "`*` beside other actions"),
        ({"acl": [{"match": {}}]}, "there are no `actions`"),
        ({"acl": [{"actions": []}]}, "there is no `match`"),
        ({"acl": [{"match": {}, "actions": [], "action": []}]}, "an entry has no key `action`"),
        ({"users": {"eve": {}}}, "user `eve` has no password, so docker_auth accepts any"),
        ({"users": {"eve": {"passwd": "x"}}}, "a user has no key `passwd`"),
        ({"users": {"/eve": {"password": HASH}}}, "empty part between slashes"),
        ({"users": {"": {"labels": {"a": ["b"]}}}}, "has a password or labels"),
        ({"ldap_auth": {"addr": "x"}}, "`ldap_auth` is not imported: LDAP is not supported yet"),
        ({"acl_mongo": {}}, "`acl_mongo` is not imported: export the entries"),
        ({"casbin_authz": {}}, "`casbin_authz` is not imported"),
        ({"ext_auth": {"command": "x"}}, "`ext_auth` is not imported"),
        ({"acls": []}, "has no key `acls`; docker_auth ignores it in silence (did you mean `acl`?)"),
        (
            {"acl": [entry([], name="team/a*"), entry(["pull"], account="bob"), entry(["*"], name="team/*")]},
            "",
        ),
        (
            {
                "acl": [
                    entry(["pull"], name="team/a*"),
                    entry(["push"], name="team/*"),
                    entry(["pull"], name="/.+/"),
                ]
            },
            "entry 3 loses `pull` on repository: what entry 2 before it takes away cannot be written",
        ),
    ],
)
def test_problems(changes: Config, problem: str) -> None:
    imported = load({**simple(), **changes})
    assert bool(imported.problems) is bool(problem)
    assert any(problem in str(one) for one in imported.problems) or not problem
    assert all(str(one).startswith("auth_config.yml:") for one in imported.problems)
    assert problem in imported.report


def test_every_other_back_end_is_named() -> None:
    names = (*LOGINS, *RULES)
    assert len(names) == 14
    imported = load({**simple(), **{name: {} for name in names}})
    assert len(imported.problems) == len(names)


def test_an_entry_that_cannot_be_read_takes_away_what_it_might() -> None:
    acl = (
        entry(["pull"], account="bob", name="before"),
        entry(["pull"], account="alice", name="/[a-z]+x/"),
        entry(["push", "pull"], name="after"),
        entry(["push", "pull"], account="alice", name="mine"),
    )
    policy = compiled(load(simple(*acl)))
    asked = frozenset({"pull", "push"})
    for account, name, expected in (
        ("bob", "before", {"pull"}),
        ("bob", "after", {"pull", "push"}),
        ("alice", "mine", {"pull"}),
        ("alice", "after", {"pull"}),  # the entry might match, and then push is not granted; pull is in any case
    ):
        assert granted(policy, Principal(account), (account, "repository", name, asked, "r", "::1")) == expected


def test_an_unknown_condition_never_becomes_a_grant() -> None:
    """The example of docker_auth's own documentation, which gives everybody push."""
    imported = load(simple(entry(["pull", "push"], team="infrastructure")))
    assert "rules: []" in imported.policy
    config = simple(entry(["pull", "push"], team="infrastructure"))
    assert Server(config).grants("", "repository", "any", {"push"}, "r", "::1") == {"push"}


def test_patterns_of_labels_need_all_users() -> None:
    acl = [entry(["pull"], labels={"group": "/dev/"})]
    imported = load({**simple(*acl), "ldap_auth": {}})
    assert any("where users come from elsewhere" in str(one) for one in imported.problems)
    acl = [entry(["pull"], name="a/*"), entry([], labels={"group": "banned"}), entry(["pull"], type="repository")]
    imported = load({**simple(*acl), "ldap_auth": {}})
    assert any("so those with a label cannot be named" in str(one) for one in imported.problems)
    assert load(simple(*acl)).problems == ()


def test_an_account_that_cannot_stand_in_a_placeholder_is_never_given_more() -> None:
    users = {"Alice": {"password": HASH}}
    acl = (entry([], name="/^${account}-x/.*$/"), entry(["pull"], type="repository"))
    with pytest.raises(LoadError) as caught:
        load(simple(*acl, users=users))
    assert str(caught.value) == (
        "auth_config.yml: cannot be imported: account `Alice` would get `pull` on `repository:Alice-x/0` "
        "(from 0.0.0.0, service some.other.registry.invalid) (rename the account or change the entry: "
        "a placeholder takes a path of name components, nothing else)"
    )


def test_what_an_account_loses_is_told_unless_other_problems_take_it_away() -> None:
    config = simple(entry(["pull"], name="${account}/*"), users={"Alice": {"password": HASH}})
    lost = "account `Alice` would lose `pull` on `repository:Alice/0`"
    assert [*map(str, load(config).problems)] == [
        f"auth_config.yml: {lost} (from 0.0.0.0, service some.other.registry.invalid)"
    ]
    assert [one.place for one in load({**config, "ldap_auth": {}, "acls": []}).problems] == ["auth_config.yml:1"] * 2


def test_a_list_that_is_too_large_to_compare_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_STATES", 200)
    acl = [entry(["pull"], name=f"/{letter * 2}/") for letter in "abcd"]
    acl[3]["actions"] = []
    imported = load(simple(*acl, entry(["push"], name="${account}/*")))
    limit = "names can match in more than 200 ways; anchor patterns, or import a part"
    assert f"\n- auth_config.yml: the rules were not compared with the list once more: {limit}\n" in imported.report
    assert imported.problems == ()
    users = {"Alice": {"password": HASH}}
    with pytest.raises(LoadError) as caught:
        load(simple(*acl, entry(["push"], name="${account}/*"), users=users))
    assert str(caught.value) == f"auth_config.yml: cannot be imported: {limit} (import a part of the acl)"


@pytest.mark.parametrize("pattern", ["\\[::1\\]/*", "/^\\[::1\\]\\/[^/]+$/", "\\[b\\]/*", "*1\\]/*"])
def test_a_host_in_brackets_is_not_forgotten(pattern: str) -> None:
    """What is denied below it would be granted otherwise: it is the one part of a name that may hold brackets."""
    config = simple(entry([], name=pattern), entry(["pull"], type="repository"))
    policy = compiled(load(config))
    for name in ("[::1]/x", "[b]/x", "[::1]:5000/x", "b/x"):
        request = ("alice", "repository", name, frozenset({"pull"}), "r", "::1")
        assert granted(policy, Principal("alice"), request) <= Server(config).grants(
            *request[:3], {"pull"}, "r", "::1"
        )


@pytest.mark.parametrize("pattern", ["/:5000\\//", "/X\\/x$/", "/^.*X/", "/^.*:5000.*$/"])
def test_a_host_is_not_forgotten_where_an_expression_begins_anywhere(pattern: str) -> None:
    """A path may not hold capitals and colons, but it is not only paths that the expression matches."""
    config = simple(entry([], name=pattern), entry(["pull"], type="repository"))
    imported = load(config)
    assert imported.problems == ()
    for name in ("localhost:5000/x", "[::1]:5000/x", "myX/x", "X/x", "X/y", "myXy/x", "x/y"):
        request = ("alice", "repository", name, frozenset({"pull"}), "r", "::1")
        theirs = Server(config).grants(*request[:3], {"pull"}, "r", "::1")
        assert granted(compiled(imported), Principal("alice"), request) == theirs, name


def test_labels_are_literal_here() -> None:
    users = {"eve": {"password": HASH, "labels": {"group": ["*"]}}}
    config = simple(entry(["pull"], name="${labels:group}/*"), users=users)
    imported = load(config)
    assert imported.problems == ()
    odd = "account `eve`: label `group` has the value `*`; docker_auth takes it for a pattern, here it is no path"
    assert f"\n- auth_config.yml: {odd} and gives nothing\n" in imported.report
    request = ("eve", "repository", "a/b", frozenset({"pull"}), "r", "::1")
    assert Server(config).grants("eve", "repository", "a/b", {"pull"}, "r", "::1") == {"pull"}
    assert granted(compiled(imported), Principal("eve", labels={"group": ("*",)}), request) == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acl: [", "not valid YAML"),
        ("- a", "is a list"),
        ("acl: {}", "is a mapping"),
        ('users: {a: {password: "x", labels: {g: x}}}', "is a text"),
        ("acl: [{match: {account: no}, actions: []}]", "quote it"),
        ("acl: &a []", "anchor"),
    ],
)
def test_what_is_no_configuration(text: str, problem: str) -> None:
    with pytest.raises(LoadError, match=re.escape(problem)) as caught:
        load(text)
    assert caught.value.place.startswith("auth_config.yml:")


def test_what_users_say_stays_text() -> None:
    """Comments and names cannot break out of the files that are written."""
    users = {'a"\\b': {"password": HASH, "labels": {"x: y": ["- 1", "#"]}}}
    config = simple({"match": {}, "actions": ["pull"], "comment": "x|y\u2028: [ # `"}, users=users)
    text = json.dumps(config, ensure_ascii=False).replace("\u2028", "")
    imported = load(text)
    account = parse_users(imported.users.encode(), "u")['a"\\b']
    assert account.labels == {"x: y": ("- 1", "#")}
    assert len(parse_policy(imported.policy, "p").rules) == 1
