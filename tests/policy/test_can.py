"""`can` says what decisions do, for every name that is tried."""

import json
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy, user
from token_service.policy.can import can, lines, to_plain
from token_service.policy.decide import decide
from token_service.policy.index import CompiledPolicy
from token_service.policy.pattern import Pattern, matches, no_slots
from token_service.principal import ANONYMOUS

POLICY = """
groups: {ops: [rita]}
rules:
  - {id: own, allow: ["*"], principals: ["user:*"], resources: ["repository:{principal}/**"]}
  - {id: team, allow: [pull, push], principals: ["group:dev"], resources: ["repository:team/**", "repository:prod/*"]}
  - {id: frozen, deny: [push, delete], principals: [anyone], except: ["group:ops"], resources: ["repository:prod/**"]}
  - {id: secret, deny: ["*"], principals: ["user:*"], resources: ["repository:team/secret/**"]}
  - {id: release, allow: [push], principals: ["group:ops"], resources: ["repository:prod/**"]}
  - id: ci
    allow: [push]
    principals: ["workload:**"]
    resources: ["repository:{label.path}/*"]
    when: {labels: {ref: main}, service: [s]}
  - {id: catalogue, allow: ["*"], principals: ["group:ops"], resources: ["registry:catalog"]}
  - {id: watch, deny: ["*"], principals: [anyone], resources: ["repository:**"], mode: audit}
"""


def test_what_a_principal_can_do() -> None:
    assert lines(can(policy(POLICY), user("dan", "dev"), CONTEXT)) == [
        "delete on",
        "  repository:dan/**  (own, p.yaml:5)",
        "pull on",
        "  repository:dan/**  (own, p.yaml:5)",
        "  repository:team/**  (team, p.yaml:6)",
        "  repository:prod/*  (team, p.yaml:6)",
        "  but not repository:team/secret/**  (secret, p.yaml:8)",
        "push on",
        "  repository:dan/**  (own, p.yaml:5)",
        "  repository:team/**  (team, p.yaml:6)",
        "  but not repository:team/secret/**  (secret, p.yaml:8)",
    ]
    assert lines(can(policy(POLICY), ANONYMOUS, CONTEXT)) == ["nothing"]
    assert lines(can(policy(POLICY), user("rita"), CONTEXT))[:2] == [
        "* on",
        "  registry:catalog  (catalogue, p.yaml:15)",
    ]


def test_it_is_json() -> None:
    own = {"resource": "repository:dan/**", "rule": "own", "place": "p.yaml:5"}
    team = {"resource": "repository:team/**", "rule": "team", "place": "p.yaml:6"}
    prod = {"resource": "repository:prod/*", "rule": "team", "place": "p.yaml:6"}
    secret = {"resource": "repository:team/secret/**", "rule": "secret", "place": "p.yaml:8"}
    assert json.loads(json.dumps(to_plain(can(policy(POLICY), user("dan", "dev"), CONTEXT)))) == [
        {"type": "repository", "action": "delete", "allowed": [own], "denied": []},
        {"type": "repository", "action": "pull", "allowed": [own, team, prod], "denied": [secret]},
        {"type": "repository", "action": "push", "allowed": [own, team], "denied": [secret]},
    ]


def test_a_filtered_catalogue_is_closed_where_the_registry_does_not_filter() -> None:
    text = "rules: [{id: r, allow: ['*'], principals: [anyone], resources: ['registry:catalog'], filter: pull}]"
    assert lines(can(policy(text), ANONYMOUS, CONTEXT)) == ["nothing"]
    here = replace(CONTEXT, filters_catalogue=True)
    assert lines(can(policy(text), ANONYMOUS, here)) == ["* on", "  registry:catalog  (r, p.yaml:2)"]


@given(st.integers(0, 2**32))
def test_can_says_what_decisions_do(seed: int) -> None:
    rng = random.Random(seed)
    rules, groups = generate.document(rng), generate.groups(rng)
    compiled = build.document_policy(rules, groups)
    who = generate.principal(rng)
    principal, context = build.to_principal(who), build.to_context(generate.context(rng))
    reaches = {(reach.type, reach.action): reach for reach in can(compiled, principal, context)}
    for scope in build.to_scopes(scope for _ in range(8) for scope in generate.scopes(rng, rules, who)):
        for verdict in decide(compiled, principal, [scope], context).verdicts:
            reach = reaches.get((verdict.type, verdict.action))
            segments = verdict.name.split("/")
            inside = reach is not None and any(hits(one.resource.pattern, segments) for one in reach.patterns)
            outside = reach is not None and any(hits(one.resource.pattern, segments) for one in reach.but)
            if verdict.type == "repository" or verdict.action in named(compiled):
                assert (inside and not outside) is verdict.allowed, (verdict, reach)


def named(compiled: CompiledPolicy) -> set[str]:
    return {action for rule in compiled.rules for action in rule.actions}


def hits(pattern: Pattern, segments: list[str]) -> bool:
    return "" not in segments and matches(pattern, segments, no_slots)
