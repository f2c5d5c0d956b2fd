"""One rule alone agrees with the index, and says what keeps it from matching."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy, user
from token_service.policy.decide import Matcher
from token_service.policy.match import Request, describe, match_rule, reasons
from token_service.principal import ANONYMOUS, Kind, Principal


@given(st.integers(0, 2**32))
def test_rule_by_rule_the_same_rules_match_as_by_the_index(seed: int) -> None:
    rng = random.Random(seed)
    rules, groups = generate.document(rng), generate.groups(rng)
    compiled = build.document_policy(rules, groups)
    who = generate.principal(rng)
    principal, context = build.to_principal(who), build.to_context(generate.context(rng))
    request = Request.of(compiled, principal, context)
    for kind, name, _ in generate.scopes(rng, rules, who):
        found = [match_rule(rule, request, kind, name) for rule in compiled.rules]
        by_index = {rule.id for rule in Matcher(compiled, principal, context).matching(kind, name)}
        assert {match.rule.id for match in found if match.is_full} == by_index
        assert {match.rule.id for match in found if not reasons(match, request, kind, name)} == by_index


POLICY = """
groups: {ops: [alice]}
rules:
  - id: r
    allow: [pull]
    principals: ["group:dev", "user:bob"]
    except: ["group:ops", "user:b*"]
    resources: ["repository:{principal}/**", "repository:{label.team}"]
    when: {labels: {env: prod}}
"""
ABOUT = "it is about repository:{principal}/** or repository:{label.team}, not repository:"
WHY: list[tuple[Principal, str, tuple[str, ...]]] = [
    (user("eve", "dev", env="prod"), "eve/x", ()),
    (user("eve", "dev", env="prod", team="core"), "core", ()),
    (user("eve", env="prod"), "eve/x", ("it is for group:dev or user:bob, not user:eve",)),
    (user("alice", "dev", env="prod"), "alice/x", ("its except names group:ops",)),
    (user("bob", "ops", env="prod"), "bob/x", ("its except names group:ops", "its except names user:b*")),
    (user("eve", "dev", env="prod", team="core"), "x",
     (ABOUT + "x",)),
    (user("Eve", "dev", env="prod"), "Eve/x",
     (ABOUT + "Eve/x (nothing can fill {label.team}, {principal})",)),
    (user("eve", "dev"), "eve/x", ("label env is missing, not prod",)),
    (ANONYMOUS, "x", ("it is for group:dev or user:bob, not anonymous",
                      ABOUT + "x (nothing can fill {label.team}, {principal})", "label env is missing, not prod")),
]  # fmt: skip


@pytest.mark.parametrize(("who", "name", "expected"), WHY)
def test_why_a_rule_does_not_match(who: Principal, name: str, expected: tuple[str, ...]) -> None:
    compiled = policy(POLICY)
    request = Request.of(compiled, who, CONTEXT)
    match = match_rule(compiled.rules[0], request, "repository", name)
    assert reasons(match, request, "repository", name) == expected
    assert match.is_full is (not expected)


def test_principals_are_named_by_kind() -> None:
    assert describe(user("ci", kind=Kind.SERVICE_ACCOUNT)) == "service-account:ci"
    assert describe(ANONYMOUS) == "anonymous"
