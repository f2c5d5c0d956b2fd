"""Expectations: what passes, how a difference is shown, and what is no expectation."""

from xml.etree import ElementTree

import pytest

from tests.policy.build import policy
from token_service.access import Access
from token_service.errors import LoadError
from token_service.policy.condition import Context
from token_service.policy.decide import decide
from token_service.policy.expectations import DEFAULT_NOW, Case, parse_expectations, run, to_junit
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import Scope

POLICY = """
rules:
  - {id: own, allow: [pull, push], principals: ["user:*"], resources: ["repository:{principal}/**"], lifetime: 600}
  - {id: dev, allow: [pull], principals: ["group:dev"], resources: ["repository:team/**"]}
  - id: late
    deny: [push]
    principals: [anyone]
    resources: ["repository:**"]
    when: {after: "2027-01-01T00:00:00Z"}
"""
FULL = """\
version: 1
defaults: {service: r.example.com, source_ip: 192.0.2.1, now: "2027-06-01T00:00:00Z"}
principals:
  "user:alice": {groups: [dev], labels: {team: core, env: [a, b]}}
cases:
  - name: all of it
    principal: "user:alice"
    request: ["repository:a/b:pull,push", "registry:catalog:*"]
    expect: ["repository:a/b:push", "repository:a/b:pull", "repository(plugin):p:pull"]
    rules: [own]
    lifetime: 600
  - principal: "user:alice"
    groups: []
    labels: {}
    service: other
    source_ip: 10.0.0.1
    now: "2026-01-01T00:00:00Z"
    request: ["repository:a/b:pull", "registry:catalog:*"]
    expect: []
  - principal: anonymous
    request: []
    expect: []
  - principal: "workload:gitlab/x"
    request: []
    expect: []
"""


def test_everything_that_a_file_may_say() -> None:
    first, second, third, fourth = parse_expectations(FULL, "p.test.yaml")
    assert first == Case(
        name="all of it",
        place="p.test.yaml:6",
        principal=Principal("alice", Kind.USER, frozenset({"dev"}), {"team": ("core",), "env": ("a", "b")}),
        scopes=(Scope("repository", "a/b", ("pull", "push")), Scope("registry", "catalog", ("*",))),
        context=Context("r.example.com", 1_811_808_000, "192.0.2.1"),
        expected=(Access("repository", "a/b", ("pull", "push")), Access("repository", "p", ("pull",), "plugin")),
        rules=frozenset({"own"}),
        lifetime=600,
    )
    assert second.name == "user:alice: repository:a/b:pull registry:catalog:*"
    assert second.principal == Principal("alice", Kind.USER, frozenset(), {})
    assert second.context == Context("other", DEFAULT_NOW, "10.0.0.1")
    assert (second.rules, second.lifetime) == (None, None)
    assert third.principal == ANONYMOUS
    assert (fourth.principal.kind, fourth.principal.name) == (Kind.WORKLOAD, "gitlab/x")


CASE = "principal: anonymous, request: [], expect: []"


def test_a_case_says_whether_the_registry_filters_its_catalogue() -> None:
    text = "version: 1\ndefaults: {filters_catalogue: true}\ncases:\n- {%s}\n- {%s, filters_catalogue: false}"
    cases = parse_expectations(text % (CASE, CASE), "p")
    assert [case.context.filters_catalogue for case in cases] == [True, False]
    rule = "{id: a, allow: ['*'], principals: [anyone], resources: ['registry:catalog'], filter: pull}"
    asked = CASE.replace("request: [], expect: []", "request: ['registry:catalog:*'], expect: ['registry:catalog:*']")
    results = run(policy(f"rules: [{rule}]"), parse_expectations(text % (asked, asked), "p"))
    assert [result.problems for result in results] == [(), ("- registry:catalog:*",)]
    with pytest.raises(LoadError, match="filters_catalogue is a switch"):
        parse_expectations(f"version: 1\ncases:\n- {{{CASE}, filters_catalogue: 1}}", "p")


