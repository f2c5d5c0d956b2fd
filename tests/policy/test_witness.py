"""Looking for somebody who gains: where there is somebody, they are found, whatever it takes."""

from dataclasses import replace

import pytest

from tests.policy.build import CONTEXT, policy
from tests.policy.test_principals import show
from token_service.policy.contexts import ADDRESS, IPV6_ADDRESS, SERVICE
from token_service.policy.decide import decide
from token_service.policy.index import CompiledPolicy
from token_service.policy.pattern import Literal
from token_service.policy.reach import meant
from token_service.policy.rule import Effect, Term, Who
from token_service.policy.witness import Comparison
from token_service.scope import Scope

X = "resources: ['repository:x']"
PROD = "resources: ['repository:prod/**']"
DENY = f"{{id: d, deny: [push], principals: [anyone], {PROD}}}"


def rules(*texts: str, groups: str = "") -> CompiledPolicy:
    return policy(f"{groups and f'groups: {groups}'}\nrules: [{', '.join(texts)}]")


def look(before: CompiledPolicy, after: CompiledPolicy, rule_id: str, action: str = "push") -> list[str]:
    """Who gains by the rule, one line for each term and resource: principal, name, and what is unusual."""
    rule = next(r for p in (after, before) for r in p.rules if r.id == rule_id)
    mine = after if rule.effect is Effect.ALLOW else before
    comparison = Comparison(before, after, CONTEXT.now)
    found = []
    for term in meant(rule, mine.groups):
        for resource in rule.resources:
            answer, is_complete = comparison.find(rule, term, resource, action)
            assert is_complete
            if answer is None:
                continue
            principal, context, name = answer
            scopes = [Scope(resource.type, name, (action,))]
            assert decide(after, principal, scopes, context).access
            assert not decide(before, principal, scopes, context).access
            usual = (SERVICE, ADDRESS, CONTEXT.now)
            unusual = [
                str(one)
                for one, other in zip((context.audience, context.source_ip, context.now), usual, strict=True)
                if one != other
            ]
            found.append(" ".join([show(principal), "on", name, *unusual]))
    return found


