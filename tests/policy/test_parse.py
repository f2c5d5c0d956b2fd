"""The loader: what a good file means, and for every bad one the place, the problem and the fix (R21)."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build
from tests.policy.build import refused_with
from token_service.errors import LoadError
from token_service.policy.condition import NO_CONDITIONS, Conditions
from token_service.policy.parse import PolicyFile, check_unique, parse_policy
from token_service.policy.rule import Effect, Group, Mode
from token_service.principal import Kind
from token_service.tag_rules import NO_TAG_RULES, TagRules

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
  - id: limited
    allow: [push]
    principals: [authenticated]
    resources: ["repository:a", "repository:b"]
    tags: {push: ["v*", latest, "v*"], immutable: ["r?"], delete: []}
    lint: {push-without-pull: they "pull" elsewhere, expired: "no longer "}
  - id: list
    allow: ["*"]
    principals: [authenticated]
    resources: ["registry:catalog"]
    filter: pull
"""


def test_everything_that_a_file_may_say() -> None:
    file = parse_policy(EVERYTHING, "p.yaml")
    own, ci, deny, limited, catalogue = file.rules
    assert (own.id, own.effect, own.actions) == ("own-namespace", Effect.ALLOW, frozenset({"pull", "push", "delete"}))
    assert (own.exceptions, own.when, own.lifetime, own.mode) == ((), NO_CONDITIONS, None, Mode.ENFORCE)
    assert (own.tags, own.is_filtered, own.allowances) == (NO_TAG_RULES, False, ())
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
    assert limited.tags == TagRules(push=("latest", "v*"), immutable=("r?",))
    assert limited.allowances == (("push-without-pull", 'they "pull" elsewhere'), ("expired", "no longer "))
    assert (catalogue.is_filtered, catalogue.tags) == (True, NO_TAG_RULES)
    assert [rule.place for rule in file.rules] == ["p.yaml:6", "p.yaml:10", "p.yaml:23", "p.yaml:28", "p.yaml:34"]
    assert file.groups == (
        Group("release-managers", frozenset({(Kind.USER, "alice"), (Kind.SERVICE_ACCOUNT, "ci")})),
        Group("empty", frozenset()),
    )
    assert [group.place for group in file.groups] == ["p.yaml:3", "p.yaml:4"]


@pytest.mark.parametrize("text", ["version: 1", "version: 1\nrules: []", "version: 1\ngroups: {}"])
def test_a_file_may_hold_nothing_but_its_version(text: str) -> None:
    assert parse_policy(text, "p.yaml") == PolicyFile((), ())


@pytest.mark.parametrize(("given", "lifetime"), [("60", 60), ("86400", 86_400)])
def test_a_lifetime_may_be_the_shortest_and_the_longest(given: str, lifetime: int) -> None:
    (rule,) = parse_policy(build.rule_text({"lifetime": given}, "")[0], "p.yaml").rules
    assert rule.lifetime == lifetime


MEMBERS = [
    ("alice", (Kind.USER, "alice")),
    ("'user:alice'", (Kind.USER, "alice")),
    ("'service-account:ci'", (Kind.SERVICE_ACCOUNT, "ci")),
    ("'user:a:b'", (Kind.USER, "a:b")),
    ("a@example.com", (Kind.USER, "a@example.com")),
    ("Xavier", (Kind.USER, "Xavier")),
]


@pytest.mark.parametrize(("text", "member"), MEMBERS)
def test_a_member_is_a_kind_and_an_exact_name(text: str, member: tuple[Kind, str]) -> None:
    (group,) = parse_policy(f"version: 1\ngroups:\n  Team X: [{text}]", "p.yaml").groups
    assert group == Group("Team X", frozenset({member}))


