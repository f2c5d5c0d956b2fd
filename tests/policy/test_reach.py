"""What rules reach: principals, conditions and slots, and that a claim of cover is never wrong."""

from datetime import UTC, datetime

import pytest

from tests.policy.build import policy
from token_service.policy.notation import parse_resource
from token_service.policy.parse import parse_policy
from token_service.policy.reach import (
    are_apart,
    exact_name,
    example,
    implies,
    is_covered,
    is_within,
    meant,
    reaches_nothing,
    spoken,
)
from token_service.policy.rule import Rule, Term

GROUPS = policy('groups: {ops: [alice, "service-account:ci"], "dev/core": [bob]}').groups


def terms(*texts: str) -> tuple[Term, ...]:
    listed = ", ".join(f'"{text}"' for text in texts)
    text = f"version: 1\nrules: [{{id: r, deny: [x], principals: [{listed}], resources: ['a:b']}}]"
    return parse_policy(text, "p").rules[0].principals


WITHIN = [
    ("anyone", ["anyone"]), ("anonymous", ["anyone"]), ("authenticated", ["anyone"]), ("user:alice", ["anyone"]),
    ("anyone", ["anonymous", "authenticated"]),
    ("anyone", ["anonymous", "user:**", "service-account:**", "workload:**"]),
    ("authenticated", ["user:**", "service-account:**", "workload:**"]), ("user:alice", ["authenticated"]),
    ("user:alice", ["user:a*"]), ("user:a*", ["user:*"]), ("user:a*", ["user:a", "user:a?*"]),
    ("user:*", ["user:**"]),
    ("group:dev", ["group:d*"]), ("group:dev", ["authenticated"]),
    ("group:dev", ["user:**", "service-account:**", "workload:**"]),
    ("user:alice", ["group:ops"]), ("service-account:ci", ["group:o*"]), ("user:bob", ["group:dev/*"]),
    ("workload:a/b", ["workload:**"]),
]  # fmt: skip
NOT_WITHIN = [
    ("anyone", ["authenticated"]), ("anonymous", ["authenticated"]), ("authenticated", ["anonymous"]), ("anyone", []),
    ("authenticated", ["user:**"]), ("user:*", ["user:a*"]), ("user:**", ["user:*"]),
    ("user:alice", ["service-account:alice"]),
    ("user:carol", ["group:ops"]), ("user:ci", ["group:ops"]), ("group:ops", ["user:alice", "service-account:ci"]),
    ("user:a*", ["group:ops"]), ("workload:alice", ["group:ops"]), ("group:dev", ["user:**"]),
    ("anonymous", ["user:**"]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "others"), WITHIN)
def test_principals_within(one: str, others: list[str]) -> None:
    assert is_within(terms(one)[0], terms(*others) if others else (), GROUPS)


@pytest.mark.parametrize(("one", "others"), NOT_WITHIN)
def test_principals_not_within(one: str, others: list[str]) -> None:
    assert not is_within(terms(one)[0], terms(*others) if others else (), GROUPS)


APART = [
    ("anonymous", "authenticated", True), ("anonymous", "user:a", True), ("anonymous", "group:a", True),
    ("user:a", "user:b", True),
    ("user:a*", "user:b*", True), ("user:a*", "user:*b", False), ("user:a", "service-account:a", True),
    ("user:a", "group:x", False),
    ("group:a", "group:b", False), ("anyone", "anonymous", False), ("user:a", "authenticated", False),
    ("workload:a/*", "workload:a", True),
    ("anonymous", "anonymous", False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "apart"), APART)
def test_principals_apart(one: str, other: str, apart: bool) -> None:
    assert are_apart(*terms(one), *terms(other)) is apart
    assert are_apart(*terms(other), *terms(one)) is apart


def rules(*texts: str) -> tuple[Rule, ...]:
    lines = [f"- {{id: r{number}, {text}}}" for number, text in enumerate(texts)]
    return policy("rules:\n" + "\n".join(lines)).rules


