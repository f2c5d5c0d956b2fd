"""Differences between policies: every one that is told is real, and changed decisions are told."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy, user
from token_service.policy.condition import Context
from token_service.policy.contexts import ADDRESS
from token_service.policy.decide import decide
from token_service.policy.diff import Change, Diff, Logged, changed_limits, diff, replay
from token_service.policy.index import CompiledPolicy, compile_policy
from token_service.policy.match import Request, applies, is_meant, is_named
from token_service.policy.rule import REPOSITORY_ACTIONS, Effect
from token_service.policy.witness import UNNAMED_ACTION
from token_service.principal import Principal
from token_service.scope import Scope, parse_scopes

OLD = """
groups: {ops: [rita]}
rules:
- {id: own, allow: [pull, push], principals: ["user:*"], resources: ["repository:{principal}/**"]}
- {id: team, allow: [pull], principals: ["group:dev"], resources: ["repository:team/**"]}
- {id: frozen, deny: [push], principals: [anyone], except: ["group:ops"], resources: ["repository:prod/**"]}
- {id: prod, allow: [push], principals: ["group:dev"], resources: ["repository:prod/**"]}
"""
CHANGES: list[tuple[str, str, list[str]]] = [
    ("", "", []),
    ('["repository:team/**"]', '["repository:team/**", "repository:team"]',
     ["gained: pull on repository:team for group:dev"]),
    ("allow: [pull], principals", "allow: [pull, push], principals",
     ["gained: push on repository:team/** for group:dev"]),
    ("team/**", "team/*", ["lost: pull on repository:team/** for group:dev"]),
    (', except: ["group:ops"]', "",
     [f"lost: push on repository:prod/** for {kind}:**" for kind in ("service-account", "user", "workload")]),
    ("deny: [push], principals: [anyone]", "deny: [push], principals: [anonymous]",
     [f"gained: push on repository:prod/** for {kind}:**" for kind in ("service-account", "user", "workload")]),
    ("ops: [rita]", "ops: [rita, prod]", ["gained: push on repository:prod/** for user:prod"]),
    ("ops: [rita]", "ops: []", ["lost: push on repository:prod/** for user:rita"]),
    ("id: team", "id: other", []),
    ('["repository:team/**"]', '["repository:team/*", "repository:team/*/**"]', []),
    ("id: prod, allow: [push]", "id: prod, mode: audit, allow: [push]",
     ["lost: push on repository:prod/** for group:dev"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "instead", "expected"), CHANGES)
def test_changes(text: str, instead: str, expected: list[str]) -> None:
    found = [str(change) for change in diff(policy(OLD), policy(OLD.replace(text, instead)), CONTEXT.now).changes]
    assert [line.split(",")[0] for line in found] == expected, found
    back = [str(change) for change in diff(policy(OLD.replace(text, instead)), policy(OLD), CONTEXT.now).changes]
    turned = {"gained": "lost", "lost": "gained"}
    assert [line.split(",")[0] for line in back] == [
        turned[one.split(":")[0]] + one[one.index(":") :] for one in expected
    ]


def test_a_change_is_told_with_an_example() -> None:
    new = OLD.replace("allow: [pull], principals", "allow: [pull, push], principals")
    (change,) = diff(policy(OLD), policy(new), CONTEXT.now).changes
    assert str(change) == (
        "gained: push on repository:team/** for group:dev, "
        "as user:zq0 in dev on repository:team/0 (rule team, p.yaml:6)"
    )


LINES = [
    ("principals: ['user:u'], resources: ['repository:a']", "user:u", "user:u on repository:a"),
    ("principals: ['group:g'], resources: ['repository:{label.t}'], when: {labels: {e: [v]}}", "group:g",
     "user:zq0 in g with e v, t zq1 on repository:zq1"),
    ("principals: ['user:u'], resources: ['repository:{label.t}'], when: {labels: {t: [V]}}", "user:u",
     "user:u with t V and zq1 on repository:zq1"),
    ("principals: ['user:u'], resources: ['repository:a'], when: {service: [r], source_ip: ['10.0.0.0/8']}", "user:u",
     "user:u on repository:a of r from 10.0.0.0"),
    ("principals: [anonymous], resources: ['repository:a'], when: {service: [r]}", "anonymous",
     "anonymous on repository:a of r"),
]  # fmt: skip


@pytest.mark.parametrize(("rest", "who", "example"), LINES)
def test_the_example_says_all_that_matters(rest: str, who: str, example: str) -> None:
    new = policy(f"rules: [{{id: r, allow: [scan], {rest}}}]")
    (resource,) = new.rules[0].resources
    (gain,) = diff(compile_policy(()), new, CONTEXT.now).changes
    assert str(gain) == f"gained: scan on {resource} for {who}, as {example} (rule r, p.yaml:2)"
    (loss,) = diff(new, compile_policy(()), CONTEXT.now).changes
    assert str(loss) == f"lost: scan on {resource} for {who}, as {example} (rule r, p.yaml:2)"
    assert (gain.to_plain()["change"], loss.to_plain()["change"]) == ("gained", "lost")
    assert gain.to_plain()["example"] == loss.to_plain()["example"]


def test_several_groups_and_an_address_that_is_not_known() -> None:
    deny = "{id: %s, deny: [scan], principals: [anyone], except: ['group:%s'], resources: ['repository:a']}"
    allow = "{id: a, allow: [scan], principals: ['user:u'], resources: ['repository:a']}"
    (change,) = diff(
        compile_policy(()), policy(f"rules: [{allow}, {deny % ('d', 'x')}, {deny % ('e', 'y')}]"), CONTEXT.now
    ).changes
    assert "as user:u in x and y on repository:a (" in str(change)
    anywhere = (
        "{id: d, deny: [scan], principals: [anyone], resources: ['repository:a'],"
        " when: {source_ip: ['0.0.0.0/0', '::/0']}}"
    )
    old = policy(f"rules: [{allow}, {anywhere}]")
    found = diff(old, policy(f"rules: [{allow}]"), CONTEXT.now).changes
    assert [change.context.source_ip for change in found] == [ADDRESS]
    unknown = replace(found[0], context=replace(found[0].context, source_ip=None))
    assert " on repository:a from an unknown address (rule d" in str(unknown)


def test_what_no_rule_names_and_a_filtered_catalogue_are_said_in_words() -> None:
    new = policy(
        "rules: [{id: r, allow: ['*'], principals: ['user:u'], resources: ['registry:catalog'], filter: pull}]"
    )
    changes = diff(compile_policy(()), new, 0).changes
    assert [str(change).split(" on ")[0] for change in changes] == [
        "gained: *", "gained: delete", "gained: pull", "gained: push", "gained: any other action",
    ]  # fmt: skip
    assert str(changes[0]).endswith("as user:u on registry:catalog where it is filtered (rule r, p.yaml:2)")
    assert changes[-1].to_plain()["action"] == UNNAMED_ACTION


def test_labels_are_lists_in_json() -> None:
    new = policy("rules: [{id: r, allow: [scan], principals: ['user:u'], resources: ['repository:{label.t}']}]")
    (change,) = diff(compile_policy(()), new, CONTEXT.now).changes
    example = change.to_plain()["example"]
    assert isinstance(example, dict)
    assert example["labels"] == {"t": ["zq1"]}


def test_members_and_groups_may_be_paths() -> None:
    text = "groups: {'dev/core': [%s]}\nrules: [{id: r, allow: [scan], principals: ['group:dev/*'], %s}]"
    old = policy(text % ("'user:a/b'", "resources: ['repository:a']"))
    new = policy(text % ("'service-account:c/d'", "resources: ['repository:a']"))
    assert [str(change).split(" on ")[0] + " " + str(change.who) for change in diff(old, new, 0).changes] == [
        "lost: scan user:a/b", "gained: scan service-account:c/d",
    ]  # fmt: skip


def test_what_is_not_looked_at_is_said() -> None:
    rest = [f"{{id: r{n}, allow: [scan], principals: ['user:b'], resources: ['repository:x'], when: "
            f"{{service: [s{n}], source_ip: ['10.{n}.0.0/16'], after: '20{n}-01-01T00:00:00Z'}}}}"
            for n in range(10, 50)]  # fmt: skip
    deny = "{id: d, deny: [scan], principals: ['user:u'], resources: ['repository:x']}"
    allow = "{id: a, allow: [scan], principals: ['user:u'], resources: ['repository:x']}"
    old, new = (policy("rules:\n" + "\n".join(f"- {one}" for one in (*more, deny, *rest))) for more in ([], [allow]))
    assert [rule.id for rule in diff(old, new, 0).unfinished] == ["a"]
    assert diff(old, new, 0).changes == ()


def test_a_change_is_json() -> None:
    (change,) = diff(policy(OLD), policy(OLD.replace("ops: [rita]", "ops: []")), CONTEXT.now).changes
    plain = json.loads(json.dumps(change.to_plain()))
    assert (plain["change"], plain["action"], plain["resource"]) == ("lost", "push", "repository:prod/**")
    assert (plain["principals"], plain["rule"], plain["place"]) == ("user:rita", "frozen", "p.yaml:7")
    assert plain["example"] == {
        "principal": "user:rita", "groups": ["dev"], "labels": {}, "name": "prod/0", "service": "zq0.example",
        "source_ip": "192.0.2.254", "now": CONTEXT.now,
    }  # fmt: skip


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_what_is_told_is_so_and_what_is_so_is_told(seed: int) -> None:
    """By a rule, principal and resource that it shows in: whoever reads all lines about these has been warned."""
    rng = random.Random(seed)
    rules, groups = generate.document(rng)[:6], generate.groups(rng)
    old = build.document_policy(rules, groups)
    extra = generate.rule(rng, 99)
    kept = [rule for rule in rules if rng.random() < 0.8]
    new = build.document_policy([*kept, extra], groups if rng.random() < 0.7 else generate.groups(rng))
    found = diff(old, new, generate.TIMES[1])
    assume(not found.unfinished)
    for change in found.changes:
        scope = Scope(change.resource.type, change.name, (change.action,))
        before, after = (decide(p, change.principal, [scope], change.context) for p in (old, new))
        assert bool(before.access) is not change.gained
        assert bool(after.access) is change.gained
    for _ in range(60):
        who = build.to_principal(generate.principal(rng))
        scopes = build.to_scopes(generate.scopes(rng, [*rules, extra], generate.principal(rng)))
        context = build.to_context(generate.context(rng))
        for scope in scopes:
            for action in set(scope.actions) - {"*"}:
                one = Scope(scope.type, scope.name, (action,))
                had, has = (bool(decide(p, who, [one], context).access) for p in (old, new))
                if had is not has:
                    assert any(tells(change, old, new, who, context, one, gained=has) for change in found.changes)


def tells(
    change: Change, old: CompiledPolicy, new: CompiledPolicy, who: Principal, context: Context, scope: Scope, *,
    gained: bool,
) -> bool:  # fmt: skip
    """Whether the line is about this access, given or taken by this rule."""
    named = {action for rule in (*old.rules, *new.rules) for action in rule.actions} | REPOSITORY_ACTIONS
    (action,) = scope.actions
    is_new = change.gained is (change.rule.effect is Effect.ALLOW)
    request = Request.of(new if is_new else old, who, context)
    return (
        change.gained is gained
        and change.action == (action if action in named else UNNAMED_ACTION)
        and is_meant(change.who, request)
        and is_named(change.resource, request, scope.type, scope.name)
        and applies(change.rule, request)
    )


NOTHING = Diff((), ())


def test_equal_policies_do_not_differ() -> None:
    assert diff(policy(OLD), policy(OLD), 0) == NOTHING
    assert diff(compile_policy(()), compile_policy(()), 0) == NOTHING


def test_a_log_is_replayed() -> None:
    new = policy(OLD.replace("team/**", "team/*"))
    requests = [
        Logged(user("dan", "dev"), parse_scopes([scopes]), CONTEXT)
        for scopes in ("repository:team/a:pull", "repository:team/a/b:pull,push repository:dan/x:pull")
    ]
    (changed,) = replay(policy(OLD), new, requests)
    assert changed.request is requests[1]
    assert changed.lost == {("repository", "team/a/b", "pull")}
    assert changed.gained == frozenset()


def test_limits_that_change_are_told_rule_by_rule() -> None:
    text = (
        "version: 1\nrules:\n"
        "  - {id: a, allow: [push], principals: [anyone], resources: ['repository:a'], tags: {push: [v*]}}\n"
        "  - {id: c, allow: ['*'], principals: [anyone], resources: ['registry:catalog']}\n"
    )
    other = text.replace("push: [v*]", "push: [v*, w*], delete: ['*']").replace(
        "catalog']", "catalog'], filter: pull"
    )
    assert changed_limits(policy(text), policy(text)) == ()
    assert changed_limits(policy(text), policy(other)) == (
        "limits: rule a (p.yaml:3): push v* before, push v* w*, delete * after",
        "limits: rule c (p.yaml:4): none before, catalogue filtered after",
    )
    nothing = policy("rules: []")
    assert changed_limits(policy(other), nothing) == (
        "limits: rule a (p.yaml:3): push v* w*, delete * before, none after",
        "limits: rule c (p.yaml:4): catalogue filtered before, none after",
    )
    assert changed_limits(nothing, policy(text)) == ("limits: rule a (p.yaml:3): none before, push v* after",)


def test_a_log_is_replayed_in_its_own_circumstances() -> None:
    rule = "{id: r, allow: [pull], principals: [anyone], resources: ['repository:a'], when: {service: [%s]}}"
    old, new = (policy(f"rules: [{rule % service}]") for service in ("r1", "r2"))
    scopes = parse_scopes(["repository:a:pull"])
    requests = [Logged(user("u"), scopes, replace(CONTEXT, audience=service)) for service in ("r1", "r2", "r3")]
    found = list(replay(old, new, requests))
    assert [one.request.context.audience for one in found] == ["r1", "r2"]
    assert [len(one.lost) for one in found] == [1, 0]
    assert [len(one.gained) for one in found] == [0, 1]
