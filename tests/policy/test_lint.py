"""Lint: each finding where it belongs and not elsewhere, and that removing what does not matter changes nothing."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy
from token_service.policy.decide import Decision, decide
from token_service.policy.file import load_policy
from token_service.policy.finding import FINDINGS
from token_service.policy.index import compile_policy
from token_service.policy.lint import Known, lint

KNOWN = Known(frozenset({"alice", "bob"}), frozenset({"ci"}), frozenset({"developers"}), frozenset({"team"}))
PULL = "{id: base, allow: [pull], principals: [authenticated], resources: ['repository:**']}"


def found(rules: str, known: Known | None = None) -> list[tuple[str, str]]:
    return [(finding.id, finding.rule.id) for finding in lint(policy(rules), CONTEXT.now, known)]


LINTED: list[tuple[str, list[str]]] = [
    ("allow: [pull], principals: ['user:alice'], resources: ['repository:team/**']", ["redundant"]),
    ("allow: [pull], principals: ['user:alice'], resources: ['repository:team/**'], lifetime: 60", []),
    ("allow: [pull, push], principals: ['user:alice'], resources: ['repository:team/**']", []),
    ("allow: [pull], principals: ['user:alice'], resources: ['registry:catalog']", []),
    ("allow: [pull], principals: ['user:alice'], resources: ['repository:team/**'], mode: audit", []),
    ("deny: [pull], principals: [authenticated], resources: ['repository:team/**'], mode: audit", []),
    ("deny: [push], principals: [anyone], except: [authenticated], resources: ['repository:a']", []),
    ("deny: [push], principals: ['user:**'], except: [authenticated], resources: ['repository:a']",
     ["excepted-away"]),
    ("allow: [push], principals: ['user:bob'], except: ['user:b*'], resources: ['repository:a']", ["excepted-away"]),
    ("deny: [push], principals: [anyone], resources: ['repository:a-', 'repository:a']", ["matches-nothing"]),
    ("deny: [push], principals: [anyone], resources: ['repository:Team', 'repository:a']", ["matches-nothing"]),
    ("allow: [pull, push], principals: ['user:*'], resources: ['repository:{principal}-*/**']", ["open-placeholder"]),
    ("allow: [pull, push], principals: ['user:*'], resources: ['repository:ci-{principal}/**']", []),
    ("allow: [pull, push], principals: ['user:*'], resources: ['repository:?{principal}/**']", ["open-placeholder"]),
    ("allow: [pull, push], principals: [authenticated], resources: ['repository:{principal}/**']",
     ["shared-namespace"]),
    ("allow: [pull, push], principals: ['group:developers'], resources: ['repository:{principal}/**']", []),
    ("allow: [pull, push], principals: ['user:Alice'], resources: ['repository:{principal}/**']",
     ["unfillable-placeholder"]),
    ("allow: [pull, push], principals: ['user:Al*'], resources: ['repository:{principal}/**']",
     ["unfillable-placeholder"]),
    ("allow: [pull, push], principals: ['user:?l*'], resources: ['repository:{principal}/**']", []),
    ("deny: [push], principals: [anonymous], resources: ['repository:{principal}/**']", ["unfillable-placeholder"]),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:{label.team}/**'], when: {labels: {team: A}}",
     ["unfillable-placeholder"]),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:{label.team}/**'], when: {labels: {team: a}}",
     []),
    ("allow: [push], principals: ['user:*'], resources: ['repository:a']", []),
    ("allow: [push], principals: [anonymous], resources: ['repository:a']", ["push-without-pull", "anonymous-write"]),
    ("allow: [push], principals: ['user:*'], resources: ['registry:a']", []),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:a']", []),
    ("allow: [pull], principals: [anyone], resources: ['repository:**']", ["anonymous-everything"]),
    ("allow: [pull], principals: [anonymous], resources: ['repository:*', 'repository:*/**']",
     ["anonymous-everything"]),
    ("allow: [push], principals: [anonymous], resources: ['repository:**']",
     ["push-without-pull", "anonymous-everything", "anonymous-write"]),
    ("allow: [pull], principals: [anonymous], resources: ['repository:**'], when: {service: [s]}", []),
    ("allow: [pull], principals: [anyone], except: [anonymous], resources: ['repository:**']", ["redundant"]),
    ("allow: [pull], principals: [authenticated], resources: ['repository:a'], lifetime: 60, mode: audit", []),
    ("allow: [push], principals: [anonymous], resources: ['repository:a', 'registry:a']",
     ["push-without-pull", "anonymous-write"]),
    ("allow: [push], principals: ['user:*'], resources: ['repository:a', 'registry:a']", []),
    ("allow: [pull, push], principals: ['user:*', 'workload:*'], resources: ['repository:{principal}/**']",
     ["shared-namespace"]),
    ("allow: [pull, push], principals: ['user:*', 'user:*/*'], resources: ['repository:{principal}/**']", []),
    ("allow: [pull, push], principals: ['user:Alice', 'user:bob'], resources: ['repository:{principal}/**']", []),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:{label.t}/**'], when: {labels: {t: [A, a]}}", []),
    ("allow: [pull], principals: [anyone], resources: ['repository:public/**']", []),
    ("allow: [pull], principals: [anyone], resources: ['registry:**']", []),
    ("allow: [pull, push, delete], principals: [anyone], resources: ['repository:a']", ["anonymous-write"]),
    ("deny: ['*'], principals: [anyone], resources: ['repository:a']", []),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:a'], when: {before: '2026-01-01T00:00:00Z'}",
     ["expired"]),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:a'], when: {before: '2040-01-01T00:00:00Z'}",
     []),
    ("allow: [pull, push], principals: ['user:*'], resources: ['repository:a'], lifetime: 7200", ["long-lifetime"]),
    ("allow: [pull, push], principals: ['user:*'], resources: ['repository:a'], lifetime: 3600", []),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "expected"), LINTED)
def test_findings(rule: str, expected: list[str]) -> None:
    findings = [kind for kind, rule_id in found(f"rules:\n- {PULL}\n- {{id: r, {rule}}}") if rule_id == "r"]
    assert findings == expected


SAID: list[tuple[str, str, str, str]] = [
    ("allow: [pull], principals: ['user:alice'], resources: ['repository:team/**']",
     "redundant", "other rules say all that it says", "remove it, or make it say more"),
    ("allow: [pull, push], principals: [authenticated], resources: ['repository:closed']",
     "shadowed", "other rules deny all that it allows", "remove it, or except it from them"),
    ("deny: [push], principals: ['user:**'], except: [authenticated], resources: ['repository:a']",
     "excepted-away", "its exceptions leave nobody", "narrow `except`, or remove the rule"),
    ("deny: [push], principals: [anyone], resources: ['repository:a-', 'repository:a']",
     "matches-nothing", "no name matches repository:a-", "write what repositories are called"),
    ("allow: [pull, push], principals: ['user:*'], resources: ['repository:{principal}-*/**']",
     "open-placeholder", "in repository:{principal}-*/**, the name `a` also reaches what belongs to `a-b`",
     "put a / or a fixed text between placeholder and wildcard"),
    ("allow: [push], principals: [anyone], except: [authenticated], resources: ['repository:a']",
     "push-without-pull", "it allows push where nothing allows pull", "allow pull as well"),
    ("allow: [pull], principals: [anyone], resources: ['repository:**']",
     "anonymous-everything", "it opens every repository to everybody", "name a namespace"),
    ("allow: [pull, delete], principals: [anyone], resources: ['repository:a']",
     "anonymous-write", "it allows delete without a login", "write `authenticated`, or leave pull only"),
    ("allow: ['*'], principals: [anyone], resources: ['repository:a']",
     "anonymous-write", "it allows delete and push without a login", "write `authenticated`, or leave pull only"),
    ("allow: [pull, push], principals: ['user:Alice'], resources: ['repository:{principal}/**']",
     "unfillable-placeholder", "no name of its principals is a path",
     "names of repositories are lower case, without @"),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:{label.team}/**'], when: {labels: {team: A}}",
     "unfillable-placeholder", "label team must be `A`, which is no path", "drop the condition or the placeholder"),
    ("allow: [pull, push], principals: [authenticated], resources: ['repository:{principal}/**']",
     "shared-namespace", "principals of several kinds may have the same name, and {principal} is the name alone",
     'name one kind: "user:**"'),
    ("allow: ['*'], principals: ['user:*'], resources: ['repository:a'], when: {before: '2027-01-15T08:00:00Z'}",
     "expired", "its `before` is over", "remove it"),
    ("allow: [pull, push], principals: ['user:*'], resources: ['repository:a'], lifetime: 7200",
     "long-lifetime", "a stolen token works for 7200 s; 3600 s is the most here", "shorten `lifetime`"),
    ("deny: [push], principals: [anyone], resources: ['repository:a'], lint: {expired: no more}",
     "needless-allowance", "there is no finding expired", "remove `expired` from its lint"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "kind", "reason", "fix"), SAID)
def test_a_finding_is_said_in_one_line_with_place_and_fix(rule: str, kind: str, reason: str, fix: str) -> None:
    closed = "{id: closed, deny: ['*'], principals: [anyone], resources: ['repository:closed']}"
    findings = lint(policy(f"rules:\n- {PULL}\n- {closed}\n- {{id: r, {rule}}}"), CONTEXT.now)
    assert f"p.yaml:5: {kind}: rule `r`: {reason} ({fix})" in [str(finding) for finding in findings]


def test_the_time_and_the_longest_lifetime_are_given() -> None:
    text = """rules:
- id: r
  allow: [pull]
  principals: ["user:*"]
  resources: ["repository:a"]
  lifetime: 600
  when: {before: "2026-01-01T00:00:00Z"}
"""
    end = 1_767_225_600
    for now, most, expected in [
        (end - 1, 600, []),
        (end, 600, ["expired"]),
        (end - 1, 599, ["long-lifetime"]),
        (end, 599, ["expired", "long-lifetime"]),
    ]:
        assert [finding.id for finding in lint(policy(text), now, max_lifetime=most)] == expected


LISTED = "developers, local"
WORLD: list[tuple[str, list[str]]] = [
    ("principals: ['user:alice', 'group:developers', 'group:local', 'service-account:ci']", []),
    ("principals: ['user:alise']",
     ["unknown-principal: rule `r`: user:alise does not exist (did you mean `alice`?)"]),
    ("principals: ['service-account:alice']",
     ["unknown-principal: rule `r`: service-account:alice does not exist (known: ci)"]),
    ("principals: ['group:loc']", ["unknown-group: rule `r`: group:loc does not exist (did you mean `local`?)"]),
    ("principals: [anyone], except: ['group:zz', 'group:zz']",
     [f"unknown-group: rule `r`: group:zz does not exist (known: {LISTED})"]),
    ("principals: ['user:a*', 'group:d*', 'workload:x', anyone]", []),
    ("principals: [anyone], when: {labels: {team: a}}", []),
    ("principals: [anyone], when: {labels: {teem: a}}",
     ["unknown-label: rule `r`: no authenticator brings label teem (did you mean `team`?)"]),
    ("principals: ['user:a*', 'user:x', 'group:y']",
     ["unknown-principal: rule `r`: user:x does not exist (known: alice, bob)",
      f"unknown-group: rule `r`: group:y does not exist (known: {LISTED})"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "expected"), WORLD)
def test_findings_about_the_world(rule: str, expected: list[str]) -> None:
    text = f"groups: {{local: []}}\nrules:\n- {{id: r, deny: [push], resources: ['repository:a'], {rule}}}"
    assert [str(finding) for finding in lint(policy(text), CONTEXT.now, KNOWN)] == [
        f"p.yaml:4: {line}" for line in expected
    ]
    assert found(text) == []


def test_the_label_of_a_placeholder_is_looked_up_and_the_nearest_is_named() -> None:
    text = "rules: [{id: r, deny: [push], principals: [anyone], resources: ['repository:{label.taem}/x']}]"
    (finding,) = lint(policy(text), 0, KNOWN)
    assert (finding.id, finding.fix) == ("unknown-label", "did you mean `team`?")
    text = "rules: [{id: r, deny: [push], principals: ['user:x'], resources: ['repository:a']}]"
    (finding,) = lint(policy(text), 0, Known(users=frozenset()))
    assert finding.fix == "create it"


def test_shadowed() -> None:
    assert found("""rules:
- {id: one, allow: [pull, push], principals: ["user:*"], resources: ["repository:prod/a/**"]}
- {id: two, allow: [pull, push], principals: ["user:*"], resources: ["repository:prod/**"]}
- {id: freeze, deny: ["*"], principals: [anyone], except: ["group:admins"], resources: ["repository:prod/a/**"]}
- {id: all, deny: [push, pull], principals: [authenticated], resources: ["repository:prod/a/b"]}
""") == [("redundant", "one")]
    assert found("""rules:
- {id: one, allow: [pull, push], principals: ["user:*"], resources: ["repository:prod/a/**"]}
- {id: freeze, deny: ["*"], principals: [authenticated], resources: ["repository:prod/**"]}
""") == [("shadowed", "one")]


def test_a_rule_that_nobody_needs_is_without_effect() -> None:
    """Neither does one other rule say all of it, nor does one deny all of it."""
    assert found("""rules:
- {id: one, allow: [pull, push], principals: ["user:*"], resources: ["repository:a/**"]}
- {id: two, allow: [pull], principals: [authenticated], resources: ["repository:**"]}
- {id: freeze, deny: [push], principals: [authenticated], resources: ["repository:a/**"]}
""") == [("without-effect", "one")]
    cut = """rules:
- {id: a, allow: [pull], principals: ["user:a*"], resources: ["repository:a/**"]}
- {id: b, allow: [pull], principals: ["user:*b"], resources: ["repository:a/**", "repository:b"]}
- {id: other, allow: [pull], principals: ["user:*"], except: ["user:a*", "user:*b"], resources: ["repository:a/**"]}
- {id: all, allow: [pull], principals: ["user:*"], except: ["user:c"], resources: ["repository:a/**"], %s}
"""
    assert found(cut % "mode: audit") == []
    assert found(cut.replace(', "repository:b"', "") % "mode: audit") == []
    assert found(cut % "lifetime: 60") == [("redundant", "a")]
    assert found(cut.replace("*b", "*") % "mode: enforce") == [
        ("redundant", "a"), ("excepted-away", "other"), ("redundant", "all"),
    ]  # fmt: skip


EFFECT = """groups: {g: [u]}
rules:
- {id: freeze, deny: [push], principals: ["group:g"], resources: ["repository:a/**"]}
- {id: members, allow: [pull], principals: ["group:g"], resources: ["repository:a/**"]}
- {id: one, allow: [pull, push], principals: ["user:u"], resources: ["repository:a/**"]%s}
"""


def test_members_of_static_groups_need_nothing_that_their_group_has() -> None:
    assert found(EFFECT % "") == [("without-effect", "one")]
    assert [str(finding) for finding in lint(policy(EFFECT % ""), 0)] == [
        (
            "p.yaml:6: without-effect: rule `one`: nobody needs it: others allow or deny all that it allows "
            "(remove it, or make it say more)"
        )
    ]
    assert found((EFFECT % "").replace("[u]", "[v]")) == []


@pytest.mark.parametrize("limit", [", lifetime: 900", ", tags: {push: ['v*']}"])
def test_a_rule_that_sets_limits_is_not_without_effect(limit: str) -> None:
    assert found(EFFECT % limit) == []


def test_what_is_on_another_type_is_not_needed_here() -> None:
    text = """rules:
- {id: freeze, deny: [push], principals: [anyone], resources: ["plugin:a/**"]}
- {id: others, allow: [pull], principals: [anyone], resources: ["plugin:a/**"]}
- {id: one, allow: [pull, push], principals: ["user:u"], resources: ["repository:a/**"]}
"""
    assert found(text) == []
    assert found(text.replace("plugin", "repository")) == [("without-effect", "one")]


def test_of_rules_that_make_each_other_needless_the_first_stays() -> None:
    """Each of the last two is needless beside the other and `free`, not beside `free` alone."""
    assert found("""rules:
- {id: free, allow: [pull], principals: ["user:*"], resources: ["repository:a/*"]}
- {id: one, allow: [pull], principals: ["user:*"], resources: ["repository:a/**"]}
- {id: two, allow: [pull], principals: ["user:*"], resources: ["repository:a/*/**"]}
""") == [("redundant", "free"), ("redundant", "two")]
    assert found("""rules:
- {id: one, allow: [pull, push], principals: ["user:*"], resources: ["repository:a/**"]}
- {id: two, allow: [pull, delete], principals: ["user:*"], resources: ["repository:a/**"]}
- {id: freeze, deny: [push, delete], principals: [anyone], resources: ["repository:**"]}
""") == [("without-effect", "two")]


def test_of_two_that_are_equal_the_later_one_is_redundant() -> None:
    rule = 'allow: [pull], principals: ["user:*"], resources: ["repository:a/**"]'
    assert found(f"rules:\n- {{id: one, {rule}}}\n- {{id: two, {rule}}}\n- {{id: three, {rule}}}") == [
        ("redundant", "two"),
        ("redundant", "three"),
    ]


def test_what_has_limits_or_reaches_nobody_does_not_keep_others_from_being_redundant() -> None:
    """Rules are looked at from the last to the first."""
    rule = 'allow: [pull], principals: ["user:*"], resources: ["repository:a/**"]'
    assert found(f"""rules:
- {{id: one, {rule}, lifetime: 60}}
- {{id: two, {rule}, lifetime: 60}}
- {{id: three, {rule}, lifetime: 90}}
- {{id: limited, {rule}, lifetime: 900, tags: {{push: ["v*"]}}}}
- {{id: nobody, {rule}, lifetime: 900, except: [authenticated]}}
""") == [("redundant", "two"), ("redundant", "three"), ("excepted-away", "nobody")]


@pytest.mark.parametrize(
    ("broad", "denied", "expected"),
    [
        ("'*'", "repository:a", [("redundant", "r")]),
        ("'*'", "registry:catalog", []),
        ("'*'", "registry:*", []),
        ("'*', push", "registry:catalog", []),
        ("'*', pull", "registry:catalog", [("redundant", "r")]),
        ("pull", "registry:catalog", [("redundant", "r")]),
    ],
)
def test_a_rule_that_names_what_a_star_is_answered_with_is_not_redundant(
    broad: str, denied: str, expected: list[tuple[str, str]]
) -> None:
    """Where an action is denied, `*` on a catalogue is answered with the actions that rules name."""
    assert (
        found(f"""rules:
- {{id: all, allow: [{broad}], principals: [authenticated], resources: ["registry:catalog"]}}
- {{id: r, allow: [pull], principals: ["user:*"], resources: ["registry:catalog"]}}
- {{id: never, deny: [delete], principals: [anyone], resources: ["{denied}"]}}
""")
        == expected
    )


def test_a_finding_can_be_allowed_with_a_reason() -> None:
    text = """rules:
- id: r
  allow: [pull]
  principals: [anyone]
  resources: ["repository:**"]
  lint: {anonymous-everything: a public mirror, expired: no longer}