def time(day: int) -> str:
    return datetime(2026, 1, day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


IMPLIES = [
    ("", "", True), ("service: [a]", "", True), ("", "service: [a]", False),
    ("service: [a]", "service: [a, b]", True), ("service: [a]", "service: [a]", True),
    ("service: [a, b]", "service: [a]", False), ("labels: {x: a}", "labels: {x: [a, b]}", True),
    ("labels: {x: [a, b]}", "labels: {x: a}", False), ("labels: {x: a, z: b}", "labels: {x: a}", True),
    ("labels: {x: a}", "labels: {z: a}", False), ("source_ip: ['10.1.0.0/16']", "source_ip: ['10.0.0.0/8']", True),
    ("source_ip: ['10.0.0.0/8']", "source_ip: ['10.0.0.0/9', '10.128.0.0/9']", True),
    ("", "source_ip: ['0.0.0.0/0']", False),
    ("source_ip: ['10.0.0.0/8']", "source_ip: ['10.1.0.0/16']", False),
    ("source_ip: ['::1']", "source_ip: ['0.0.0.0/0']", False),
    ("source_ip: ['::1', '10.0.0.1']", "source_ip: ['10.0.0.0/8', '::/64']", True),
    (f"after: '{time(2)}'", f"after: '{time(1)}'", True), (f"after: '{time(1)}'", f"after: '{time(2)}'", False),
    ("", f"after: '{time(2)}'", False), (f"before: '{time(1)}'", f"before: '{time(2)}'", True),
    (f"before: '{time(2)}'", f"before: '{time(1)}'", False), ("", f"before: '{time(1)}'", False),
    (f"after: '{time(2)}'", f"after: '{time(2)}'", True), (f"before: '{time(2)}'", f"before: '{time(2)}'", True),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "expected"), IMPLIES)
def test_conditions_imply(one: str, other: str, expected: bool) -> None:
    texts = [
        f"deny: [x], principals: [anyone], resources: ['a:b']{f', when: {{{when}}}' if when else ''}"
        for when in (one, other)
    ]
    first, second = rules(*texts)
    assert implies(first.when, second.when) is expected