def test_the_defaults_are_fixed() -> None:
    (case,) = parse_expectations("version: 1\ncases: [{principal: anonymous, request: [], expect: []}]", "p")
    assert case.context == Context("registry.example.com", 1_767_225_600, None)
    assert DEFAULT_NOW == 1_767_225_600  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("defaults", "context"),
    [
        ("{}", Context("registry.example.com", DEFAULT_NOW, None)),
        ("{service: r}", Context("r", DEFAULT_NOW, None)),
        ("{source_ip: 192.0.2.1}", Context("registry.example.com", DEFAULT_NOW, "192.0.2.1")),
        ("{now: '1970-01-01T00:00:07Z'}", Context("registry.example.com", 7, None)),
    ],
)
def test_what_a_file_does_not_set_keeps_its_default(defaults: str, context: Context) -> None:
    (case,) = parse_expectations(f"version: 1\ndefaults: {defaults}\ncases: [{{{CASE}}}]", "p")
    assert case.context == context


CASES: list[tuple[str, tuple[str, ...]]] = [
    ('request: ["repository:alice/x:pull"], expect: ["repository:alice/x:pull"]', ()),
    ('request: ["repository:alice/x:pull"], expect: ["repository:alice/x:pull"], rules: [own], lifetime: 600', ()),
    ('request: ["repository:team/x:pull"], groups: [dev], expect: ["repository:team/x:pull"]', ()),
    ('request: ["repository:bob/x:pull"], expect: []', ()),
    ('request: ["repository:bob/x:pull"], expect: [], rules: []', ()),
    ('request: ["repository:alice/x:*"], expect: []', ("+ repository:alice/x:pull", "+ repository:alice/x:push")),
    ('request: ["repository:team/x:pull"], expect: ["repository:team/x:pull"]', ("- repository:team/x:pull",)),
    ('request: ["repository:alice/x:pull"], expect: ["repository:alice/x:push"]',
     ("- repository:alice/x:push", "+ repository:alice/x:pull")),
    ('request: ["repository:alice/x:pull"], expect: ["repository(plugin):alice/x:pull"]',
     ("- repository(plugin):alice/x:pull", "+ repository:alice/x:pull")),
    ('request: ["repository:alice/x:pull"], expect: ["repository:alice/x:pull"], rules: [dev, gone]',
     ("- rule dev", "- rule gone (no rule has this id)", "+ rule own")),
    ('request: ["repository:alice/x:pull"], expect: ["repository:alice/x:pull"], lifetime: 900',
     ("- lifetime 900", "+ lifetime 600")),
    ('request: ["repository:bob/x:pull"], expect: ["repository:bob/x:pull"], rules: [dev], lifetime: 900',
     ("- repository:bob/x:pull", "- rule dev", "- lifetime 900", "+ lifetime default")),
    ('request: ["repository:bob/x:pull"], expect: [], lifetime: 900', ("- lifetime 900", "+ lifetime default")),
    ('request: ["repository:alice/x:push"], now: "2027-01-01T00:00:00Z", expect: [], rules: [late]', ()),
]  # fmt: skip


@pytest.mark.parametrize(("case", "problems"), CASES)
def test_a_difference_is_shown_as_one(case: str, problems: tuple[str, ...]) -> None:
    cases = parse_expectations(f"version: 1\ncases: [{{principal: 'user:alice', {case}}}]", "p.test.yaml")
    compiled = policy(POLICY)
    (result,) = run(compiled, cases)
    assert result.problems == problems
    assert result.case is cases[0]
    assert result.decision == decide(compiled, cases[0].principal, cases[0].scopes, cases[0].context)
    assert result.passed is (not problems)


