"""Contexts: every set of rules that can speak together does so in one of them."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import policy
from token_service.policy.condition import Context
from token_service.policy.contexts import ADDRESS, IPV6_ADDRESS, SERVICE, contexts, speaks
from token_service.policy.rule import Rule

NOW = 1_800_000_000
USUAL = Context(SERVICE, NOW, ADDRESS)


def rules(*whens: str) -> tuple[Rule, ...]:
    lines = [
        f"- {{id: r{number}, allow: [pull], principals: [anyone], resources: ['repository:a']{when}}}"
        for number, when in enumerate(whens)
    ]
    return policy("rules:\n" + "\n".join(lines)).rules


def found(*whens: str) -> list[Context]:
    rule, *others = rules(*(when and f", when: {{{when}}}" for when in whens))
    contexts_, is_all = contexts(rule, others, NOW)
    assert is_all
    return contexts_


BEGIN, END = "'2027-01-15T08:00:00Z'", "'2027-01-15T08:01:40Z'"  # NOW, and 100 seconds later


@pytest.mark.parametrize(
    ("whens", "expected"),
    [
        ([""], [USUAL]),
        (["", "labels: {team: [a]}"], [USUAL]),
        (["", "service: [r1, r2]"], [USUAL, Context("r1", NOW, ADDRESS)]),
        (["", "service: [r1, r2]", "service: [r2]"],
         [USUAL, Context("r1", NOW, ADDRESS), Context("r2", NOW, ADDRESS)]),
        (["labels: {team: [a]}, service: [r1]"], [Context("r1", NOW, ADDRESS)]),
        (["service: [r1]"], [Context("r1", NOW, ADDRESS)]),
        (["", f"after: {BEGIN}"], [USUAL, Context(SERVICE, NOW - 1, ADDRESS)]),
        (["", f"before: {END}"], [USUAL, Context(SERVICE, NOW + 100, ADDRESS)]),
        ([f"after: {END}"], [Context(SERVICE, NOW + 100, ADDRESS)]),
        (["", "source_ip: ['10.0.0.0/8']"], [USUAL, Context(SERVICE, NOW, "10.0.0.0")]),
        (["", "source_ip: ['10.0.0.0/8']", "source_ip: ['10.0.0.0/16']"],
         [USUAL, Context(SERVICE, NOW, "10.0.0.0"), Context(SERVICE, NOW, "10.1.0.0")]),
        (["", "source_ip: ['0.0.0.0/0']"], [USUAL, Context(SERVICE, NOW, IPV6_ADDRESS)]),
        (["", "source_ip: ['0.0.0.0/0', '2001:db8::/32', '64:ff9b::/96']"], [USUAL, Context(SERVICE, NOW, "::")]),
        (["source_ip: ['255.255.255.255/32', 'ffff::/16']"], [Context(SERVICE, NOW, "255.255.255.255")]),
        (["service: [r1]", "service: [r1], source_ip: ['10.0.0.0/8']"],
         [Context("r1", NOW, ADDRESS), Context("r1", NOW, "10.0.0.0")]),
    ],
)  # fmt: skip
def test_one_context_for_each_set_of_rules_that_can_speak_together(whens: list[str], expected: list[Context]) -> None:
    assert found(*whens) == expected


def test_the_unknown_address_counts_where_somebody_is_denied_by_it() -> None:
    allow = "{id: a, allow: [pull], principals: [anyone], resources: ['repository:a']}"
    deny = allow.replace("id: a, allow", "id: d, deny").replace("}", ", when: {source_ip: ['0.0.0.0/0', '::/0']}}")
    other = allow.replace("id: a", "id: b").replace("}", ", when: {source_ip: ['10.0.0.0/8']}}")
    rule, *others = policy(f"rules:\n- {allow}\n- {deny}\n- {other}").rules
    assert contexts(rule, others, NOW) == ([USUAL, Context(SERVICE, NOW, "10.0.0.0")], True)
    rule, *others = policy(f"rules:\n- {deny}\n- {other.replace('10.0.0.0/8', '0.0.0.0/0')}").rules
    assert contexts(rule, others, NOW)[0] == [USUAL, Context(SERVICE, NOW, IPV6_ADDRESS)]


def test_a_filtered_catalogue_is_one_more_thing() -> None:
    text = "allow: ['*'], principals: [anyone], resources: ['registry:catalog'], filter: pull"
    rule, other = policy(f"rules:\n- {{id: a, {text}, when: {{service: [r1]}}}}\n- {{id: b, {text}}}").rules
    filtered = Context("r1", NOW, ADDRESS, filters_catalogue=True)
    assert contexts(rule, [other], NOW) == ([filtered], True)
    assert contexts(other, [rule], NOW)[0] == [Context(SERVICE, NOW, ADDRESS, filters_catalogue=True), filtered]


def test_too_many_combinations_are_said_to_be_too_many() -> None:
    whens = [f", when: {{service: [s{n}], source_ip: ['10.{n}.0.0/16'], after: '20{n:02}-01-01T00:00:00Z'}}"
             for n in range(10, 50)]  # fmt: skip
    rule, *others = rules("", *whens)
    found_, is_all = contexts(rule, others, NOW)
    assert USUAL in found_
    assert not is_all


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_whatever_can_happen_happens_in_one_of_them(seed: int) -> None:
    rng = random.Random(seed)
    rule, *others = build.document_policy(generate.document(rng)[:6], {}).rules
    all_, is_all = contexts(rule, others, generate.TIMES[1])
    assert is_all
    sets = {tuple(speaks(other, one) for other in others) for one in all_}
    for service, time, address in itertools.product([*generate.SERVICES, "r3"], generate.TIMES, generate.ADDRESSES):
        for filters in (False, True):
            context = Context(service, time, address, filters)
            if speaks(rule, context):
                assert tuple(speaks(other, context) for other in others) in sets
