"""The loader: what a good file means, and for every bad one the place, the problem and the fix (R21)."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build
from tests.policy.build import refused
from token_service.errors import LoadError
from token_service.policy.condition import NO_CONDITIONS, Conditions
from token_service.policy.parse import check_unique, parse_policy
from token_service.policy.rule import Effect, Group, Mode
from token_service.principal import Kind

EVERYTHING = """\
version: 1
groups:
  release-managers: [alice, "service-account:ci"]
  empty: []
rules:
  - id: own-namespace
    allow: [pull, push, delete]
    principals: ["user:*"]
    resources: ["repository:{principal}/**"]
  - id: ci.pushes_its-own
    allow: ["*", scan]
    principals: ["workload:gitlab/*", anyone, anonymous, authenticated, "service-account:ci"]
    except: ["group:a*", "user:bob"]
    resources: ["repository:{label.project_path}/**", "registry:catalog"]
    when:
      labels: {ref_protected: "true", env: [prod, staging]}
      service: [registry.example.com]
      source_ip: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]
      after: "2026-01-01T00:00:00+01:00"
      before: "2027-01-02t00:00:00z"
    lifetime: 900
    mode: audit
  - id: x
    deny: [push]
    mode: enforce
    principals: [anyone]
    resources: ["repository:**"]
