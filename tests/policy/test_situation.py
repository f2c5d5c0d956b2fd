"""Situations: the rule speaks in each of them, and every rule that could join in does so in one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import policy
from token_service.policy.condition import hold
from token_service.policy.decide import decide
from token_service.policy.match import Request, is_meant
from token_service.policy.reach import meant
from token_service.policy.rule import Effect
from token_service.policy.situation import ADDRESS, MAX_CONTEXTS, SERVICE, contexts, situations
from token_service.scope import Scope

NOW = 1_800_000_000


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_the_rule_is_for_them_and_its_conditions_hold(seed: int) -> None:
    rng = random.Random(seed)
    compiled = build.document_policy(generate.document(rng)[:5], generate.groups(rng))
    for rule in compiled.rules:
        others = [other for other in compiled.rules if other is not rule]
        for term in meant(rule, compiled.groups):
            for situation in situations(rule, term, others, generate.TIMES[1]):
                request = Request.of(compiled, situation.principal, situation.context)
                assert any(is_meant(one, request) for one in rule.principals)
                assert hold(rule.when, situation.principal, situation.context, if_unknown=rule.effect is Effect.DENY)


JOINED = """
rules:
- id: one
  allow: [pull]
  principals: ["user:a*"]
  resources: ["repository:{label.t}/**"]
  when: {labels: {env: prod}}
- {id: two, deny: [pull], principals: ["group:dev-?"], resources: ["repository:x"]}
- {id: three, deny: [pull], principals: ["user:*b", "workload:w", anonymous], resources: ["repository:x"]}
- {id: four, deny: [pull], principals: [anyone], except: ["user:abc"], resources: ["repository:x"]}
"""


def test_others_join_in() -> None:
    compiled = policy(JOINED)
    one, *others = compiled.rules
    (term,) = meant(one, {})
    principals = [situation.principal for situation in situations(one, term, others, NOW)]
    assert {(p.name, tuple(p.groups)) for p in principals} == {
        ("azq0", ()),
        ("azq0", ("dev-z",)),
        ("ab", ()),
        ("a", ()),
        ("abc", ()),
    }
    assert {tuple(sorted(p.labels)) for p in principals} == {("env", "t")}


def test_anonymous_stays_anonymous() -> None:
    compiled = policy(JOINED.replace('"user:a*"', "anonymous"))
    one, *others = compiled.rules
    (term,) = meant(one, {})
    assert all(situation.principal.is_anonymous for situation in situations(one, term, others, NOW))


def test_a_group_may_be_anybodys() -> None:
    compiled = policy(JOINED.replace('"user:a*"', '"group:g"'))
    one, *others = compiled.rules
    (term,) = meant(one, {})
    found = {(s.principal.kind, s.principal.name) for s in situations(one, term, others, NOW)}
    assert {("user", "zq0"), ("user", "zq0b"), ("workload", "w"), ("user", "abc")} <= found


def when(number: int, many: int) -> str:
    services = [f"s{index}" for index in range(many)]
    return (
        f"- {{id: r{number}, deny: [pull], principals: [anyone], resources: ['repository:a'], when: {{"
        f"service: {services}, source_ip: ['10.{number}.0.0/16'],"
        f" after: '2026-01-0{number}T00:00:00Z', before: '2027-01-01T00:00:00Z'}}}}"
    )


@pytest.mark.parametrize(("many", "count"), [(1, 2 * 3 * 7), (100, 101 + 6 + 2)])
def test_contexts_are_combined_or_varied_one_by_one(many: int, count: int) -> None:
    rules = policy(f"rules:\n{when(1, many)}\n{when(2, many)}").rules
    found = contexts(rules, NOW)
    assert len(found) == count <= MAX_CONTEXTS
    assert len(set(found)) == count
    assert {one.source_ip for one in found} == {ADDRESS, "10.1.0.0", "10.2.0.0"}
    assert SERVICE in {one.audience for one in found}
    assert NOW in {one.now for one in found}


def test_situations_of_a_rule_that_allows_are_allowed() -> None:
    (rule,) = (compiled := policy(JOINED.split("- {id: two", maxsplit=1)[0])).rules
    (term,) = meant(rule, {})
    (situation,) = situations(rule, term, (), NOW)
    assert decide(compiled, situation.principal, [Scope("repository", "zq0/x", ("pull",))], situation.context).access
