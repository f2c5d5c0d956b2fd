"""`who_can` says what decisions do, for every principal that is tried."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build, generate
from tests.policy.build import CONTEXT, policy, user
from tests.policy.test_can import POLICY
from token_service.policy.decide import decide
from token_service.policy.match import Request
from token_service.policy.notation import parse_resource
from token_service.policy.who_can import lines, solutions, to_plain, who_can
from token_service.principal import Kind
from token_service.scope import Scope

WHO = [
    ("pull", "repository:team/a", ["user:* called team  (own, p.yaml:5)", "group:dev  (team, p.yaml:6)"]),
    ("push", "repository:prod/a",
     ["user:* called prod  (own, p.yaml:5)", "group:dev  (team, p.yaml:6)", "group:ops  (release, p.yaml:9)",
      "workload:** , with label path prod"]),
    ("delete", "repository:x", ["nobody"]),
    ("*", "registry:catalog", ["group:ops  (catalogue, p.yaml:15)"]),
    ("pull", "repository:", ["nobody"]),
]  # fmt: skip


@pytest.mark.parametrize(("action", "resource", "begins"), WHO)
def test_who_can(action: str, resource: str, begins: list[str]) -> None:
    kind, _, name = resource.partition(":")
    found = lines(who_can(policy(POLICY), action, kind, name))
    assert [line.split(",")[0] for line in found if not line.startswith("but")] == [
        line.split(" ,")[0].split(",")[0] for line in begins
    ]


def test_conditions_exceptions_and_denials_are_said() -> None:
    found = lines(who_can(policy(POLICY), "push", "repository", "prod/a"))
    assert found[-2:] == [
        "workload:**, with label path prod, under its conditions on label ref, service  (ci, p.yaml:10)",
        "but not anyone, without group:ops  (frozen, p.yaml:7)",
    ]


def test_a_grant_that_a_deny_takes_whole_is_marked() -> None:
    text = """rules:
- {id: all, allow: [pull], principals: ["user:a*"], resources: ["repository:**"]}
- {id: never, deny: ["*"], principals: ["user:*"], resources: ["repository:x"]}
- {id: other, deny: ["*"], principals: ["service-account:*"], resources: ["repository:x"]}
"""
    assert lines(who_can(policy(text), "pull", "repository", "x")) == [
        "user:a*  (all, p.yaml:3), all of whom never denies",
        "but not user:*  (never, p.yaml:4)",
    ]


RICH = """groups: {ops: [rita]}
rules:
- id: own
  allow: ["*"]
  principals: ["user:*", "group:dev", "user:*/*", "service-account:x*", anonymous]
  except: ["user:root", "group:out"]
  resources: ["repository:{principal}/**"]
- id: j
  allow: [push]
  principals: ["workload:*", "user:*"]
  resources: ["repository:{label.a}/{label.b}/*"]
  when: {labels: {r: m}, after: "2026-01-01T00:00:00Z"}
- {id: out, deny: ["*"], principals: [authenticated], resources: ["repository:{principal}/c"]}
- {id: never, deny: [push], principals: ["group:ops"], except: ["user:a"], resources: ["repository:{label.b}/**"]}
- {id: robots, deny: [push], principals: ["service-account:**"], resources: ["repository:a/**"]}
- {id: list, allow: ["*"], principals: ["user:alice"], resources: ["registry:catalog"], filter: pull}
"""
VOID_BY_OUT = ", all of whom out denies"
OF_RICH = [
    ("push", "repository:a/b/c", [
        "user:* or group:dev called a, without user:root and group:out  (own, p.yaml:4)",
        "group:dev or user:*/* called a/b, without user:root and group:out  (own, p.yaml:4)" + VOID_BY_OUT,
        "workload:* or user:*, with label a a, with label b b, under its conditions on label r, after  (j, p.yaml:9)",
        "but not user:** or service-account:** or workload:** called a/b  (out, p.yaml:14)",
        "but not group:ops, with label b a, without user:a  (never, p.yaml:15)",
        "but not group:ops, with label b a/b, without user:a  (never, p.yaml:15)",
        "but not service-account:**  (robots, p.yaml:16)",
    ]),
    ("pull", "repository:x/c", [
        "user:* or group:dev or service-account:x* called x, without user:root and group:out  (own, p.yaml:4)"
        + VOID_BY_OUT,
        "but not user:** or service-account:** or workload:** called x  (out, p.yaml:14)",
    ]),
    ("*", "registry:catalog", ["user:alice, under its conditions on filter  (list, p.yaml:17)"]),
]  # fmt: skip


@pytest.mark.parametrize(("action", "resource", "expected"), OF_RICH)
def test_names_labels_exceptions_and_conditions_are_said_in_whole_lines(
    action: str, resource: str, expected: list[str]
) -> None:
    kind, _, name = resource.partition(":")
    assert lines(who_can(policy(RICH), action, kind, name)) == expected


def test_a_deny_for_others_is_not_among_the_denials() -> None:
    """Neither one for another kind, nor one for a namesake of another name."""
    text = """rules:
- {id: first, allow: [pull], principals: ["user:*"], resources: ["repository:{principal}/*/*"]}
- {id: named, deny: [pull], principals: ["user:**"], resources: ["repository:{principal}/c"]}
- {id: same, deny: [pull], principals: ["user:b*"], resources: ["repository:{principal}/**"]}
- {id: robots, deny: [pull], principals: ["service-account:**"], resources: ["repository:**"]}
- {id: guests, deny: [pull], principals: [anonymous], resources: ["repository:**"]}
- {id: labelled, deny: [pull], principals: ["user:**"], resources: ["repository:{label.t}/c"]}
"""
    assert lines(who_can(policy(text), "pull", "repository", "a/b/c")) == [
        "user:* called a  (first, p.yaml:3)",
        "but not user:**, with label t a/b  (labelled, p.yaml:8)",
    ]


VOID = [
    ('principals: ["user:*"]', "all of whom never denies"),
    ("principals: [authenticated]", "all of whom never denies"),
    ('principals: ["group:ops"]', ""),
    ('principals: ["user:a*"]', ""),
    ('principals: [anyone], except: ["service-account:*"]', "all of whom never denies"),
    ('principals: [anyone], except: ["user:z"]', ""),
    ("principals: [anyone], when: {service: [s, t]}", "all of whom never denies"),
    ("principals: [anyone], when: {service: [t]}", ""),
]


@pytest.mark.parametrize(("never", "said"), VOID)
def test_a_deny_voids_a_grant_only_if_it_takes_all_of_it(never: str, said: str) -> None:
    text = f"""groups: {{ops: [alice]}}
rules:
- {{id: all, allow: [pull], principals: ["user:*"], resources: ["repository:x"], when: {{service: [s]}}}}
- {{id: never, deny: [pull], {never}, resources: ["repository:*"]}}
"""
    line, *_ = lines(who_can(policy(text), "pull", "repository", "x"))
    assert line == "user:*, under its conditions on service  (all, p.yaml:4)" + (f", {said}" if said else "")


def test_a_member_of_a_group_that_is_denied_is_denied() -> None:
    text = """groups: {ops: [alice]}