PULL = "allow: [pull], principals: ['user:*'], resources: "
COVERED = [
    (PULL + "['repository:a/b']", [PULL + "['repository:a/*']"]),
    (PULL + "['repository:a/**']", [PULL + "['repository:a/*']", PULL + "['repository:a/*/**']"]),
    (PULL + "['repository:{principal}/x']", [PULL + "['repository:{principal}/**']"]),
    (PULL + "['repository:{principal}/x']", [PULL + "['repository:**/x']"]),
    (PULL + "['repository:x-{principal}']", [PULL + "['repository:x-*']"]),
    (PULL + "['repository:{label.t}/{principal}']", [PULL + "['repository:{label.t}/**', 'repository:x']"]),
    ("allow: [pull], principals: ['user:alice'], resources: ['repository:alice/x']",
     [PULL + "['repository:{principal}/**']"]),
    ("allow: [pull], principals: ['user:alice'], resources: ['repository:{principal}/x']",
     [PULL + "['repository:alice/*']"]),
    ("allow: [pull], principals: ['user:Alice'], resources: ['repository:{principal}/x']", []),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:a']",
     ["allow: [pull, push, delete], principals: ['user:**'], resources: ['repository:a']"]),
    ("allow: ['*', scan], principals: ['user:*'], resources: ['registry:a']",
     ["allow: ['*'], principals: ['user:**'], resources: ['registry:*']"]),
    ("deny: [pull], principals: [anyone], resources: ['repository:a']",
     ["deny: ['*'], principals: [anyone], resources: ['repository:a']"]),
    ("allow: [pull], principals: [anyone], resources: ['repository:a']",
     ["allow: [pull], principals: [anonymous], resources: ['repository:a']",
      "allow: [pull], principals: [authenticated], resources: ['repository:a']"]),
    ("allow: [pull], principals: ['user:*'], except: ['user:b'], resources: ['repository:a']",
     ["allow: [pull], principals: ['user:*'], except: ['user:b*'], resources: ['repository:a']",
      "allow: [pull], principals: ['user:*'], except: ['user:b'], resources: ['repository:a']"]),
    ("allow: [pull], principals: ['user:a*'], resources: ['repository:a']",
     ["allow: [pull], principals: ['user:*'], except: ['user:b*', anonymous], resources: ['repository:a']"]),
    ("deny: [pull], principals: [anyone], resources: ['repository:a']",
     ["deny: [pull, push], principals: [anyone], resources: ['repository:a']"]),
    ("allow: [pull], principals: ['user:alice'], resources: ['repository:a']",
     ["allow: [pull], principals: ['group:ops'], resources: ['repository:a']"]),
    ("allow: [pull], principals: [authenticated], except: ['group:ops'], resources: ['repository:a']",
     ["allow: [pull], principals: [authenticated], except: ['user:alice'], resources: ['repository:a']"]),
    ("allow: [pull], principals: ['user:alice'], except: ['group:ops'], resources: ['repository:a']", []),
    (PULL + "['repository:x-{principal}']", [PULL + "['repository:x-?', 'repository:x-??*']"]),
]  # fmt: skip
NOT_COVERED = [
    (PULL + "['repository:a/*']", [PULL + "['repository:a/b']"]),
    (PULL + "['repository:{principal}/x']", [PULL + "['repository:*/x']"]),  # a name may have several segments
    (PULL + "['repository:{principal}']", [PULL + "['repository:?', 'repository:??*']"]),
    (PULL + "['repository:{principal}']", [PULL + "['repository:*', 'repository:*/*']"]),
    (PULL + "['repository:{principal}']", [PULL + "['repository:*', 'repository:*/*/*', 'repository:*/*/*/**']"]),
    (PULL + "['repository:x-{principal}']", [PULL + "['repository:x-?']"]),
    (PULL + "['repository:x-{principal}']", [PULL + "['repository:x-??*']"]),
    (PULL + "['repository:x-{principal}']", [PULL + "['repository:x-?', 'repository:x-??']"]),
    (PULL + "['repository:x-{principal}']", [PULL + "['repository:x-?', 'repository:x-???*']"]),
    ("allow: [pull], principals: ['group:dev'], resources: ['repository:{principal}/x']",
     ["allow: [pull], principals: ['group:dev'], resources: ['repository:dev/x']"]),
    ("allow: [scan], principals: ['user:*'], resources: ['repository:a']",
     ["allow: ['*'], principals: ['user:*'], resources: ['repository:a']"]),
    ("allow: ['*', scan], principals: ['user:*'], resources: ['repository:a']",
     ["allow: ['*'], principals: ['user:*'], resources: ['repository:a']"]),
    ("allow: [pull], principals: ['user:carol'], resources: ['repository:a']",
     ["allow: [pull], principals: ['group:ops'], resources: ['repository:a']"]),
    (PULL + "['repository:a/x']", [PULL + "['repository:{principal}/**']"]),
    (PULL + "['repository:{principal}/x']", [PULL + "['repository:{label.t}/x']"]),
    (PULL + "['repository:{label.t}/{principal}']", [PULL + "['repository:{principal}/{label.t}']"]),
    (PULL + "['repository:a']", [PULL + "['registry:a']"]),
    (PULL + "['repository:a']", ["allow: [push], principals: ['user:*'], resources: ['repository:a']"]),
    ("deny: ['*'], principals: [anyone], resources: ['repository:a']",
     ["deny: [pull, push, delete], principals: [anyone], resources: ['repository:a']"]),
    ("allow: ['*'], principals: ['user:*'], resources: ['registry:a']",
     ["allow: [pull, push, delete], principals: ['user:**'], resources: ['registry:*']"]),
    (PULL + "['repository:a']",
     ["allow: [pull], principals: ['user:*'], except: ['group:x'], resources: ['repository:a']"]),
    (PULL + "['repository:a']",
     ["allow: [pull], principals: ['user:*'], resources: ['repository:a'], when: {service: [s]}"]),
    (PULL + "['repository:a', 'repository:b']", [PULL + "['repository:a']"]),
    (PULL + "['repository:a']", []),
]  # fmt: skip


@pytest.mark.parametrize(("one", "others"), COVERED)
def test_covered(one: str, others: list[str]) -> None:
    first, *rest = rules(one, *others)
    assert is_covered(first, None, rest, GROUPS)