CASES: list[tuple[list[str], list[str], str, list[str]]] = [
    # a rule that is new, alone
    ([], [f"{{id: a, allow: [push], principals: ['user:*'], {X}}}"], "a", ["user:zq0 on x"]),
    ([], [f"{{id: a, allow: [push], principals: [anonymous], {X}}}"], "a", ["anonymous: on x"]),
    ([f"{{id: b, allow: [push], principals: [anyone], {X}}}"],
     [f"{{id: a, allow: [push], principals: [anyone], {X}}}"], "a", []),
    ([f"{{id: b, allow: [pull], principals: [anyone], {X}}}"],
     [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}"], "a", ["user:u on x"]),
    # who of them gains is found by avoiding what was allowed
    (["{id: b, allow: [push], principals: ['user:a*', 'user:zq0'], resources: ['repository:**']}"],
     [f"{{id: a, allow: [push], principals: ['user:*'], {X}}}"], "a", ["user:0 on x"]),
    (["{id: b, allow: [push], principals: [anyone], resources: ['repository:*/**']}"],
     ["{id: a, allow: [push], principals: ['user:u'], resources: ['repository:**']}"], "a", ["user:u on 0"]),
    (["{id: b, allow: [push], principals: [anyone], resources: ['repository:*/**']}"],
     ["{id: a, allow: [push], principals: ['user:u'], resources: ['repository:x', 'repository:*/y/**']}"], "a",
     ["user:u on x"]),
    (["{id: b, allow: [push], principals: [anyone], resources: ['repository:*/*']}"],
     ["{id: a, allow: [push], principals: ['user:u'], resources: ['repository:x', 'repository:x/**']}"], "a",
     ["user:u on x", "user:u on x/0/0"]),
    # a denial that is lifted needs another rule that allows, however it fills its slots
    ([DENY, "{id: own, allow: [push], principals: ['user:*'], resources: ['repository:{principal}/**']}"],
     ["{id: own, allow: [push], principals: ['user:*'], resources: ['repository:{principal}/**']}"], "d",
     ["user:prod on prod/0"]),
    ([DENY, "{id: own, allow: [push], principals: ['user:*'], resources: ['repository:{label.team}/**']}"],
     ["{id: own, allow: [push], principals: ['user:*'], resources: ['repository:{label.team}/**']}"], "d",
     ["user:zq0 team=prod on prod/0"]),
    ([DENY, "{id: own, allow: [push], principals: ['user:*'], resources: ['repository:p-{label.team}/*']}"],
     ["{id: own, allow: [push], principals: ['user:*'], resources: ['repository:p-{label.team}/*']}"], "d", []),
    ([DENY], [], "d", []),
    ([DENY, f"{{id: g, allow: [push], principals: ['group:dev'], {PROD}, when: {{labels: {{env: [a, b]}}}}}}"],
     [f"{{id: g, allow: [push], principals: ['group:dev'], {PROD}, when: {{labels: {{env: [a, b]}}}}}}"], "d",
     [f"{kind}:zq0 dev env=a on prod/0" for kind in ("user", "service-account", "workload")]),
    # a new rule where the old policy allowed, but denied as well
    ([DENY, f"{{id: b, allow: [push], principals: [anyone], {PROD}}}"],
     [f"{{id: a, allow: [push], principals: ['user:u'], {PROD}}}"], "a", ["user:u on prod/0"]),
    ([f"{{id: d, deny: [push], principals: ['group:bad'], {PROD}}}",
      f"{{id: b, allow: [push], principals: [anyone], {PROD}}}"],
     [f"{{id: a, allow: [push], principals: ['user:u'], {PROD}}}"], "a", ["user:u bad on prod/0"]),
    # what is in the way
    ([], [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}",
          f"{{id: d, deny: [push], principals: [anyone], {X}}}"], "a", []),
    ([], [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}",
          *(f"{{id: d{n}, deny: [push], principals: [anyone], except: ['group:e{n}'], {X}}}" for n in range(3))],
     "a", ["user:u e0 e1 e2 on x"]),
    ([], [f"{{id: a, allow: [push], principals: [anonymous], {X}}}",
          f"{{id: d, deny: [push], principals: [anyone], except: ['group:e'], {X}}}"], "a", []),
    ([], [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}",
          f"{{id: d, deny: [push], principals: [anyone], except: ['group:e'], {X}}}",
          f"{{id: e, deny: [push], principals: ['group:*'], {X}}}"], "a", []),
    ([], [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}",
          f"{{id: d, deny: [push], principals: [anyone], except: ['group:e/**'], {X}}}",
          f"{{id: e, deny: [push], principals: ['group:*/*'], {X}}}"], "a", ["user:u e// on x"]),
    # circumstances
    ([f"{{id: b, allow: [push], principals: [anyone], {X}, when: {{source_ip: ['0.0.0.0/0']}}}}"],
     [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}"], "a", [f"user:u on x {IPV6_ADDRESS}"]),
    ([], [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}",
          f"{{id: d, deny: [push], principals: [anyone], {X}, when: {{before: '2030-01-01T00:00:00Z'}}}}"], "a",
     ["user:u on x 1893456000"]),
    ([DENY, f"{{id: b, allow: [push], principals: ['user:u'], {PROD}, when: {{service: [r1]}}}}"],
     [f"{{id: b, allow: [push], principals: ['user:u'], {PROD}, when: {{service: [r1]}}}}"], "d",
     ["user:u on prod/0 r1"]),
    ([], [f"{{id: a, allow: [push], principals: ['user:u'], {X}, when: {{service: [r1]}}}}",
          f"{{id: d, deny: [push], principals: [anyone], {X}, when: {{service: [r1]}}}}"], "a", []),
    # only what speaks of the same type, action and names is in the way
    ([f"{{id: b, allow: ['*'], principals: [anyone], {X}}}"],
     [f"{{id: a, allow: [push, scan], principals: ['user:u'], {X}}}",
      "{id: d, deny: ['*'], principals: [anyone], resources: ['other:x', 'repository:y']}",
      f"{{id: e, deny: [pull], principals: [anyone], {X}}}"], "a", []),
    (["{id: b, allow: ['*'], principals: [anyone], resources: ['other:x']}"],
     [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}",
      "{id: d, deny: ['*'], principals: [anyone], resources: ['other:x', 'repository:y']}",
      f"{{id: e, deny: [pull], principals: [anyone], {X}}}"], "a", ["user:u on x"]),
    ([], ["{id: a, allow: [push], principals: ['user:u'], resources: ['repository:x/y/z']}",
          "{id: d, deny: [push], principals: [anyone], except: ['group:g'], resources: ['repository:x/*/z']}",
          "{id: e, deny: [push], principals: [anyone], except: ['group:h'], resources: ['repository:x/*/**']}"],
     "a", ["user:u g h on x/y/z"]),
    ([], ["{id: a, allow: [push], principals: ['user:u'], resources: ['repository:u/**']}",
          "{id: d, deny: [push], principals: ['user:*'], resources: ['repository:{principal}/**']}"], "a", []),
    ([], ["{id: a, allow: [push], principals: ['user:*'], resources: ['repository:u/**']}",
          "{id: d, deny: [push], principals: ['user:*'], resources: ['repository:{principal}/**']}"], "a",
     ["user:zq0 on u/0"]),
    ([], ["{id: a, allow: [push], principals: ['user:u'], resources: ['repository:u/**']}",
          ("{id: d, deny: [push], principals: ['user:*'], except: ['group:g'],"
           " resources: ['repository:{principal}/**']}")], "a", ["user:u g on u/0"]),
    # what audits does not count
    ([f"{{id: b, allow: [push], principals: [anyone], {X}, mode: audit}}"],
     [f"{{id: a, allow: [push], principals: ['user:u'], {X}}}",
      f"{{id: d, deny: [push], principals: [anyone], {X}, mode: audit}}"], "a", ["user:u on x"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "rule", "expected"), CASES)