rules:
- {id: one, allow: [pull], principals: ["user:alice", "user:bob"], resources: ["repository:{principal}"]}
- {id: never, deny: [pull], principals: ["group:ops"], resources: ["repository:*"]}
"""
    assert lines(who_can(policy(text), "pull", "repository", "alice")) == [
        "user:alice called alice  (one, p.yaml:4), all of whom never denies",
        "but not group:ops  (never, p.yaml:5)",
    ]
    assert lines(who_can(policy(text), "pull", "repository", "bob")) == [
        "user:bob called bob  (one, p.yaml:4)",
        "but not group:ops  (never, p.yaml:5)",
    ]


def test_it_is_json() -> None:
    plain = json.loads(json.dumps(to_plain(who_can(policy(RICH), "pull", "repository", "x/c"))))
    nothing: dict[str, object] = {"except": [], "name": None, "labels": {}, "conditions": [], "void_by": None}
    own = {"rule": "own", "place": "p.yaml:4", "principals": ["user:*", "group:dev", "service-account:x*"]}
    out = {"rule": "out", "place": "p.yaml:14", "principals": ["user:**", "service-account:**", "workload:**"]}
    assert plain == {
        "grants": [nothing | own | {"except": ["user:root", "group:out"], "name": "x", "void_by": "out"}],
        "denials": [nothing | out | {"name": "x"}],
    }
    plain = to_plain(who_can(policy(POLICY), "push", "repository", "prod/a"))
    own = {"rule": "own", "place": "p.yaml:5", "principals": ["user:*"], "name": "prod"}
    ci = {"rule": "ci", "place": "p.yaml:10", "principals": ["workload:**"], "labels": {"path": "prod"}}
    assert plain["grants"] == [
        nothing | own,
        nothing | {"rule": "team", "place": "p.yaml:6", "principals": ["group:dev"]},
        nothing | {"rule": "release", "place": "p.yaml:9", "principals": ["group:ops"]},
        nothing | ci | {"conditions": ["label ref", "service"]},
    ]


def test_a_claim_applies_to_those_who_are_called_and_labelled_so() -> None:
    (own, *_, ci) = who_can(policy(POLICY), "push", "repository", "prod/a").grants
    compiled, context = policy(POLICY), replace(CONTEXT, audience="s")
    for claim, who, expected in [
        (own, user("prod"), True),
        (own, user("prod", kind=Kind.SERVICE_ACCOUNT), False),
        (own, user("other"), False),
        (ci, user("j", kind=Kind.WORKLOAD, ref="main", path=("x", "prod")), True),
        (ci, user("j", kind=Kind.WORKLOAD, ref="main", path="x"), False),
        (ci, user("j", kind=Kind.WORKLOAD, ref="main", other="prod"), False),
        (ci, user("j", kind=Kind.WORKLOAD, ref="dev", path="prod"), False),
    ]:
        assert claim.applies(Request.of(compiled, who, context)) is expected, (claim, who)


@given(st.integers(0, 2**32))
def test_who_can_says_what_decisions_do(seed: int) -> None:
    rng = random.Random(seed)
    rules, groups = generate.document(rng), generate.groups(rng)
    compiled = build.document_policy(rules, groups)
    someone = generate.principal(rng)
    kind, name, actions = generate.scope(rng, rules, someone)
    for action in set(actions) - {"*"}:
        answer = who_can(compiled, action, kind, name)
        for _ in range(15):
            principal, context = build.to_principal(generate.principal(rng)), build.to_context(generate.context(rng))
            request = Request.of(compiled, principal, context)
            granted = any(claim.applies(request) for claim in answer.grants)
            denied = any(claim.applies(request) for claim in answer.denials)
            decision = decide(compiled, principal, [Scope(kind, name, (action,))], context)
            assert (granted and not denied) is decision.verdicts[0].allowed, (principal, context, answer)
            assert not (decision.verdicts[0].allowed and all(c.void_by for c in answer.grants if c.applies(request)))


SOLUTIONS = [
    ("{principal}/**", "a/b/c", [{"principal": "a"}, {"principal": "a/b"}]),
    ("{principal}", "a/b", [{"principal": "a/b"}]),
    ("x-{principal}", "x-a", [{"principal": "a"}]),
    ("x-{principal}/b/*", "x-a/b/c", [{"principal": "a"}]),
    ("*{principal}", "ab", [{"principal": "ab"}, {"principal": "b"}]),
    ("{label.t}/{principal}", "a/b/c", [{"label.t": "a", "principal": "b/c"}, {"label.t": "a/b", "principal": "c"}]),
    ("{principal}/{principal}", "a/a", [{"principal": "a"}]),
    ("{principal}/{principal}", "a/b", []),
    ("**/x", "a/x", [{}]),
    ("a/**", "a", []),
    ("a/x-{principal}", "a", []),
    ("localhost:5000/{principal}", "localhost:5000/a", [{"principal": "a"}]),
    ("{principal}/a", "localhost:5000/a", []),
]


@pytest.mark.parametrize(("pattern", "name", "expected"), SOLUTIONS)
def test_solutions(pattern: str, name: str, expected: list[dict[str, str]]) -> None:
    found = solutions(parse_resource(f"repository:{pattern}", "").pattern, tuple(name.split("/")))
    assert sorted(sorted(way) for way in found) == sorted(sorted(way.items()) for way in expected)