"""


def test_everything_that_a_file_may_say() -> None:
    file = parse_policy(EVERYTHING, "p.yaml")
    own, ci, deny = file.rules
    assert (own.id, own.effect, own.actions) == ("own-namespace", Effect.ALLOW, frozenset({"pull", "push", "delete"}))
    assert (own.exceptions, own.when, own.lifetime, own.mode) == ((), NO_CONDITIONS, None, Mode.ENFORCE)
    assert [str(term) for term in ci.principals] == [
        "workload:gitlab/*", "anyone", "anonymous", "authenticated", "service-account:ci",
    ]  # fmt: skip
    assert [str(term) for term in ci.exceptions] == ["group:a*", "user:bob"]
    assert [str(resource) for resource in ci.resources] == ["repository:{label.project_path}/**", "registry:catalog"]
    assert ci.when == Conditions(
        labels=(("ref_protected", ("true",)), ("env", ("prod", "staging"))),
        services=("registry.example.com",),
        networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("192.0.2.1/32")),
        after=int(datetime(2025, 12, 31, 23, tzinfo=UTC).timestamp()),
        before=int(datetime(2027, 1, 2, tzinfo=UTC).timestamp()),
    )
    assert (ci.actions, ci.lifetime, ci.mode) == (frozenset({"*", "scan"}), 900, Mode.AUDIT)
    assert (deny.effect, deny.actions, deny.mode) == (Effect.DENY, frozenset({"push"}), Mode.ENFORCE)
    assert [rule.place for rule in file.rules] == ["p.yaml:6", "p.yaml:10", "p.yaml:23"]
    assert file.groups == (
        Group("release-managers", frozenset({(Kind.USER, "alice"), (Kind.SERVICE_ACCOUNT, "ci")})),
        Group("empty", frozenset()),
    )
    assert [group.place for group in file.groups] == ["p.yaml:3", "p.yaml:4"]


@pytest.mark.parametrize("text", ["version: 1", "version: 1\nrules: []", "version: 1\ngroups: {}"])
def test_a_file_may_hold_nothing_but_its_version(text: str) -> None:
    assert parse_policy(text, "p.yaml").rules == ()


FILES = [
    ("", 1, "the file is empty", "mapping"),
    ("[]", 1, "the policy is a list", "mapping"),
    ("just text", 1, "the policy is a text", "mapping"),
    ("rules: []", 1, "the policy has no version", "`version: 1`"),
    ("version: 2", 1, "version is not 1", "`version: 1`"),
    ("version: '1'", 1, "not a whole number", "without quotes"),
    ("version: 1\nrule: []", 2, "no key `rule`", "did you mean `rules`"),
    ("version: 1\nx: []", 2, "no key `x`", "known: groups, rules, version"),
    ("version: 1\nrules:", 2, "rules is a text", "list"),
    ("version: 1\nrules: {}", 2, "rules is a mapping", "list"),
    ("version: 1\nrules:\n- a", 3, "a rule is a text", "mapping"),
    ("version: 1\nversion: 1", 2, "stands here twice", "line 1"),
    ("version: 1\ngroups: [a]", 2, "groups is a list", "mapping"),
    ("version: 1\ngroups:\n  a: alice", 3, "a is a text", "list"),
    ("version: 1\ngroups:\n  'a*': []", 3, "group `a*` is not usable", "without"),
    ("version: 1\ngroups:\n  '': []", 3, "group `` is not usable", "a name"),
    ("version: 1\ngroups:\n  no: []", 3, "the key `no`", '"no"'),
    ("version: 1\ngroups:\n  a:\n  - on", 4, "an entry of a `on`", '"on"'),
    ("version: 1\ngroups:\n  a:\n  - 012", 4, "an entry of a `012`", '"012"'),
    ("version: 1\ngroups:\n  a:\n  - 2027-01-01", 4, "an entry of a `2027-01-01`", 'quote it: "2027-01-01"'),
    ("version: 1\ngroups:\n  a:\n  - group:b", 4, "member `group:b` is neither", "service accounts"),
    ("version: 1\ngroups:\n  a:\n  - workload:b", 4, "member `workload:b` is neither", "service accounts"),
    ("version: 1\ngroups:\n  a:\n  - al*", 4, "not an exact name", "without *"),
    ("version: 1\ngroups:\n  a:\n  - 'user:'", 4, "not an exact name", "names out"),
    ("version: 1\ngroups:\n  a: &x []\n", 3, "anchor", "write the value out"),
    ("version: 1\n---\nversion: 1", 2, "second document", "---"),
]

# Each row changes lines of `build.RULE`; the error must name the line of the key (the rule's, if it is missing).
RULES: list[tuple[build.Changes, str, str, str]] = [
    ({"id": None}, "", "the rule has no id", "id: some-name"),
    ({"id": "A"}, "id", "id `A` is not usable", "a-z"),
    ({"id": "a b"}, "id", "is not usable", "a-z"),
    ({"id": "a" * 65}, "id", "is not usable", "64"),
    ({"id": "a-"}, "id", "is not usable", "a-z"),
    ({"id": "''"}, "id", "is not usable", "a-z"),
    ({"id": "7"}, "id", "the id `7`", '"7"'),
    ({"id": "null"}, "id", "the id `null`", '"null"'),
    ({"id": ""}, "id", "the id is empty", "text"),
    ({"id": "[a]"}, "id", "the id is a list", "text"),
    ({"allow": None}, "", "rule `r` has neither allow nor deny", "exactly one"),
    ({"deny": "[push]"}, "", "rule `r` has both allow and deny", "exactly one"),
    ({"allow": "[]"}, "allow", "allow is empty", "at least one"),
    ({"allow": "pull"}, "allow", "allow is a text", "list"),
    ({"allow": "[Pull]"}, "allow", "action `Pull`", "pull, push, delete"),
    ({"allow": "[pull, '']"}, "allow", "action ``", "pull, push, delete"),
    ({"allow": "['pu*']"}, "allow", "action `pu*`", "or *"),
    ({"allow": "['pull,push']"}, "allow", "action `pull,push`", "another word"),
    ({"allow": "[[pull]]"}, "allow", "an entry of allow is a list", "text"),
    ({"allow": "[on]"}, "allow", "an entry of allow `on`", '"on"'),
    ({"principals": None}, "", "rule `r` has no principals", "principals: [...]"),
    ({"principals": "[]"}, "principals", "principals is empty", "at least one"),
    ({"principals": "anyone"}, "principals", "principals is a text", "list"),
    ({"principals": "[alice]"}, "principals", "`alice` does not say what kind", "`user:alice`"),
    ({"principals": "[anyon]"}, "principals", "does not say what kind", "`anyone`"),
    ({"principals": "['*']"}, "principals", "`*` does not say what kind", "`user:*`"),
    ({"principals": "['users:alice']"}, "principals", "does not say what kind", "`user`"),
    ({"principals": "['robot:x']"}, "principals", "does not say what kind", "service-account"),
    ({"principals": "['anyone:alice']"}, "principals", "anyone takes no name", "`anyone`"),
    ({"principals": "['user:']"}, "principals", "`user:` names nobody", "user:**"),
    ({"principals": "[user]"}, "principals", "`user` names nobody", "user:NAME"),
    ({"principals": "['user:/^a/']"}, "principals", "holds one of", "there are no others"),
    ({"principals": "['user:{principal}']"}, "principals", "holds one of", "*, ? and **"),
    ({"principals": "[no]"}, "principals", "an entry of principals `no`", '"no"'),
    ({"except": "[]"}, "except", "except is empty", "remove it"),
    ({"except": "[bob]"}, "except", "does not say what kind", "`user:bob`"),
    ({"exept": "[anyone]"}, "exept", "a rule has no key `exept`", "did you mean `except`?"),
    ({"resources": None}, "", "rule `r` has no resources", "resources: [...]"),
    ({"resources": "['team/app']"}, "resources", "has no type", "repository:team/app"),
    ({"resources": "['repository:a/b:v1']"}, "resources", "colon in the path", "tags"),
    ({"resources": "['repository:{user}/x']"}, "resources", "unknown placeholder", "{principal}"),
    ({"resources": "['repository:a**']"}, "resources", "only a part of a segment", "alone"),
    ({"resources": "[{repository: a}]"}, "resources", "an entry of resources is a mapping", "text"),
    ({"lifetime": "59"}, "lifetime", "lifetime 59 is out of range", "60 to 86400"),
    ({"lifetime": "86401"}, "lifetime", "out of range", "60 to 86400"),
    ({"lifetime": "-1"}, "lifetime", "out of range", "60 to 86400"),
    ({"lifetime": "15m"}, "lifetime", "not a whole number", "digits"),
    ({"lifetime": "'900'"}, "lifetime", "not a whole number", "without quotes"),
    ({"lifetime": "0900"}, "lifetime", "not a whole number", "digits"),
    ({"lifetime": "9e2"}, "lifetime", "not a whole number", "digits"),
    ({"allow": None, "deny": "[pull]", "lifetime": "900"}, "lifetime", "stands in a deny rule", "remove it"),
    ({"mode": "dry-run"}, "mode", "mode `dry-run` does not exist", "audit, enforce"),
    ({"mode": "enforced"}, "mode", "does not exist", "did you mean `enforce`?"),
    ({"mode": "[audit]"}, "mode", "mode is a list", "text"),
    ({"principal": "[anyone]"}, "principal", "a rule has no key `principal`", "did you mean `principals`?"),
    ({"comment": "x"}, "comment", "a rule has no key `comment`", "known: "),
]


@pytest.mark.parametrize(("text", "line", "problem", "fix"), FILES)
def test_a_bad_file(text: str, line: int, problem: str, fix: str) -> None:
    refused(text, line, problem, fix)


@pytest.mark.parametrize(("changes", "key", "problem", "fix"), RULES)
def test_a_bad_rule(changes: build.Changes, key: str, problem: str, fix: str) -> None:
    text, line = build.rule_text(changes, key)
    refused(text, line, problem, fix)


def test_the_line_is_that_of_the_entry_and_not_of_the_rule() -> None:
    text = EVERYTHING.replace('"2001:db8::/32", ', '\n        "10.0.0.1/8", ')
    refused(text, 19, "host bits", "10.0.0.0/8")


def test_an_id_is_unique_over_all_files() -> None:
    text = "version: 1\nrules:\n- {id: r, allow: [pull], principals: [anyone], resources: ['repository:a']}\n"
    with pytest.raises(LoadError) as caught:
        check_unique([parse_policy(text, "a.yaml"), parse_policy("\n" + text, "b.yaml")])
    assert str(caught.value) == "b.yaml:4: rule `r` is defined twice (the first is at a.yaml:3)"
    with pytest.raises(LoadError, match=r"a\.yaml:4"):
        check_unique([parse_policy(text + text.split("\n")[2], "a.yaml")])


def test_a_group_is_unique_over_all_files() -> None:
    text = "version: 1\ngroups: {dev: [alice]}\n"
    check_unique([parse_policy(text, "a.yaml")])
    with pytest.raises(LoadError) as caught:
        check_unique([parse_policy(text, "a.yaml"), parse_policy(text, "b.yaml")])
    assert str(caught.value) == "b.yaml:2: group `dev` is defined twice (the first is at a.yaml:2)"


fragments = st.lists(
    st.sampled_from(
        [
            *EVERYTHING.splitlines(keepends=True),
            "  ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ":",
            "\n",
            '"',
            "&a",
            "*a",
            "!!str",
            "\t",
            "\0",
        ]
    ),
    max_size=30,
).map("".join)


@given(fragments | st.binary(max_size=60))
def test_nothing_but_a_load_error_comes_out(data: str | bytes) -> None:
    try:
        parse_policy(data, "p.yaml")
    except LoadError as error:
        place, problem, fix = error.place, error.problem, error.fix
        assert place.startswith("p.yaml:")
        assert problem
        assert fix