AMBIGUOUS = "is a number, date or switch to some YAML tools (quote it:"
NO_MEMBER = "is neither (members are users (`alice`) and service accounts (`service-account:ci`))"
NO_NAME = "is not an exact name (write the names out, without * and ?)"
NO_ID = "is not usable (up to 64 of a-z 0-9 . _ -)"
NO_ACTION = "is not a word of a-z (write pull, push, delete, another word of a-z, or *)"
NO_GLOB = "is no pattern of tags (write a tag, with * and ? for what may differ)"
NO_TAGS_HERE = "tags are for rules that allow something on repositories (remove it here)"
NO_FILTER_HERE = "filter is for rules that allow registry:catalog (remove it here)"
NO_REASON = "lint gives no reason (write `lint: {finding: why the rule stays so}`)"
NO_KIND = "does not say what kind of principal it is"
NO_NUMBER = "is not a whole number (write decimal digits without quotes)"
FILES = [
    ("", 1, "the file is empty (write a mapping, or remove the file)"),
    ("[]", 1, "the policy is a list (write a mapping: {key: value})"),
    ("just text", 1, "the policy is a text (write a mapping: {key: value})"),
    ("rules: []", 1, "the policy has no version (write `version: 1` at the top)"),
    ("version: 2", 1, "version is not 1 (write `version: 1`)"),
    ("version: '1'", 1, f"version {NO_NUMBER}"),
    ("version: 1\nrule: []", 2, "a policy has no key `rule` (did you mean `rules`?)"),
    ("version: 1\nx: []", 2, "a policy has no key `x` (known: groups, rules, version)"),
    ("version: 1\nrules:", 2, "rules is a text (write a list: [a, b])"),
    ("version: 1\nrules: {}", 2, "rules is a mapping (write a list: [a, b])"),
    ("version: 1\nrules:\n- a", 3, "a rule is a text (write a mapping: {key: value})"),
    ("version: 1\nversion: 1", 2, "key `version` stands here twice (the first is in line 1)"),
    ("version: 1\ngroups: [a]", 2, "groups is a list (write a mapping: {key: value})"),
    ("version: 1\ngroups:\n  a: alice", 3, "a is a text (write a list: [a, b])"),
    ("version: 1\ngroups:\n  'a*': []", 3, "group `a*` is not usable (a name without * ? :)"),
    ("version: 1\ngroups:\n  '': []", 3, "group `` is not usable (a name without * ? :)"),
    ("version: 1\ngroups:\n  no: []", 3, f'the key `no` {AMBIGUOUS} "no")'),
    ("version: 1\ngroups:\n  a:\n  - on", 4, f'an entry of a `on` {AMBIGUOUS} "on")'),
    ("version: 1\ngroups:\n  a:\n  - 012", 4, f'an entry of a `012` {AMBIGUOUS} "012")'),
    ("version: 1\ngroups:\n  a:\n  - 2027-01-01", 4, f'an entry of a `2027-01-01` {AMBIGUOUS} "2027-01-01")'),
    ("version: 1\ngroups:\n  a:\n  - group:b", 4, f"member `group:b` {NO_MEMBER}"),
    ("version: 1\ngroups:\n  a:\n  - workload:b", 4, f"member `workload:b` {NO_MEMBER}"),
    ("version: 1\ngroups:\n  a:\n  - al*", 4, f"member `al*` {NO_NAME}"),
    ("version: 1\ngroups:\n  a:\n  - 'user:'", 4, f"member `user:` {NO_NAME}"),
    ("version: 1\ngroups:\n  a: &x []\n", 3, "anchor `x` is not allowed (write the value out where it is used)"),
    ("version: 1\n---\nversion: 1", 2, "a second document begins here (keep one document a file; remove the `---`)"),
]

CATALOGUE = {"resources": "['registry:catalog']"}

