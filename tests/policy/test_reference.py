"""The engine against the literal evaluator: volume by a seeded generator, small counterexamples by Hypothesis.

`POLICY_PAIRS=10000000 POLICY_SEED=7 pytest tests/policy/test_reference.py` compares more.
"""

import os
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy import build, generate, reference
from token_service.access import Access, merge
from token_service.policy.decide import decide
from token_service.policy.index import CompiledPolicy
from token_service.tag_rules import TagRules

PAIRS = int(os.environ.get("POLICY_PAIRS", "100000"))
SEED = int(os.environ.get("POLICY_SEED", "20261124"))
REQUESTS_PER_POLICY = 60
PARTS = 4  # so that parallel runs share the work


def compare(
    compiled: CompiledPolicy, rules: list[dict[str, Any]], groups: dict[str, list[str]], rng: random.Random
) -> Counter[str]:
    """One request on both sides. They must agree on verdicts, access, limits and lifetime."""
    who = generate.principal(rng)
    scopes = generate.scopes(rng, rules, who)
    context = generate.context(rng)
    request = (rules, groups, who, scopes, context)
    decision = decide(compiled, build.to_principal(who), build.to_scopes(scopes), build.to_context(context))
    expected, lifetime, limits = reference.evaluate(rules, groups, who, scopes, context)
    found = {(v.type, v.name, v.action): (v.allowed, v.rules, v.audit) for v in decision.verdicts}
    assert found == expected, request
    assert decision.lifetime == lifetime, request
    entries = [
        Access(t, n, (a,), tag_rules=to_tag_rules(limits[t, n][0])) for (t, n, a), o in expected.items() if o[0]
    ]
    assert tuple(replace(one, name_filter=None) for one in decision.access) == merge(entries), request
    seen = kinds(expected)
    for access in decision.access:
        assert (access.name_filter is not None) is limits[access.type, access.name][1], request
        seen["limited tags"] += bool(access.tag_rules)
        if access.name_filter is not None:
            for name in (generate.repository(rng, rules, who) for _ in range(6)):
                is_shown = reference.may_pull(rules, groups, who, name, context)
                assert access.name_filter.shows(name) is is_shown, (name, request)
                seen["shown" if is_shown else "hidden"] += 1
    return seen


def to_tag_rules(tags: dict[str, set[str]]) -> TagRules:
    return TagRules(**{key: tuple(sorted(globs)) for key, globs in tags.items()})


@pytest.mark.parametrize("part", range(PARTS))
def test_engine_and_reference_agree(part: int) -> None:
    rng = random.Random(f"{SEED}-{part}")
    seen: Counter[str] = Counter()
    pairs = 0
    while pairs < PAIRS / PARTS:
        rules, groups = generate.document(rng), generate.groups(rng)
        compiled = build.document_policy(rules, groups)
        for _ in range(REQUESTS_PER_POLICY):
            seen.update(compare(compiled, rules, groups, rng))
        pairs += REQUESTS_PER_POLICY
    # A comparison in which nothing ever matches would pass, too. So the interesting cases must be plenty.
    total = seen["verdicts"]
    shares = {
        "allowed": 0.15,
        "denied by a rule": 0.08,
        "denied by default": 0.3,
        "several rules": 0.03,
        "audit": 0.03,
        "limited tags": 0.004,
        "shown": 0.001,
        "hidden": 0.002,
    }
    for kind, least in shares.items():
        assert seen[kind] / total > least, f"{kind}: {seen[kind]} of {total}"


def kinds(outcome: reference.Outcome) -> Counter[str]:
    seen: Counter[str] = Counter()
    for allowed, rules, audit in outcome.values():
        seen["verdicts"] += 1
        seen["allowed"] += allowed
        seen["denied by a rule"] += not allowed and bool(rules)
        seen["denied by default"] += not rules
        seen["several rules"] += len(rules) > 1
        seen["audit"] += bool(audit)
    return seen


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_engine_and_reference_agree_on_what_hypothesis_finds(rng: random.Random) -> None:
    rules, groups = generate.document(rng), generate.groups(rng)
    compare(build.document_policy(rules, groups), rules, groups, rng)