def test_who_gains(before: list[str], after: list[str], rule: str, expected: list[str]) -> None:
    assert look(rules(*before), rules(*after), rule) == expected


def test_static_groups_count_as_they_are_in_each_policy() -> None:
    allow = f"{{id: a, allow: [push], principals: ['group:ops'], {X}}}"
    before, after = rules(allow, groups="{ops: [alice]}"), rules(allow, groups="{ops: [bob]}")
    (term,) = before.rules[0].principals
    comparison = Comparison(before, after, CONTEXT.now)
    answer, is_complete = comparison.find(after.rules[0], term, after.rules[0].resources[0], "push")
    assert is_complete
    assert answer is not None
    assert show(answer[0]) == "user:bob"


def test_a_denial_counts_for_those_who_were_in_its_group() -> None:
    deny = f"{{id: d, deny: [push], principals: ['group:ops'], {X}}}"
    allow = f"{{id: a, allow: [push], principals: ['user:*'], {X}}}"
    before, after = rules(deny, allow, groups="{ops: [alice]}"), rules(deny, allow, groups="{ops: [bob]}")
    rule, term = before.rules[0], Term(Who.USER, (Literal("alice"),))
    answer, _ = Comparison(before, after, CONTEXT.now).find(rule, term, rule.resources[0], "push")
    assert answer is not None
    assert show(answer[0]) == "user:alice"
    other = Term(Who.USER, (Literal("bob"),))
    assert Comparison(before, after, CONTEXT.now).find(rule, other, rule.resources[0], "push")[0] != answer


def test_too_many_circumstances_are_said_to_be_too_many() -> None:
    rest = [f"{{id: r{n}, allow: [push], principals: ['user:b'], {X}, when: {{service: [s{n}], "
            f"source_ip: ['10.{n}.0.0/16'], after: '20{n}-01-01T00:00:00Z'}}}}" for n in range(10, 50)]  # fmt: skip
    before = rules("{id: b, allow: [push], principals: ['user:u'], resources: ['repository:x', 'other:y']}", *rest)
    after = rules("{id: a, allow: [push], principals: ['user:u', 'group:g'], resources: ['repository:x', 'other:y']}",
                  *rest, groups="{g: [u]}")  # fmt: skip
    rule = after.rules[0]
    comparison = Comparison(before, after, CONTEXT.now)
    assert comparison.find(rule, rule.principals[0], rule.resources[0], "push") == (None, False)
    assert comparison.find(rule, rule.principals[0], rule.resources[1], "push") == (None, True)