# Each row changes lines of `build.RULE`; the error must name the line of the key (the rule's, if it is missing).
RULES: list[tuple[build.Changes, str, str]] = [
    ({"id": None}, "", "the rule has no id (add `id: some-name`; decisions are reported by it)"),
    ({"id": "A"}, "id", f"id `A` {NO_ID}"),
    ({"id": "a b"}, "id", f"id `a b` {NO_ID}"),
    ({"id": "a" * 65}, "id", f"id `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` {NO_ID}"),
    ({"id": "a-"}, "id", f"id `a-` {NO_ID}"),
    ({"id": "''"}, "id", f"id `` {NO_ID}"),
    ({"id": "7"}, "id", f'the id `7` {AMBIGUOUS} "7")'),
    ({"id": "null"}, "id", f'the id `null` {AMBIGUOUS} "null")'),
    ({"id": ""}, "id", 'the id is empty (write a text, or "" for an empty one)'),
    ({"id": "[a]"}, "id", "the id is a list (write a text)"),
    ({"allow": None}, "", "rule `r` has neither allow nor deny (write exactly one of `allow` and `deny`)"),
    ({"deny": "[push]"}, "", "rule `r` has both allow and deny (write exactly one of `allow` and `deny`)"),
    ({"allow": "[]"}, "allow", "allow is empty (write at least one entry, or remove it)"),
    ({"allow": "pull"}, "allow", "allow is a text (write a list: [a, b])"),
    ({"allow": "[Pull]"}, "allow", f"action `Pull` {NO_ACTION}"),
    ({"allow": "[pull, '']"}, "allow", f"action `` {NO_ACTION}"),
    ({"allow": "['pu*']"}, "allow", f"action `pu*` {NO_ACTION}"),
    ({"allow": "['pull,push']"}, "allow", f"action `pull,push` {NO_ACTION}"),
    ({"allow": "[[pull]]"}, "allow", "an entry of allow is a list (write a text)"),
    ({"allow": "[on]"}, "allow", f'an entry of allow `on` {AMBIGUOUS} "on")'),
    ({"principals": None}, "", "rule `r` has no principals (add `principals: [...]`)"),
    ({"principals": "[]"}, "principals", "principals is empty (write at least one entry, or remove it)"),
    ({"principals": "anyone"}, "principals", "principals is a text (write a list: [a, b])"),
    ({"principals": "[alice]"}, "principals", f"`alice` {NO_KIND} (did you mean `user:alice`?)"),
    ({"principals": "[anyon]"}, "principals", f"`anyon` {NO_KIND} (did you mean `anyone`?)"),
    ({"principals": '["a\\nb"]'}, "principals", f"`a?b` {NO_KIND} (did you mean `user:a?b`?)"),
    ({"principals": "['*']"}, "principals", f"`*` {NO_KIND} (did you mean `user:*`?)"),
    ({"principals": "['users:alice']"}, "principals", f"`users:alice` {NO_KIND} (did you mean `user`?)"),
    (
        {"principals": "['robot:x']"},
        "principals",
        f"`robot:x` {NO_KIND} (known: anonymous, anyone, authenticated, group, service-account, user, workload)",
    ),
    (
        {"principals": "['anyone:alice']"},
        "principals",
        "anyone takes no name, but stands as `anyone:alice` (write `anyone`)",
    ),
    ({"principals": "['user:']"}, "principals", "`user:` names nobody (write `user:NAME`, or `user:**` for all)"),
    ({"principals": "[user]"}, "principals", "`user` names nobody (write `user:NAME`, or `user:**` for all)"),
    (
        {"principals": "['user:/^a/']"},
        "principals",
        "`/^a/` holds one of \\ ^ $ | { } [ ] (use *, ? and **; there are no others)",
    ),
    (
        {"principals": "['user:{principal}']"},
        "principals",
        "`{principal}` holds one of \\ ^ $ | { } [ ] (use *, ? and **; there are no others)",
    ),
    ({"principals": "[no]"}, "principals", f'an entry of principals `no` {AMBIGUOUS} "no")'),
    ({"except": "[]"}, "except", "except is empty (write at least one entry, or remove it)"),
    ({"except": "[bob]"}, "except", f"`bob` {NO_KIND} (did you mean `user:bob`?)"),
    ({"exept": "[anyone]"}, "exept", "a rule has no key `exept` (did you mean `except`?)"),
    ({"resources": None}, "", "rule `r` has no resources (add `resources: [...]`)"),
    ({"resources": "['team/app']"}, "resources", "resource `team/app` has no type (write `repository:team/app`)"),
    (
        {"resources": "['repository:a/b:v1']"},
        "resources",
        "colon in the path of `repository:a/b:v1` (tags are not part of a scope: remove it)",
    ),
    (
        {"resources": "['repository:{user}/x']"},
        "resources",
        "unknown placeholder in `repository:{user}/x` (known: {principal}, {label.NAME})",
    ),
    (
        {"resources": "['repository:a**']"},
        "resources",
        "** is only a part of a segment in `a**` (let ** stand alone between slashes)",
    ),
    ({"resources": "[{repository: a}]"}, "resources", "an entry of resources is a mapping (write a text)"),
    ({"lifetime": "59"}, "lifetime", "lifetime 59 is out of range (write 60 to 86400 seconds)"),
    ({"lifetime": "86401"}, "lifetime", "lifetime 86401 is out of range (write 60 to 86400 seconds)"),
    ({"lifetime": "-1"}, "lifetime", "lifetime -1 is out of range (write 60 to 86400 seconds)"),
    ({"lifetime": "15m"}, "lifetime", f"lifetime {NO_NUMBER}"),
    ({"lifetime": "'900'"}, "lifetime", f"lifetime {NO_NUMBER}"),
    ({"lifetime": "0900"}, "lifetime", f"lifetime {NO_NUMBER}"),
    ({"lifetime": "9e2"}, "lifetime", f"lifetime {NO_NUMBER}"),
    (
        {"allow": None, "deny": "[pull]", "lifetime": "900"},
        "lifetime",
        "lifetime stands in a deny rule (remove it: a deny gives no token)",
    ),
    ({"tags": "[v1]"}, "tags", "tags is a list (write a mapping: {key: value})"),
    ({"tags": "{push: v1}"}, "tags", "push is a text (write a list: [a, b])"),
    ({"tags": "{push: [1.0]}"}, "tags", f'an entry of push `1.0` {AMBIGUOUS} "1.0")'),
    ({"tags": "{immutabel: [v1]}"}, "tags", "tags has no key `immutabel` (did you mean `immutable`?)"),
    ({"tags": "{pull: [v1]}"}, "tags", "tags has no key `pull` (known: delete, immutable, push)"),
    ({"tags": "{push: [a, 'v[1]']}"}, "tags", f"`v[1]` {NO_GLOB}"),
    ({"tags": "{delete: ['']}"}, "tags", f"`` {NO_GLOB}"),
    ({"allow": None, "deny": "[push]", "tags": "{push: [v1]}"}, "tags", NO_TAGS_HERE),
    ({"resources": "['repository:a', 'registry:catalog']", "tags": "{}"}, "tags", NO_TAGS_HERE),
    ({"filter": "push"}, "filter", "filter `push` does not exist (known: pull)"),
    ({"filter": "pul"}, "filter", "filter `pul` does not exist (did you mean `pull`?)"),
    ({"filter": "[pull]"}, "filter", "filter is a list (write a text)"),
    ({"filter": "pull"}, "filter", NO_FILTER_HERE),
    ({"resources": "['registry:catalog', 'registry:*']", "filter": "pull"}, "filter", NO_FILTER_HERE),
    ({"allow": None, "deny": "['*']", **CATALOGUE, "filter": "pull"}, "filter", NO_FILTER_HERE),
    ({"lint": "{}"}, "lint", NO_REASON),
    ({"lint": "{expired: ''}"}, "lint", NO_REASON),
    ({"lint": "{expired: so be it, shadowed: ' '}"}, "lint", NO_REASON),
    ({"lint": "{expired: 7}"}, "lint", f'the reason for expired `7` {AMBIGUOUS} "7")'),
    ({"lint": "{expired: }"}, "lint", 'the reason for expired is empty (write a text, or "" for an empty one)'),
    ({"lint": "{expire: so be it}"}, "lint", "lint has no key `expire` (did you mean `expired`?)"),
    ({"lint": "[expired]"}, "lint", "lint is a list (write a mapping: {key: value})"),
    ({"mode": "dry-run"}, "mode", "mode `dry-run` does not exist (known: audit, enforce)"),
    ({"mode": "enforced"}, "mode", "mode `enforced` does not exist (did you mean `enforce`?)"),
    ({"mode": "[audit]"}, "mode", "mode is a list (write a text)"),
    ({"principal": "[anyone]"}, "principal", "a rule has no key `principal` (did you mean `principals`?)"),
    (
        {"comment": "x"},
        "comment",
        (
            "a rule has no key `comment` (known: allow, deny, except, filter, id, lifetime, lint, mode, principals, "
            "resources, tags, when)"
        ),
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), FILES)
def test_a_bad_file(text: str, line: int, message: str) -> None:
    refused_with(text, line, message)


