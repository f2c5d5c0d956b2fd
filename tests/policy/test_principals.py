"""Principals: those whom a rule means, with what others need, and out of what stands in the way."""

import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import policy
from token_service.policy.match import Request, is_meant
from token_service.policy.pattern import show as show_pattern
from token_service.policy.pattern import slots
from token_service.policy.principals import VALUE, WORD, Part, Principals
from token_service.policy.reach import meant
from token_service.policy.rule import Rule, Term
from token_service.principal import Principal

RULES = """
groups: {static: [rita]}
rules:
- id: one
  allow: [pull]
  principals: ["user:a*", anonymous, "group:g/*", "group:static"]
  resources: ["repository:x/**", "repository:{label.t}/**"]
  when: {labels: {env: [prod, test]}}
- {id: two, deny: [pull], principals: ["group:dev-?"], resources: ["repository:x/y"]}
- {id: three, deny: [pull], principals: ["user:*b", "workload:w", anonymous], resources: ["repository:x"]}
- {id: four, deny: [pull], principals: [anyone], except: ["user:abc", "group:admins"], resources: ["repository:x"]}
- {id: five, deny: [pull], principals: [anyone], except: ["group:e", "group:f"], resources: ["repository:x"]}
- {id: s, deny: [pull], principals: [anyone], except: ["group:h"], resources: ["repository:x"], when: {service: [s]}}
- {id: own, allow: [pull], principals: ["user:*"], resources: ["repository:{principal}/**"]}
"""
COMPILED = policy(RULES)
ONE, TWO, THREE, FOUR, FIVE, SIX, OWN = COMPILED.rules


def people() -> Principals:
    return Principals(COMPILED.rules, tuple(COMPILED.groups.values()))


def term(text: str) -> Term:
    return next(one for rule in COMPILED.rules for one in rule.principals if str(one) == text)


def part(rule: Rule, index: int = 0) -> Part:
    return Part(rule, rule.resources[index])


def show(principal: Principal) -> str:
    labels = [f"{label}={'+'.join(values)}" for label, values in sorted(principal.labels.items())]
    return " ".join([f"{principal.kind}:{principal.name}", *sorted(principal.groups), *labels])


def found(text: str, *parts: Part) -> set[str]:
    return {show(one) for one in people().of(term(text), parts)}


def test_names_are_one_for_each_combination_of_patterns() -> None:
    assert found("user:*", part(OWN)) == {
        "user:zq0",  # plain
        "user:abc", "user:rita",  # named exactly
        "user:a", "user:b", "user:ab", "user:c",  # in `a*`, in `*b`, in both, in none
        "user:x", "user:0",  # a path, whose names meet `x/**`, and another
    }  # fmt: skip


def test_labels_are_those_that_conditions_and_slots_need() -> None:
    every = found("user:a*", part(ONE))
    assert "user:azq0 env=prod" in every
    assert "user:azq0 env=test" in every
    assert {one.split(" ", 1)[1] for one in every} == {"env=prod", "env=test"}
    slotted = {one.split(" ", 1)[1] for one in found("user:a*", part(ONE, 1)) if one.startswith("user:azq0 ")}
    assert {"env=prod t=zq1", "env=test t=zq1", "env=prod t=x", "env=prod t=azq0"} <= slotted


def test_anonymous_has_neither_labels_nor_groups() -> None:
    assert found("anonymous", part(ONE)) == set()
    assert found("anonymous", part(THREE)) == {"anonymous:"}
    assert found("anonymous", part(THREE), part(TWO)) == set()


def test_a_group_may_be_anybodys_and_a_static_one_needs_no_other() -> None:
    every = found("group:static", part(ONE))
    assert {"user:zq0 static env=prod", "service-account:zq0 static env=prod", "workload:w static env=prod"} <= every
    assert {one for one in every if "static" not in one} == {"user:rita env=prod", "user:rita env=test"}


def test_another_part_brings_what_it_needs() -> None:
    assert "user:azq0 dev-z env=prod" in found("user:a*", part(ONE), part(TWO))
    assert all(" dev-" in one for one in found("user:a*", part(ONE), part(TWO)))
    assert {one.split(" ")[0] for one in found("user:a*", part(ONE), part(THREE))} == {"user:ab"}


def test_members_of_a_static_group_are_in_it_already() -> None:
    every = found("user:*", part(OWN), part(ONE))
    assert {"user:rita env=prod", "user:rita static env=prod", "user:abc env=test", "user:b g/zq0 env=prod"} <= every
    assert "user:b env=prod" not in every


