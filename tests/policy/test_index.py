"""The index: who a principal is to a policy, and that groups, kinds and odd names are kept apart."""

import pytest

from tests.policy.build import granted, policy, user
from token_service.policy.index import Slots, compile_policy
from token_service.policy.rule import Group
from token_service.principal import ANONYMOUS, Kind, Principal


def may_pull(terms: str, who: Principal, extra: str = "") -> bool:
    text = f"rules: [{{id: r, allow: [pull], principals: [{terms}], resources: ['repository:a'] {extra}}}]"
    return granted(policy(text), who, "repository:a:pull") == ["repository:a:pull"]


CI = user("ci", kind=Kind.SERVICE_ACCOUNT)
JOB = user("gitlab/group/project", kind=Kind.WORKLOAD)
MEANT = [
    ("anyone", ANONYMOUS), ("anyone", user("alice")), ("anyone", CI), ("anonymous", ANONYMOUS),
    ("authenticated", user("alice")), ("authenticated", CI), ("authenticated", JOB), ("'user:alice'", user("alice")),
    ("'user:*'", user("alice")), ("'user:a*e'", user("alice")), ("'user:**'", user("a/b")),
    ("'user:*/b'", user("a/b")),
    ("'service-account:ci'", CI), ("'service-account:*'", CI), ("'workload:gitlab/**'", JOB),
    ("'workload:gitlab/*/project'", JOB), ("'workload:**'", JOB), ("'group:dev'", user("x", "dev")),
    ("'group:d*'", user("x", "ops", "dev")), ("'group:dev/**'", user("x", "dev/core/db")),
    ("'group:*'", user("x", "dev")),
    ("'user:bob', 'user:alice'", user("alice")), ("'user:alice@example.com'", user("alice@example.com")),
    ("'group:*'", user("x", "a b")), ("'user:**'", user("a//b")),
]  # fmt: skip
NOT_MEANT = [
    ("anonymous", user("alice")), ("authenticated", ANONYMOUS), ("'user:alice'", user("bob")),
    ("'user:alice'", user("Alice")), ("'user:*'", user("a/b")), ("'user:*'", ANONYMOUS), ("'user:**'", ANONYMOUS),
    ("'user:ci'", CI), ("'user:*'", CI), ("'service-account:*'", user("ci")), ("'workload:*'", JOB),
    ("'workload:gitlab/*'", JOB), ("'group:dev'", user("dev")), ("'group:dev'", user("x", "dev2")),
    ("'group:dev/*'", user("x", "dev")), ("'group:dev/**'", user("x", "dev")), ("'group:**'", user("x")),
    ("'user:al?ce'", user("alxxce")), ("'user:alice'", user("*")), ("'user:alice'", user("al?ce")),
    ("'user:?'", user("")),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "who"), MEANT)
def test_the_principal_is_meant(terms: str, who: Principal) -> None:
    assert may_pull(terms, who)
    assert not may_pull("anyone", who, f", except: [{terms}]")


@pytest.mark.parametrize(("terms", "who"), NOT_MEANT)
def test_the_principal_is_not_meant(terms: str, who: Principal) -> None:
    assert not may_pull(terms, who)
    assert may_pull("anyone", who, f", except: [{terms}]")


def test_a_name_that_looks_like_a_pattern_is_only_a_name() -> None:
    """A user called `*` is not every user, and does not become one by the way terms are kept."""
    for name in ("*", "**", "al*", "user:*", "anyone"):
        assert not may_pull("'user:alice'", user(name))
        assert not may_pull("'group:dev'", user("x", name))
        assert not may_pull("anonymous", user(name, "anonymous"))


