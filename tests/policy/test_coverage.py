"""Coverage: a part counts where it made the difference, and only there."""

import json
from pathlib import Path

import pytest

from tests.policy.build import policy
from token_service.policy.coverage import Coverage, coverage
from token_service.policy.expectations import parse_expectations
from token_service.policy.file import load_expectations, load_policy
from token_service.policy.index import compile_policy

POLICY = """
rules:
  - id: r
    allow: [pull, push]
    principals: ["user:alice", "group:dev"]
    except: ["user:bob", "group:out"]
    resources: ["repository:a/**", "repository:b"]
    when: {labels: {env: prod}, service: [s]}
  - {id: star, deny: ["*"], principals: [anyone], resources: ["repository:x"], when: {source_ip: ["10.0.0.0/8"]}}
"""
PROD = "service: s, labels: {env: prod}"
EXERCISED: list[tuple[str, set[str]]] = [
    (f'principal: "user:alice", {PROD}, request: ["repository:a/x:pull"]',
     {"action pull", "principal user:alice", "resource repository:a/**", "condition that holds: label env",
      "condition that holds: service"}),
    (f'principal: "user:eve", groups: [dev], {PROD}, request: ["repository:b:push"]',
     {"action push", "principal group:dev", "resource repository:b", "condition that holds: label env",
      "condition that holds: service"}),
    (f'principal: "user:alice", {PROD}, request: ["repository:a/x:delete"]', set()),
    (f'principal: "user:alice", {PROD}, request: ["repository:c:pull"]', set()),
    (f'principal: "user:eve", {PROD}, request: ["repository:b:pull"]', set()),
    (f'principal: "user:bob", groups: [dev], {PROD}, request: ["repository:b:pull"]', {"except user:bob"}),
    (f'principal: "user:bob", groups: [dev, out], {PROD}, request: ["repository:b:pull"]',
     {"except user:bob", "except group:out"}),
    ('principal: "user:bob", groups: [dev], request: ["repository:b:pull"]', set()),
    ('principal: "user:alice", service: s, request: ["repository:b:pull"]',
     {"condition that does not hold: label env"}),
    ('principal: "user:alice", labels: {env: prod}, request: ["repository:b:pull"]',
     {"condition that does not hold: service"}),
    ('principal: "user:alice", request: ["repository:b:pull"]', set()),
    ('principal: anonymous, source_ip: 10.0.0.1, request: ["repository:x:scan"]',
     {"action *", "principal anyone", "resource repository:x", "condition that holds: source_ip"}),
    ('principal: anonymous, request: ["repository:x:*"]',
     {"action *", "principal anyone", "resource repository:x", "condition that holds: source_ip"}),
    ('principal: anonymous, source_ip: 192.0.2.1, request: ["repository:x:pull"]',
     {"condition that does not hold: source_ip"}),
]  # fmt: skip


def measured(*cases: str) -> Coverage:
    text = "version: 1\ncases:\n" + "\n".join(f"- {{{case}, expect: []}}" for case in cases)
    return coverage(policy(POLICY), parse_expectations(text, "p"))


@pytest.mark.parametrize(("case", "expected"), EXERCISED)
def test_what_a_case_exercises(case: str, expected: set[str]) -> None:
    found = measured(case)
    assert {f"{kind} {text}" for rule in found.rules for kind, text in rule.exercised} == expected
    assert found.total == 12 + 5
    assert found.exercised == len(expected)


def test_all_together_is_everything() -> None:
    found = measured(*(case for case, _ in EXERCISED))
    assert found.percent == 100
    assert found.lines() == ["17 of 17 parts exercised (100.0 %)"]


def test_what_is_missing_is_named_with_its_place() -> None:
    found = measured(EXERCISED[0][0])
    assert found.lines()[0] == "p.yaml:4: rule `r`: action push is not exercised"
    assert found.lines()[-1] == "5 of 17 parts exercised (29.4 %)"
    assert len(found.lines()) == 13


def test_it_is_json() -> None:
    plain = json.loads(json.dumps(measured(EXERCISED[0][0]).to_plain()))
    assert (plain["total"], plain["exercised"], plain["percent"]) == (17, 5, 29.4)
    assert plain["missing"][0] == {"rule": "r", "place": "p.yaml:4", "kind": "action", "part": "push"}
    assert {"rule": "r", "place": "p.yaml:4", "kind": "condition that does not hold", "part": "service"} in plain[
        "missing"
    ]


def test_a_policy_without_rules_is_exercised_whole() -> None:
    assert coverage(compile_policy(()), ()).percent == 100


def test_the_sample_policies_are_exercised_whole() -> None:
    folder = Path(__file__).parents[2] / "policies"
    assert coverage(load_policy(folder), load_expectations(folder)).lines()[:-1] == []