def test_junit_shows_each_case_and_what_differs() -> None:
    text = """version: 1
cases:
  - {name: 'good <&">', principal: anonymous, request: [], expect: []}
  - {name: bad, principal: anonymous, request: [], expect: ["repository:a:pull"], lifetime: 60}
  - {name: fine, principal: anonymous, request: [], expect: []}
"""
    shown = to_junit(run(policy(POLICY), parse_expectations(text, "d:1/p.test.yaml")))
    assert shown.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuite ')
    assert shown.endswith("</testsuite>\n")
    root = ElementTree.fromstring(shown)
    assert root.attrib == {"name": "policy", "tests": "3", "failures": "1", "errors": "0", "skipped": "0"}
    good, bad, fine = root
    assert good.attrib == {
        "classname": "d:1/p.test.yaml", "name": 'good <&">', "file": "d:1/p.test.yaml", "line": "3",
    }  # fmt: skip
    assert (len(good), len(fine)) == (0, 0)
    assert [(one.tag, one.attrib) for one in bad] == [
        ("failure", {"message": "- repository:a:pull; - lifetime 60; + lifetime default"})
    ]


AMBIGUOUS = "is a number, date or switch to some YAML tools (quote it:"
NO_SCOPE = "is not a scope (write type:name:actions, as in repository:a/b:pull)"
NO_CASES = "the file holds no cases (add some under `cases`, or remove the file)"
NO_TIME = 'is not a time (write RFC 3339 with a zone and whole seconds: "2027-01-02T00:00:00Z")'
BAD = [
    ("[]", 1, "the expectation file is a list (write a mapping: {key: value})"),
    ("version: 1\ncases: {}", 2, "cases is a mapping (write a list: [a, b])"),
    ("version: 1\ndefaults: []", 2, "defaults is a list (write a mapping: {key: value})"),
    ("version: 1\nprincipals: [a]", 2, "principals is a list (write a mapping: {key: value})"),
    ("version: 1\nprincipals:\n  'user:a': [b]", 3, "principal user:a is a list (write a mapping: {key: value})"),
    ('version: 1\nprincipals:\n  "user:a\\nb": [c]', 3, "key `user:a?b` holds a line break (write it on one line)"),
    ("", 1, "the file is empty (write a mapping, or remove the file)"),
    ("version: 1", 1, NO_CASES),
    ("version: 1\ncases: []", 1, NO_CASES),
    ("cases: []", 1, "the expectation file has no version (write `version: 1` at the top)"),
    ("version: 1\ncase: []", 2, "an expectation file has no key `case` (did you mean `cases`?)"),
    ("version: 1\ncases: [a]", 2, "a case is a text (write a mapping: {key: value})"),
    ("version: 1\ncases:\n- {request: [], expect: []}", 3, "the case has no principal (add `principal:`)"),
    ("version: 1\ncases:\n- {principal: anonymous, expect: []}", 3, "the case has no request (add `request:`)"),
    ("version: 1\ncases:\n- {principal: anonymous, request: []}", 3, "the case has no expect (add `expect:`)"),
    (
        f"version: 1\ncases:\n- {{{CASE}, actual: []}}",
        3,
        (
            "a case has no key `actual` (known: expect, filters_catalogue, groups, labels, lifetime, name, now, "
            "principal, request, rules, service, source_ip)"
        ),
    ),
    (f"version: 1\ncases:\n- {{{CASE}, now: tomorrow}}", 3, f"now `tomorrow` {NO_TIME}"),
    (
        f"version: 1\ncases:\n- {{{CASE}, lifetime: long}}",
        3,
        "lifetime is not a whole number (write decimal digits without quotes)",
    ),
    (f"version: 1\ncases:\n- {{{CASE}, groups: dev}}", 3, "groups is a text (write a list: [a, b])"),
    (f"version: 1\ncases:\n- {{{CASE}, labels: {{a: 1}}}}", 3, f'label a `1` {AMBIGUOUS} "1")'),
    (
        "version: 1\ncases:\n- {principal: alice, request: [], expect: []}",
        3,
        "principal `alice` has no kind (write `user:alice`, or `anonymous`)",
    ),
    (
        "version: 1\ncases:\n- {principal: 'users:a', request: [], expect: []}",
        3,
        "principal `users:a` has no kind (did you mean `user`?)",
    ),
    (
        "version: 1\ncases:\n- {principal: 'group:a', request: [], expect: []}",
        3,
        "principal `group:a` has no kind (known: service-account, user, workload)",
    ),
    (
        "version: 1\ncases:\n- {principal: 'user:', request: [], expect: []}",
        3,
        "principal `user:` has no name (write `user:NAME`)",
    ),
    ("version: 1\ncases:\n- principal: anonymous\n  request: [a]\n  expect: []", 4, f"`a` {NO_SCOPE}"),
    ("version: 1\ncases:\n- principal: anonymous\n  request: []\n  expect: ['a:b']", 5, f"`a:b` {NO_SCOPE}"),
    ("version: 1\nprincipals:\n  alice: {}", 3, "principal `alice` has no kind (write `user:alice`, or `anonymous`)"),
    (
        "version: 1\nprincipals:\n  'user:a': {group: [a]}",
        3,
        "a principal has no key `group` (did you mean `groups`?)",
    ),
    (
        "version: 1\ndefaults: {principal: a}",
        2,
        "defaults has no key `principal` (known: filters_catalogue, now, service, source_ip)",
    ),
]