def test_static_groups_have_users_and_service_accounts_by_kind() -> None:
    compiled = policy("""
groups:
  dev: [alice, "service-account:ci", "user:bob"]
  dev/core: [alice]
  nobody: []
rules:
  - {id: dev, allow: [pull], principals: ["group:dev"], resources: ["repository:dev"]}
  - {id: glob, allow: [pull], principals: ["group:dev/*"], resources: ["repository:core"]}
""")
    both = ["repository:core:pull", "repository:dev:pull"]
    for who, expected in [
        (user("alice"), both),
        (user("bob"), both[1:]),
        (CI, both[1:]),
        (user("ci"), []),
        (user("alice", kind=Kind.SERVICE_ACCOUNT), []),
        (user("alice", kind=Kind.WORKLOAD), []),
        (ANONYMOUS, []),
    ]:
        assert granted(compiled, who, "repository:dev:pull", "repository:core:pull") == expected, who


def test_a_term_that_stands_in_many_rules_has_one_number() -> None:
    compiled = policy("""
rules:
  - {id: a, allow: [pull], principals: ["user:alice", anyone], resources: ["repository:a"]}
  - {id: b, allow: [pull], principals: ["user:alice"], except: ["user:a*"], resources: ["repository:b"]}
""")
    assert len(compiled.resolve(user("alice"))) == 3
    assert len(compiled.resolve(user("bob"))) == 1


def test_an_empty_policy_compiles_and_grants_nothing() -> None:
    assert granted(compile_policy(()), "alice", "repository:a:*", "registry:catalog:*") == []


def test_a_compiled_policy_holds_what_it_was_made_of() -> None:
    compiled = policy(
        "groups: {dev: [alice]}\nrules: [{id: r, deny: [pull], principals: [anyone], resources: ['a:b']}]"
    )
    again = compile_policy(iter(compiled.rules), iter(compiled.groups.values()), "w")
    assert [rule.id for rule in again.rules] == ["r"]
    assert again.rules == compiled.rules
    assert again.groups == {"dev": Group("dev", frozenset({(Kind.USER, "alice")}))}
    assert (compiled.version, again.version, compile_policy(()).version) == ("v", "w", "")


@pytest.mark.parametrize("others", [0, 9])
def test_a_rule_that_matches_in_several_ways_comes_once(others: int) -> None:
    """Whether the rules at a node are fewer than the terms of the principal or more."""
    more = "".join(
        f"- {{id: x{number}, allow: [pull], principals: ['user:x{number}'], resources: ['repository:a/b']}}\n"
        for number in range(others)
    )
    compiled = policy(f"""rules:
- {{id: r, allow: [pull], principals: [anyone, "user:*", "group:d"], resources: ["repository:a/*", "repository:**"]}}
- {{id: s, allow: [pull], principals: [anyone, "user:alice"], resources: ["repository:a/b"]}}
- {{id: t, allow: [pull], principals: ["user:bob"], resources: ["repository:a/b"]}}
- {{id: u, allow: [pull], principals: [anyone, "user:alice"], resources: ["other:a"]}}
{more}""")
    who = user("alice", "d")
    found = compiled.candidates(compiled.resolve(who), "repository", ["a", "b"], Slots(who))
    assert sorted(compiled_rule.rule.id for compiled_rule in found) == ["r", "s"]
    (only,) = compiled.candidates(compiled.resolve(who), "other", ["a"], Slots(who))
    assert only.rule.id == "u"
    assert list(compiled.candidates(compiled.resolve(who), "registry", ["a", "b"], Slots(who))) == []


def test_what_fills_a_slot_is_worked_out_once() -> None:
    slots = Slots(user("alice", team="a"))
    assert slots("principal") is slots("principal")
    assert slots("label.team") is slots("label.team")
    assert slots("label.team") == (("a",),)


def test_slots_hold_only_paths() -> None:
    slots = Slots(user("alice", team=("a", "*", "b/c")))
    assert slots("principal") == (("alice",),)
    assert slots("label.team") == (("a",), ("b", "c"))
    assert slots("label.none") == ()
    assert Slots(user("Alice"))("principal") == ()
    assert Slots(ANONYMOUS)("principal") == ()
