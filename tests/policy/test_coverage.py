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


MISSING = [  # rule, line, kind, part
    ("r", 4, "action", "push"),
    ("r", 4, "principal", "group:dev"),
    ("r", 4, "except", "user:bob"),
    ("r", 4, "except", "group:out"),
    ("r", 4, "resource", "repository:b"),
    ("r", 4, "condition that does not hold", "label env"),
    ("r", 4, "condition that does not hold", "service"),
    ("star", 10, "action", "*"),
    ("star", 10, "principal", "anyone"),
    ("star", 10, "resource", "repository:x"),
    ("star", 10, "condition that holds", "source_ip"),
    ("star", 10, "condition that does not hold", "source_ip"),
]


def test_what_is_missing_is_named_with_its_place() -> None:
    assert measured(EXERCISED[0][0]).lines() == [
        *(
            f"p.yaml:{line}: rule `{rule}`: {kind}{':' * kind.startswith('condition')} {part} is not exercised"
            for rule, line, kind, part in MISSING
        ),
        "5 of 17 parts exercised (29.4 %)",
    ]


def test_it_is_json() -> None:
    assert json.loads(json.dumps(measured(EXERCISED[0][0]).to_plain())) == {
        "total": 17,
        "exercised": 5,
        "percent": 29.4,
        "missing": [
            {"rule": rule, "place": f"p.yaml:{line}", "kind": kind, "part": part}
            for rule, line, kind, part in MISSING
        ],
    }


def test_an_action_counts_only_where_the_type_gives_it_a_meaning() -> None:
    """`*` allows any action of a catalogue, and of a repository only those that registries know."""
    text = 'rules: [{id: r, allow: ["*"], principals: [anyone], resources: ["repository:a", "registry:a"]}]'
    for request, exercised in (("repository:a:scan", 0), ("repository:a:pull", 3), ("registry:a:scan", 3)):
        cases = parse_expectations(
            f"version: 1\ncases: [{{principal: anonymous, request: ['{request}'], expect: []}}]", "p"
        )
        assert coverage(policy(text), cases).exercised == exercised


def test_a_policy_without_rules_is_exercised_whole() -> None:
    assert coverage(compile_policy(()), ()).percent == 100


def test_the_sample_policies_are_exercised_whole() -> None:
    folder = Path(__file__).parents[2] / "policies"
    assert coverage(load_policy(folder), load_expectations(folder)).lines()[:-1] == []
