"""`who_can` says what decisions do, for every principal that is tried."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import policy
from tests.policy.test_can import POLICY
from token_service.policy.decide import decide
from token_service.policy.match import Request
from token_service.policy.notation import parse_resource
from token_service.policy.who_can import lines, solutions, to_plain, who_can
from token_service.scope import Scope

WHO = [
    ("pull", "repository:team/a", ["user:* called team  (own, p.yaml:5)", "group:dev  (team, p.yaml:6)"]),
    ("push", "repository:prod/a",
     ["user:* called prod  (own, p.yaml:5)", "group:dev  (team, p.yaml:6)", "group:ops  (release, p.yaml:9)",
      "workload:** , with label path prod"]),
    ("delete", "repository:x", ["nobody"]),
    ("*", "registry:catalog", ["group:ops  (catalogue, p.yaml:15)"]),
    ("pull", "repository:", ["nobody"]),
]  # fmt: skip


@pytest.mark.parametrize(("action", "resource", "begins"), WHO)
def test_who_can(action: str, resource: str, begins: list[str]) -> None:
    kind, _, name = resource.partition(":")
    found = lines(who_can(policy(POLICY), action, kind, name))
    assert [line.split(",")[0] for line in found if not line.startswith("but")] == [
        line.split(" ,")[0].split(",")[0] for line in begins
    ]


def test_conditions_exceptions_and_denials_are_said() -> None:
    found = lines(who_can(policy(POLICY), "push", "repository", "prod/a"))
    assert found[-2:] == [
        "workload:**, with label path prod, under its conditions on label ref, service  (ci, p.yaml:10)",
        "but not anyone, without group:ops  (frozen, p.yaml:7)",
    ]


def test_a_grant_that_a_deny_takes_whole_is_marked() -> None:
    text = """rules:
- {id: all, allow: [pull], principals: ["user:a*"], resources: ["repository:**"]}
- {id: never, deny: ["*"], principals: ["user:*"], resources: ["repository:x"]}
- {id: other, deny: ["*"], principals: ["service-account:*"], resources: ["repository:x"]}
"""
    assert lines(who_can(policy(text), "pull", "repository", "x")) == [
        "user:a*  (all, p.yaml:3), all of whom never denies",
        "but not user:*  (never, p.yaml:4)",
    ]


def test_it_is_json() -> None:
    plain = json.loads(json.dumps(to_plain(who_can(policy(POLICY), "push", "repository", "prod/a"))))
    assert [(one["rule"], one["name"], one["labels"], one["void_by"]) for one in plain["grants"]] == [
        ("own", "prod", {}, None),
        ("team", None, {}, None),
        ("release", None, {}, None),
        ("ci", None, {"path": "prod"}, None),
    ]
    assert plain["grants"][3]["conditions"] == ["label ref", "service"]
    assert [(one["rule"], one["except"]) for one in plain["denials"]] == [("frozen", ["group:ops"])]


@given(st.integers(0, 2**32))
def test_who_can_says_what_decisions_do(seed: int) -> None:
    rng = random.Random(seed)
    rules, groups = generate.document(rng), generate.groups(rng)
    compiled = build.document_policy(rules, groups)
    someone = generate.principal(rng)
    kind, name, actions = generate.scope(rng, rules, someone)
    for action in set(actions) - {"*"}:
        answer = who_can(compiled, action, kind, name)
        for _ in range(15):
            principal, context = build.to_principal(generate.principal(rng)), build.to_context(generate.context(rng))
            request = Request.of(compiled, principal, context)
            granted = any(claim.applies(request) for claim in answer.grants)
            denied = any(claim.applies(request) for claim in answer.denials)
            decision = decide(compiled, principal, [Scope(kind, name, (action,))], context)
            assert (granted and not denied) is decision.verdicts[0].allowed, (principal, context, answer)
            assert not (decision.verdicts[0].allowed and all(c.void_by for c in answer.grants if c.applies(request)))


SOLUTIONS = [
    ("{principal}/**", "a/b/c", [{"principal": "a"}, {"principal": "a/b"}]),
    ("{principal}", "a/b", [{"principal": "a/b"}]),
    ("x-{principal}", "x-a", [{"principal": "a"}]),
    ("x-{principal}/b/*", "x-a/b/c", [{"principal": "a"}]),
    ("*{principal}", "ab", [{"principal": "ab"}, {"principal": "b"}]),
    ("{label.t}/{principal}", "a/b/c", [{"label.t": "a", "principal": "b/c"}, {"label.t": "a/b", "principal": "c"}]),
    ("{principal}/{principal}", "a/a", [{"principal": "a"}]),
    ("{principal}/{principal}", "a/b", []),
    ("**/x", "a/x", [{}]),
    ("a/**", "a", []),
    ("a/x-{principal}", "a", []),
    ("localhost:5000/{principal}", "localhost:5000/a", [{"principal": "a"}]),
    ("{principal}/a", "localhost:5000/a", []),
]


@pytest.mark.parametrize(("pattern", "name", "expected"), SOLUTIONS)
def test_solutions(pattern: str, name: str, expected: list[dict[str, str]]) -> None:
    found = solutions(parse_resource(f"repository:{pattern}", "").pattern, tuple(name.split("/")))
    assert sorted(sorted(way) for way in found) == sorted(sorted(way.items()) for way in expected)
