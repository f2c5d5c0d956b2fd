"""Findings as values."""

from tests.policy.build import policy
from token_service.policy.finding import FINDINGS, Finding


def test_a_finding_is_one_line_with_its_place() -> None:
    (rule,) = policy("rules: [{id: r, deny: [push], principals: [anyone], resources: ['repository:a']}]").rules
    finding = Finding("expired", rule, "its time is over", "remove it")
    assert finding.place == "p.yaml:2"
    assert str(finding) == "p.yaml:2: expired: rule `r`: its time is over (remove it)"
    assert finding.allowed is None


def test_ids_are_words_and_say_what_they_mean() -> None:
    assert all(name.replace("-", "").isalpha() and name.islower() for name in FINDINGS)
    assert len(set(FINDINGS.values())) == len(FINDINGS)