"""
    first, second = lint(policy(text), CONTEXT.now)
    assert (first.id, first.allowed) == ("anonymous-everything", "a public mirror")
    assert (second.id, second.reason, second.allowed) == ("needless-allowance", "there is no finding expired", None)
    assert str(first).startswith("p.yaml:3: anonymous-everything: rule `r`: it opens every repository")


@pytest.mark.parametrize(
    ("value", "problem", "fix"),
    [
        ("{nonsense: x}", "lint has no key `nonsense`", "known: "),
        ("{shadow: x}", "lint has no key `shadow`", "did you mean `shadowed`?"),
        ("{shadowed: ' '}", "lint gives no reason", "why the rule stays"),
        ("{}", "lint gives no reason", "why the rule stays"),
        ("[shadowed]", "lint is a list", "mapping"),
        ("{shadowed: yes}", "the reason for shadowed", "quote it"),
    ],
)
def test_an_allowance_that_is_none(value: str, problem: str, fix: str) -> None:
    text, line = build.rule_text({"lint": value}, "lint")
    build.refused(text, line, problem, fix)


def test_the_sample_policies_have_no_findings() -> None:
    assert lint(load_policy(Path(__file__).parents[2] / "policies"), CONTEXT.now) == ()


def test_every_finding_is_tried_here() -> None:
    text = Path(__file__).read_text()
    assert [finding for finding in FINDINGS if f'"{finding}"' not in text and f'"{finding}: ' not in text] == []


IDLE = {"redundant", "shadowed", "without-effect", "excepted-away"}


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_what_does_not_matter_may_go(seed: int) -> None:
    """The claim of `IDLE`: without the rule, everybody gets what they got."""
    rng = random.Random(seed)
    rules, groups = generate.document(rng)[:9], generate.groups(rng)
    compiled = build.document_policy(rules, groups)
    idle = {f.rule.id for f in lint(compiled, 0) if f.id in IDLE}
    if not idle:
        return
    for drop in ({rule_id} for rule_id in sorted(idle)):
        less = compile_policy((rule for rule in compiled.rules if rule.id not in drop), compiled.groups.values())
        for _ in range(40):
            who = generate.principal(rng)
            scopes, context = (
                build.to_scopes(generate.scopes(rng, rules, who)),
                build.to_context(generate.context(rng)),
            )
            before = decide(compiled, build.to_principal(who), scopes, context)
            after = decide(less, build.to_principal(who), scopes, context)
            names = [generate.repository(rng, rules, who) for _ in range(5)]
            assert seen(before, names) == seen(after, names), (drop, who, scopes, context)


def seen(decision: Decision, names: list[str]) -> tuple[object, ...]:
    """What is granted; of a filtered catalogue, which of `names` it shows, however its patterns are written."""
    access = [replace(one, name_filter=None) for one in decision.access]
    shown = [[name for name in names if one.name_filter and one.name_filter.shows(name)] for one in decision.access]
    return access, [one.name_filter is None for one in decision.access], shown, decision.lifetime


def test_limits_make_a_rule_matter() -> None:
    """A rule with limits on tags adds them; a rule that opens the whole catalogue is not said by one that filters."""
    both = (
        "version: 1\nrules:\n"
        "  - {id: a, allow: [pull, push], principals: [anyone], resources: ['repository:a'], TAGS}\n"
        "  - {id: b, allow: [pull, push], principals: [anyone], resources: ['repository:a']}\n"
    )
    anonymous = {"anonymous-write", "anonymous-everything"}
    limited = policy(both.replace("TAGS", "tags: {push: [v*]}"))
    assert {one.id for one in lint(limited, 0)} - anonymous == {"redundant"}
    assert [one.rule.id for one in lint(limited, 0) if one.id == "redundant"] == ["b"]
    catalogue = (
        "version: 1\nrules:\n"
        "  - {id: some, allow: ['*'], principals: [authenticated], resources: ['registry:catalog'], filter: pull}\n"
        "  - {id: all, allow: ['*'], principals: ['user:*'], resources: ['registry:catalog']}\n"
    )
    assert [one.rule.id for one in lint(policy(catalogue), 0) if one.id == "redundant"] == []
