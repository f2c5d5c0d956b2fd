"""Differences between policies: every one that is told is real, and changed decisions are told."""

import json
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy, user
from token_service.policy.condition import Context
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
    assert [line.split("): ")[1] for line in changed_limits(policy(text), policy(other))] == [
        "push v* before, push v* w*, delete * after",
        "none before, catalogue filtered after",
    ]
