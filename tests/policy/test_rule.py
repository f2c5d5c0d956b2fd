"""Rules as values: which actions a rule speaks about, and how its principals are written."""

import pytest

from token_service.policy.notation import parse_name
from token_service.policy.rule import Effect, Rule, Term, Who

COVERS = [
    (Effect.ALLOW, {"pull"}, "repository", "pull", True),
    (Effect.ALLOW, {"pull"}, "repository", "push", False),
    (Effect.ALLOW, {"push"}, "repository", "pull", False),
    (Effect.ALLOW, {"*"}, "repository", "pull", True),
    (Effect.ALLOW, {"*"}, "repository", "push", True),
    (Effect.ALLOW, {"*"}, "repository", "delete", True),
    (Effect.ALLOW, {"*"}, "repository", "scan", False),
    (Effect.ALLOW, {"*"}, "repository", "*", False),
    (Effect.ALLOW, {"*", "scan"}, "repository", "scan", True),
    (Effect.ALLOW, {"*"}, "registry", "*", True),
    (Effect.ALLOW, {"*"}, "registry", "scan", True),
    (Effect.ALLOW, {"pull"}, "registry", "*", False),
    (Effect.DENY, {"*"}, "repository", "scan", True),
    (Effect.DENY, {"*"}, "repository", "*", True),
    (Effect.DENY, {"push"}, "repository", "push", True),
    (Effect.DENY, {"push"}, "repository", "pull", False),
    (Effect.DENY, {"push"}, "registry", "*", True),
]


@pytest.mark.parametrize(("effect", "actions", "kind", "action", "expected"), COVERS)
def test_what_a_rule_speaks_about(effect: Effect, actions: set[str], kind: str, action: str, expected: bool) -> None:
    rule = Rule("r", effect, frozenset(actions), (Term(Who.ANYONE),), ())
    assert rule.covers(kind, action) is expected


def test_the_place_of_a_rule_is_no_part_of_it() -> None:
    one, other = (
        Rule("r", Effect.DENY, frozenset({"pull"}), (Term(Who.ANYONE),), (), place=place) for place in ("a:1", "b:2")
    )
    assert one == other


@pytest.mark.parametrize(
    "text", ["anyone", "user:alice", "group:dev-?/**", "service-account:*", "workload:gitlab/*/x"]
)
def test_a_principal_is_shown_as_it_is_written(text: str) -> None:
    who, _, pattern = text.partition(":")
    assert str(Term(Who(who), parse_name(pattern, "") if pattern else ())) == text