@pytest.mark.parametrize(("one", "others"), NOT_COVERED)
def test_not_covered(one: str, others: list[str]) -> None:
    first, *rest = rules(one, *others)
    assert not is_covered(first, None, rest, GROUPS)


@pytest.mark.parametrize(
    ("rule", "kind", "expected"),
    [
        ("allow: [pull, scan]", "repository", {"pull", "scan"}),
        ("allow: ['*']", "repository", {"pull", "push", "delete"}),
        ("allow: ['*', scan]", "repository", {"pull", "push", "delete", "scan"}),
        ("allow: ['*', scan]", "registry", {"*"}),
        ("allow: [pull]", "registry", {"pull"}),
        ("deny: ['*', pull]", "repository", {"*"}),
        ("deny: [push]", "repository", {"push"}),
    ],
)
def test_the_actions_that_a_rule_speaks_about(rule: str, kind: str, expected: set[str]) -> None:
    (one,) = rules(f"{rule}, principals: [anyone], resources: ['repository:a', 'registry:a']")
    assert spoken(one, kind) == expected


REACHES = [
    ("principals: ['user:*'], resources: ['repository:a-', 'repository:a']", False),
    ("principals: ['user:*'], resources: ['repository:a-', 'repository:B']", True),
    ("principals: ['user:*'], except: [authenticated], resources: ['repository:a']", True),
    ("principals: ['user:alice', 'service-account:ci'], except: ['group:ops'], resources: ['repository:a']", True),
    ("principals: ['user:alice', 'user:ci'], except: ['group:ops'], resources: ['repository:a']", False),
    ("principals: ['user:Alice'], resources: ['repository:{principal}']", True),
    ("principals: ['user:Alice', 'user:bob'], resources: ['repository:{principal}']", False),
]


@pytest.mark.parametrize(("rule", "nothing"), REACHES)
def test_a_rule_may_reach_nothing(rule: str, nothing: bool) -> None:
    (one,) = rules(f"allow: [pull], {rule}")
    assert reaches_nothing(one, GROUPS) is nothing


@pytest.mark.parametrize(
    ("term", "name"),
    [
        ("user:alice", "alice"),
        ("service-account:a/b", "a/b"),
        ("workload:a/*", None),
        ("user:a?", None),
        ("user:**", None),
        ("group:dev", None),
        ("anonymous", None),
        ("authenticated", None),
    ],
)
def test_the_name_of_a_principal_that_is_named_exactly(term: str, name: str | None) -> None:
    assert exact_name(*terms(term)) == name


def test_single_actions_can_be_asked_for() -> None:
    push, pull = rules("allow: [push], principals: [anyone], resources: ['repository:a']", PULL + "['repository:**']")
    assert not is_covered(push, ["pull"], [pull], GROUPS)
    (push,) = rules("allow: [push], principals: ['user:*'], resources: ['repository:a']")
    assert is_covered(push, ["pull"], [pull], GROUPS)


def test_whom_a_rule_means_without_its_exceptions() -> None:
    (rule,) = rules(
        "deny: [x], principals: [anyone, 'user:a', 'group:g'], except: ['user:**', 'group:g*'], resources: ['a:b']"
    )
    assert [str(term) for term in meant(rule, {})] == ["anonymous", "service-account:**", "workload:**"]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("a/*", "a/0"),
        ("{principal}/x", "z/x"),
        ("x-{label.t}", "x-z"),
        ("a-", None),
        ("_{principal}", None),
        ("**", "0"),
    ],
)
def test_an_example_of_a_pattern(pattern: str, name: str | None) -> None:
    assert example(parse_resource(f"repository:{pattern}", "").pattern) == name


def test_patterns_that_use_every_letter_do_not_confuse_it() -> None:
    alphabet = "repository:abcdefghijklmnopqrstuvwxyz0123456789/{principal}"
    one, other = rules(PULL + f"['{alphabet}']", PULL + f"['{alphabet[:-11]}*']")
    assert not is_covered(one, None, [other], GROUPS)
    assert is_covered(one, None, [one], GROUPS)
