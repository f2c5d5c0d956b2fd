"""Explanations: they decide nothing anew, and name rules, places and what was missing."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy, user
from token_service.access import Access
from token_service.policy.decide import decide
from token_service.policy.explain import Explanation, Outcome, explain, lines, to_plain
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import parse_scopes

POLICY = """
groups:
  release-managers: [rita]
rules:
  - id: developers
    allow: [pull, push]
    principals: ["group:dev"]
    resources: ["repository:team/**", "repository:prod/**"]
  - id: ci
    allow: [push]
    principals: ["workload:gitlab/**"]
    resources: ["repository:{label.project_path}/**"]
    when: {labels: {ref_protected: "true"}}
    lifetime: 600
  - id: frozen
    deny: [push, delete]
    principals: [anyone]
    except: ["group:release-managers"]
    resources: ["repository:prod/**"]
  - {id: watch, deny: [pull], principals: [anyone], resources: ["repository:team/**"], mode: audit}
  - {id: far, allow: [pull], principals: ["user:zoe"], resources: ["repository:zoe/**"]}
  - {id: admins, allow: ["*"], principals: ["group:admins"], resources: ["registry:catalog"]}
"""


def why(who: Principal, *scopes: str, ceiling: tuple[Access, ...] | None = None) -> Explanation:
    return explain(policy(POLICY), who, parse_scopes(scopes), CONTEXT, ceiling)


def job(protected: str, path: str = "web/shop") -> Principal:
    name = "gitlab/web/shop"
    return user(name, kind=Kind.WORKLOAD, project_path=path, ref_protected=protected)


def test_a_granted_request_names_its_rules() -> None:
    explanation = why(user("dan", "qa", "dev"), "repository:team/app:pull,push")
    assert explanation.outcome is Outcome.GRANTED
    assert lines(explanation) == [
        "user:dan (groups: dev, qa)",
        "repository:team/app:pull allowed",
        "  by developers (p.yaml:6)",
        "  watched by watch (p.yaml:21)",
        "repository:team/app:push allowed",
        "  by developers (p.yaml:6)",
        "outcome: granted",
    ]


def test_a_deny_names_itself_and_whom_it_overruled() -> None:
    explanation = why(user("dan", "dev"), "repository:prod/app:pull,push")
    assert explanation.outcome is Outcome.PARTLY
    assert lines(explanation)[3:] == [
        "repository:prod/app:push denied",
        "  by frozen (p.yaml:16)",
        "  although allowed by developers (p.yaml:6)",
        "outcome: partly",
    ]


def test_a_near_miss_says_what_was_missing() -> None:
    explanation = why(job("false"), "repository:web/shop/app:push")
    assert explanation.outcome is Outcome.DENIED
    assert lines(explanation) == [
        "workload:gitlab/web/shop",
        "repository:web/shop/app:push denied",
        "  no rule allows it",
        "  ci (p.yaml:10) would allow it, but label ref_protected is false, not true",
        "outcome: denied",
    ]


@pytest.mark.parametrize(
    ("who", "scope", "near"),
    [
        (job("true"), "repository:web/shop/app:push", {}),
        (job("true", "web"), "repository:app:push",
         {"ci": "it is about repository:{label.project_path}/**, not repository:app"}),
        (job("true", "*"), "repository:web/shop:push",
         {"ci": "it is about repository:{label.project_path}/**, not repository:web/shop"
                " (nothing can fill {label.project_path})"}),
        (user("eve"), "repository:team/x:pull", {"developers": "it is for group:dev, not user:eve"}),
        (ANONYMOUS, "registry:catalog:*", {"admins": "it is for group:admins, not anonymous"}),
        (user("eve"), "repository:nowhere:pull", {}),
    ],
)  # fmt: skip
def test_near_misses(who: Principal, scope: str, near: dict[str, str]) -> None:
    (answer,) = why(who, scope).answers
    assert {miss.rule.id: " and ".join(miss.reasons) for miss in answer.near_misses} == near


def test_only_the_nearest_are_shown() -> None:
    two = """
rules:
  - {id: one, allow: [pull], principals: ["user:a"], resources: ["repository:x"]}
  - {id: two, allow: [pull], principals: ["user:a"], resources: ["repository:x"], when: {service: [s]}}
  - id: three
    allow: [pull]
    principals: ["user:a"]
    resources: ["repository:x"]
    when: {service: [s], labels: {l: v}}
  - {id: quiet, allow: [pull], principals: ["user:a"], resources: ["repository:x"], mode: audit}