def test_a_term_that_is_not_the_rules_own_needs_the_rules_own_as_well() -> None:
    joined = {show(one) for one in people().of(term("workload:w"), [part(ONE)])}
    assert joined == {
        f"workload:w {group} env={value}" for group in ("g/zq0", "g/", "static") for value in ("prod", "test")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("in_the_way", "expected"),
    [
        ([], {"user:x"}),
        ([[]], {"user:x"}),
        ([[FOUR]], {"user:x", "user:x admins"}),
        ([[FIVE]], {"user:x", "user:x e", "user:x f"}),
        ([[FOUR, FIVE]], {"user:x", "user:x admins e", "user:x admins f"}),
        ([[FOUR], [FIVE]], {
            "user:x", "user:x admins", "user:x e", "user:x f", "user:x admins e", "user:x admins f",
        }),
        ([[TWO]], {"user:x"}),
        ([[TWO, FOUR]], {"user:x"}),
        ([[SIX]], {"user:x", "user:x h"}),
        ([[SIX, FOUR]], {"user:x", "user:x admins", "user:x admins h"}),
    ],
)  # fmt: skip
def test_groups_take_them_out_of_what_is_in_the_way(in_the_way: list[list[Rule]], expected: set[str]) -> None:
    """Of all rules of a set together; a rule with conditions on the context may be left to these."""

    def blockers(principal: Principal) -> Iterator[list[Rule]]:
        for rules in in_the_way:
            yield [
                rule
                for rule in rules
                if not principal.groups & {show_pattern(one.pattern) for one in rule.exceptions}
            ]

    assert {show(one) for one in people().without(Principal("x"), blockers)} == expected


def test_new_groups_may_bring_new_rules_in_the_way() -> None:
    def blockers(principal: Principal) -> list[list[Rule]]:
        return [[FOUR]] if not principal.groups else [[FIVE]] if principal.groups == {"admins"} else []

    assert {show(one) for one in people().without(Principal("x"), lambda one: iter(blockers(one)))} == {
        "user:x", "user:x admins", "user:x admins e", "user:x admins f",
    }  # fmt: skip


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_the_rule_is_for_them_and_its_slots_can_be_filled(seed: int) -> None:
    rng = random.Random(seed)
    compiled = build.document_policy(generate.document(rng)[:5], generate.groups(rng))
    people = Principals(compiled.rules, tuple(compiled.groups.values()))
    for rule in compiled.rules:
        for resource in rule.resources:
            for one in meant(rule, compiled.groups):
                for principal in people.of(one, [Part(rule, resource)]):
                    request = Request.of(compiled, principal, build.CONTEXT)
                    assert is_meant(one, request)
                    assert all(set(values) & set(principal.labels[label]) for label, values in rule.when.labels)
                    assert all(request.slots(slot) or slot == "principal" for slot in slots(resource.pattern))


def test_several_labels_are_combined_and_fill_each_others_slots() -> None:
    compiled = policy("""rules:
- id: r
  allow: [pull]
  principals: ["user:u"]
  resources: ["repository:{label.a}/{label.b}", "registry:r/**"]
  when: {labels: {a: [v, W]}}
- {id: other, deny: [pull], principals: [anyone], resources: ["repository:x/y", "registry:r/{label.c}"]}
- {id: cond, deny: [pull], principals: [anyone], resources: ["repository:z"], when: {labels: {b: [w]}}}
""")
    rule = compiled.rules[0]
    principals = Principals(compiled.rules, ())
    found_ = [show(one) for one in principals.of(rule.principals[0], [Part(rule, rule.resources[0])])]
    assert found_[0] == "user:u a=v+zq1 b=zq1", "the plainest first"
    assert {one for one in found_ if "b=y" in one} >= {"user:u a=v b=y", "user:u a=v+x b=y", "user:u a=W+x b=y"}
    assert {one for one in found_ if "b=w" in one}
    assert not {one for one in found_ if "a=x b" in one}, "the condition holds, too"
    registry = [show(one) for one in principals.of(rule.principals[0], [Part(rule, rule.resources[1])])]
    assert registry == ["user:u a=v", "user:u a=W"]
    other = Part(compiled.rules[1], compiled.rules[1].resources[1])
    joined = [show(one) for one in principals.of(rule.principals[0], [Part(rule, rule.resources[1]), other])]
    assert {"user:u a=v c=zq1", "user:u a=W c=zq1", "user:u a=v c=u"} <= set(joined)
    assert len(joined) == len(set(joined))


def test_paths_are_cut_into_segments() -> None:
    compiled = policy("""
groups: {"dev/core": ["user:a/b"]}
rules:
- {id: r, allow: [pull], principals: ["user:a/*", "group:dev/*"], resources: ["repository:{principal}/**"]}
- {id: p, allow: [pull], principals: ["user:a/?-*"], resources: ["repository:x/y/z"]}
""")
    rule = compiled.rules[0]
    principals = Principals(compiled.rules, tuple(compiled.groups.values()))
    users, group = rule.principals
    found_ = {show(one) for one in principals.of(users, [Part(rule, rule.resources[0])])}
    assert {"user:a/zq0", "user:a/b"} <= found_
    assert any(re.fullmatch("user:a/.-.*", one) for one in found_)
    assert "user:a/b" in {show(one) for one in principals.of(group, [Part(rule, rule.resources[0])])}
    assert show(next(principals.of(compiled.rules[1].principals[0], [Part(rule, rule.resources[0])]))) == (
        "user:a/z-zq0"
    )


def test_it_says_where_there_are_too_many_to_combine() -> None:
    globs = [f"user:*{a}*{b}*" for a in "abcdef" for b in "ghijkl"]
    text = f"rules: [{{id: r, allow: [pull], principals: {[*globs, 'user:*']}, resources: ['repository:x']}}]"
    compiled = policy(text)
    principals = Principals(compiled.rules, ())
    assert sum(1 for _ in principals.of(compiled.rules[0].principals[-1], [part(ONE)])) > 0
    assert not principals.is_complete


def test_the_words_that_stand_for_others_may_fill_slots() -> None:
    assert (WORD, VALUE) == ("zq0", "zq1")