def test_who_is_not_meant_by_the_term_is_not_found_by_it() -> None:
    """`bob` gains, but not because of the group, which he has left."""
    text = f"{{id: a, allow: [push], principals: ['group:ops', 'user:*'], {X}}}"
    deny = f"{{id: d, deny: [push], principals: ['group:ops'], {X}}}"
    before, after = rules(text, deny, groups="{ops: [bob]}"), rules(text, groups="{other: [bob]}")
    ops, users = after.rules[0].principals
    comparison = Comparison(before, after, CONTEXT.now)
    found = {str(term): comparison.find(after.rules[0], term, after.rules[0].resources[0], "push")[0]
             for term in (ops, users)}  # fmt: skip
    assert {term: show(one[0]) for term, one in found.items() if one is not None} == {
        "group:ops": "user:zq0 ops", "user:*": "user:zq0 ops",
    }  # fmt: skip


def test_a_filtered_catalogue_is_gained_where_it_is_filtered() -> None:
    allow = "{id: a, allow: ['*'], principals: ['user:u'], resources: ['registry:catalog'], filter: pull}"
    before, after = rules(), rules(allow)
    (rule,) = after.rules
    answer, is_complete = Comparison(before, after, 0).find(rule, rule.principals[0], rule.resources[0], "*")
    assert is_complete
    assert answer is not None
    assert answer[1].filters_catalogue


def test_it_stops_where_there_are_too_many() -> None:
    allow = f"{{id: a, allow: [push], principals: ['user:u'], {X}}}"
    denials = [f"{{id: d{n}, deny: [push], principals: [anyone], except: ['group:e{n}'], {X}}}" for n in range(2)]
    before, after = rules(), rules(allow, *denials)
    rule = after.rules[0]
    for limit, is_found in ((2, True), (1, False)):
        answer, is_complete = Comparison(before, after, 0, limit).find(
            rule, rule.principals[0], rule.resources[0], "push"
        )
        assert (answer is not None) is is_found is is_complete


def test_what_is_asked_are_actions_of_registries_and_of_rules_and_one_more() -> None:
    one = "{id: a, allow: [scan, pull], principals: [anyone], resources: ['repository:x', 'plugin:y']}"
    every = "{id: b, allow: ['*'], principals: [anyone], resources: ['repository:x', 'repository:x', 'plugin:y']}"
    denied = "{id: d, deny: ['*'], principals: [anyone], resources: ['repository:x']}"
    before, after = rules(denied), rules(one, every)
    questions = [
        [f"{resource} {action}" for resource, action in Comparison(before, after, 0).questions(rule)]
        for rule in (*after.rules, *before.rules)
    ]
    assert questions == [
        ["repository:x pull", "repository:x scan", "plugin:y pull", "plugin:y scan"],
        ["repository:x delete", "repository:x pull", "repository:x push", "plugin:y *", "plugin:y delete",
         "plugin:y pull", "plugin:y push", "plugin:y scan", "plugin:y unnamed"],
        ["repository:x delete", "repository:x pull", "repository:x push", "repository:x scan",
         "repository:x unnamed"],
    ]  # fmt: skip


def test_what_is_the_same_is_not_gained() -> None:
    text = f"{{id: a, allow: [push], principals: ['user:u'], {X}}}"
    (rule,) = rules(text).rules
    for before in (rules(text), rules(text, groups="{g: [u]}")):
        answer = Comparison(before, rules(text), 0).find(rule, rule.principals[0], rule.resources[0], "push")
        assert answer == (None, True)
    other = replace(rule, id="b")
    assert Comparison(rules(text), rules(text), 0).find(other, rule.principals[0], rule.resources[0], "push")[1]