"""
    (answer,) = explain(policy(two), user("b"), parse_scopes(["repository:x:pull"]), CONTEXT).answers
    assert [miss.rule.id for miss in answer.near_misses] == ["one"]


def test_what_a_ceiling_takes_away_is_said() -> None:
    explanation = why(
        user("dan", "dev"), "repository:team/app:pull,push", ceiling=(Access("repository", "team/app", ("pull",)),)
    )
    assert explanation.outcome is Outcome.PARTLY
    assert [answer.is_cut for answer in explanation.answers] == [False, True]
    assert "repository:team/app:push cut by the credential" in lines(explanation)
    assert [str(access) for access in explanation.granted] == ["repository:team/app:pull"]
    whole = (Access("registry", "catalog", ("*",)),)
    assert why(user("ada", "admins"), "registry:catalog:*", ceiling=whole).outcome is Outcome.GRANTED


def test_it_is_json() -> None:
    explanation = why(job("true"), "repository:web/shop/app:pull,push repository(plugin):web/shop/app:push")
    frozen = {"id": "frozen", "effect": "deny", "place": "p.yaml:16"}
    developers = {"id": "developers", "effect": "allow", "place": "p.yaml:6"}
    watch = {"id": "watch", "effect": "deny", "place": "p.yaml:21"}
    nothing: dict[str, object] = {"rules": [], "overruled": [], "audit": [], "near_misses": []}
    app = nothing | {"type": "repository", "name": "web/shop/app", "cut_by_credential": False}
    assert json.loads(json.dumps(to_plain(explanation))) == {
        "principal": "workload:gitlab/web/shop",
        "groups": [],
        "outcome": "partly",
        "granted": ["repository:web/shop/app:push", "repository(plugin):web/shop/app:push"],
        "lifetime": 600,
        "actions": [
            app | {"action": "pull", "allowed": False},
            app
            | {"action": "push", "allowed": True, "rules": [{"id": "ci", "effect": "allow", "place": "p.yaml:10"}]},
        ],
    }
    assert lines(explanation)[-2:] == ["lifetime: 600 s", "outcome: partly"]
    ceiling = (Access("repository", "prod/a", ("pull",)),)
    explanation = why(user("dan", "ops", "dev"), "repository:prod/a:push", "repository:team/a:pull", ceiling=ceiling)
    assert json.loads(json.dumps(to_plain(explanation))) == {
        "principal": "user:dan",
        "groups": ["dev", "ops"],
        "outcome": "denied",
        "granted": [],
        "lifetime": None,
        "actions": [
            nothing
            | {"type": "repository", "name": "prod/a", "action": "push", "allowed": False, "cut_by_credential": False}
            | {"rules": [frozen], "overruled": [developers]},
            nothing
            | {"type": "repository", "name": "team/a", "action": "pull", "allowed": True, "cut_by_credential": True}
            | {"rules": [developers], "audit": [watch]},
        ],
    }
    plain = json.loads(json.dumps(to_plain(why(user("eve"), "repository:team/x:push"))))
    assert plain["actions"][0]["near_misses"] == [developers | {"reasons": ["it is for group:dev, not user:eve"]}]


@pytest.mark.parametrize(
    ("who", "name", "expected"),
    [
        (user("a", l="v"), "x", ["service is registry.example.com, not s"]),
        (user("a"), "x", ["label l is missing, not v and service is registry.example.com, not s"]),
        (user("b", l="v"), "x", ["it is for user:a, not user:b and service is registry.example.com, not s"]),
        (user("a", l="v"), "y",
         ["it is about repository:x, not repository:y and service is registry.example.com, not s"]),
        (user("b"), "x", []),
        (user("a"), "y", []),
        (user("b", l="v"), "y", []),
    ],
)  # fmt: skip
def test_two_reasons_are_still_near_and_three_are_far(who: Principal, name: str, expected: list[str]) -> None:
    one = """rules:
- {id: r, allow: [pull], principals: ["user:a"], resources: ["repository:x"], when: {service: [s], labels: {l: v}}}
"""
    found = lines(explain(policy(one), who, parse_scopes([f"repository:{name}:pull"]), CONTEXT))
    assert found == [
        f"user:{who.name}",
        f"repository:{name}:pull denied",
        "  no rule allows it",
        *(f"  r (p.yaml:3) would allow it, but {reasons}" for reasons in expected),
        "outcome: denied",
    ]


def test_no_more_than_five_near_misses_are_shown_by_id() -> None:
    rules = [
        f"- {{id: r{number}, allow: [pull], principals: ['user:a'], resources: ['repository:x']}}"
        for number in (3, 1, 6, 2, 5, 4)
    ]
    (answer,) = explain(
        policy("rules:\n" + "\n".join(rules)), user("b"), parse_scopes(["repository:x:pull"]), CONTEXT
    ).answers
    assert [miss.rule.id for miss in answer.near_misses] == ["r1", "r2", "r3", "r4", "r5"]


def test_nothing_asked_is_nothing_granted() -> None:
    assert why(user("dan", "dev")).outcome is Outcome.DENIED


@given(st.integers(0, 2**32))
def test_an_explanation_is_the_decision(seed: int) -> None:
    rng = random.Random(seed)
    rules, groups = generate.document(rng), generate.groups(rng)
    compiled = build.document_policy(rules, groups)
    who = generate.principal(rng)
    scopes = build.to_scopes(generate.scopes(rng, rules, who))
    principal, context = build.to_principal(who), build.to_context(generate.context(rng))
    explanation = explain(compiled, principal, scopes, context)
    assert explanation.decision == decide(compiled, principal, scopes, context)
    for answer in explanation.answers:
        assert tuple(sorted({rule.id for rule in answer.rules})) == answer.verdict.rules
        assert tuple(sorted({rule.id for rule in answer.audit})) == answer.verdict.audit
        assert all(1 <= len(miss.reasons) <= 2 for miss in answer.near_misses)
        assert bool(answer.near_misses) <= (not answer.verdict.rules)
    json.dumps(to_plain(explanation))