@pytest.mark.parametrize(("changes", "key", "message"), RULES)
def test_a_bad_rule(changes: build.Changes, key: str, message: str) -> None:
    text, line = build.rule_text(changes, key)
    refused_with(text, line, message)


def test_the_line_is_that_of_the_entry_and_not_of_the_rule() -> None:
    text = EVERYTHING.replace('"2001:db8::/32", ', '\n        "10.0.0.1/8", ')
    refused_with(text, 19, "`10.0.0.1/8` is not a network: it has host bits set (did you mean 10.0.0.0/8?)")


def test_an_id_is_unique_over_all_files() -> None:
    text = "version: 1\nrules:\n- {id: r, allow: [pull], principals: [anyone], resources: ['repository:a']}\n"
    with pytest.raises(LoadError) as caught:
        check_unique([parse_policy(text, "a.yaml"), parse_policy("\n" + text, "b.yaml")])
    assert str(caught.value) == "b.yaml:4: rule `r` is defined twice (the first is at a.yaml:3)"
    with pytest.raises(LoadError) as caught:
        check_unique([parse_policy(text + text.split("\n")[2], "a.yaml")])
    assert str(caught.value) == "a.yaml:4: rule `r` is defined twice (the first is at a.yaml:3)"


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
            '"a\\nb": ',
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
        place, problem, fix, message = error.place, error.problem, error.fix, str(error)
        assert place.startswith("p.yaml:")
        assert problem
        assert fix
        assert "\n" not in message