IN_A_CASE = {"principal": "anonymous", "request": "[]", "expect": "[]"}
BAD_KEYS = [
    ("name", "[x]", "name is a list (write a text)"),
    ("name", "7", f'name `7` {AMBIGUOUS} "7")'),
    ("principal", "[x]", "principal is a list (write a text)"),
    ("principal", "1", f'principal `1` {AMBIGUOUS} "1")'),
    ("principal", '"a\\nb"', "principal `a?b` has no kind (write `user:a?b`, or `anonymous`)"),
    ("principal", "robot", "principal `robot` has no kind (write `user:robot`, or `anonymous`)"),
    ("principal", "'robot:'", "principal `robot:` has no kind (write `user:robot`, or `anonymous`)"),
    ("groups", "[no]", f'a group `no` {AMBIGUOUS} "no")'),
    ("labels", "[x]", "labels is a list (write a mapping: {key: value})"),
    ("labels", "{a: []}", "a is empty (write at least one entry, or remove it)"),
    ("request", "'repository:a:pull'", "request is a text (write a list: [a, b])"),
    ("request", "[7]", f'a scope `7` {AMBIGUOUS} "7")'),
    ("request", "['repository:A:pull']", f"`repository:A:pull` {NO_SCOPE}"),
    ("expect", "{}", "expect is a mapping (write a list: [a, b])"),
    ("expect", "[[a]]", "a scope is a list (write a text)"),
    ("rules", "r", "rules is a text (write a list: [a, b])"),
    ("rules", "[7]", f'a rule `7` {AMBIGUOUS} "7")'),
    ("lifetime", "'600'", "lifetime is not a whole number (write decimal digits without quotes)"),
    ("service", "5000", f'service `5000` {AMBIGUOUS} "5000")'),
    ("source_ip", "[10.0.0.1]", "source_ip is a list (write a text)"),
    ("now", "2027-01-02", f'now `2027-01-02` {AMBIGUOUS} "2027-01-02")'),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD_KEYS)
def test_a_bad_value_in_a_case(key: str, value: str, message: str) -> None:
    pairs = ", ".join(f"{one}: {given}" for one, given in (IN_A_CASE | {key: value}).items())
    with pytest.raises(LoadError) as caught:
        parse_expectations(f"version: 1\ncases:\n- {{{pairs}}}", "d/p.test.yaml")
    assert str(caught.value) == f"d/p.test.yaml:3: {message}"


@pytest.mark.parametrize(("text", "line", "message"), BAD)
def test_what_is_no_expectation(text: str, line: int, message: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_expectations(text, "d/p.test.yaml")
    assert str(caught.value) == f"d/p.test.yaml:{line}: {message}"
