"""One rule alone agrees with the index, and says what keeps it from matching."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy, user
from token_service.policy.decide import Matcher
from token_service.policy.match import Request, applies, describe, filled, match_rule, reasons
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
        applying = {rule.id for rule in compiled.rules if applies(rule, request)}
        assert {match.rule.id for match in found if match.resources and match.rule.id in applying} == by_index


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


FILTERED = """
rules:
  - {id: list, allow: ["*"], principals: [authenticated], resources: ["registry:catalog"], filter: pull}
"""


def test_a_rule_with_a_filter_matches_only_where_the_registry_filters() -> None:
    compiled = policy(FILTERED)
    for filters, expected in ((False, ("the registry does not filter its catalogue",)), (True, ())):
        request = Request.of(compiled, user("eve"), replace(CONTEXT, filters_catalogue=filters))
        match = match_rule(compiled.rules[0], request, "registry", "catalog")
        assert reasons(match, request, "registry", "catalog") == expected
        assert match.is_full is applies(compiled.rules[0], request) is filters


APPLIES = [
    (user("eve", "dev"), "10.0.0.1", True, False),
    (user("bob"), "10.0.0.1", True, False),
    (user("eve"), "10.0.0.1", False, False),
    (user("alice", "dev"), "10.0.0.1", False, False),
    (user("eve", "dev"), "11.0.0.1", False, False),
    (user("eve", "dev"), None, False, True),
    (user("eve"), None, False, False),
]


@pytest.mark.parametrize(("who", "source_ip", "allow", "deny_only"), APPLIES)
def test_a_rule_applies_to_those_it_is_for_under_its_conditions(
    who: Principal, source_ip: str | None, allow: bool, deny_only: bool
) -> None:
    """An address that is not known is inside for a deny and outside for an allow."""
    parts = """principals: ["group:dev", "user:bob"], except: ["group:ops"], resources: ["repository:a"],
        when: {source_ip: ["10.0.0.0/8"]}"""
    compiled = policy(
        f"groups: {{ops: [alice]}}\nrules: [{{id: a, allow: [pull], {parts}}}, {{id: d, deny: [pull], {parts}}}]"
    )
    request = Request.of(compiled, who, replace(CONTEXT, source_ip=source_ip))
    assert [applies(rule, request) for rule in compiled.rules] == [allow, allow or deny_only]


FILLED = [
    (user("eve"), "repository", ["repository:eve/**", "repository:ci-eve"]),
    (user("eve/x", team=("a", "b/c", "*")), "repository",
     ["repository:eve/x/**", "repository:a/eve/x", "repository:b/c/eve/x"]),
    (user("eve", team=("a", "b")), "repository",
     ["repository:eve/**", "repository:ci-eve", "repository:a/eve", "repository:b/eve"]),
    (user("Eve", team="a"), "repository", []),
    (user("eve"), "registry", ["registry:catalog"]),
    (user("eve"), "other", []),
]  # fmt: skip


@pytest.mark.parametrize(("who", "kind", "expected"), FILLED)
def test_a_rule_is_filled_once_for_each_way_to_fill_its_placeholders(
    who: Principal, kind: str, expected: list[str]
) -> None:
    resources = "repository:{principal}/**", "repository:ci-{principal}", "repository:{label.team}/{principal}"
    listed = ", ".join(f'"{resource}"' for resource in (*resources, "registry:catalog"))
    compiled = policy(f"rules: [{{id: r, allow: [pull], principals: [anyone], resources: [{listed}]}}]")
    (rule,) = compiled.rules
    found = list(filled(rule, kind, Request.of(compiled, who, CONTEXT)))
    assert [str(one.resource) for one in found] == expected
    assert all(one.rule is rule for one in found)
