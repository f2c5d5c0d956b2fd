"""The documentation of the policy language: its examples are good policies, and every key is described."""

import re
from pathlib import Path

import pytest

from tests.policy import reference
from tests.policy.build import CONTEXT, user
from token_service.policy import can, explain, who_can
from token_service.policy.diff import diff
from token_service.policy.expectations import CASE_KEYS, parse_expectations, run
from token_service.policy.expectations import FILE_KEYS as EXPECTATION_KEYS
from token_service.policy.finding import FINDINGS
from token_service.policy.index import compile_policy
from token_service.policy.notation import parse_resource
from token_service.policy.parse import FILE_KEYS, RULE_KEYS, parse_policy
from token_service.policy.parse_when import CONDITION_KEYS
from token_service.policy.pattern import matches
from token_service.policy.rule import Mode, Who
from token_service.scope import parse_scopes

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGE = DOCS / "reference" / "policy-language.md"
EXAMPLES = [
    (path.name, text)
    for path in (LANGUAGE, DOCS / "policy.md")
    for text in re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_every_example_is_good(name: str, text: str) -> None:
    if "\ncases:" in text:
        assert parse_expectations(text, name)
    else:
        assert parse_policy(text, name).rules


@pytest.mark.parametrize("page", {name for name, _ in EXAMPLES})
def test_the_expectations_of_a_page_hold_for_its_policies(page: str) -> None:
    texts = [text for name, text in EXAMPLES if name == page]
    files = [parse_policy(text, page) for text in texts if "\ncases:" not in text]
    policy = compile_policy(
        (rule for file in files for rule in file.rules), (g for file in files for g in file.groups)
    )
    results = run(policy, [case for text in texts if "\ncases:" in text for case in parse_expectations(text, page)])
    assert results
    assert [(result.case.name, result.problems) for result in results if not result.passed] == []


PEOPLE = {"alice": user("alice", "developers"), "bob": user("bob", "readers")}


def test_the_answers_on_the_page_are_those_of_the_sample_policy() -> None:
    path = "policies/demo.yaml"
    text = (DOCS.parent / path).read_text()
    file = parse_policy(text, path)
    sample = compile_policy(file.rules, file.groups)
    changed = text.replace(
        'principals: ["group:release-managers"]\n    resources: ["repository:prod/**"]',
        'principals: ["group:release-managers"]\n    resources: ["repository:prod/**", "repository:public/**"]',
    ).replace("allow: [push]\n", "allow: [scan]\n")
    other = parse_policy(changed, path)
    changes = diff(sample, compile_policy(other.rules, other.groups), CONTEXT.now).changes
    scopes = parse_scopes(["repository:prod/app:pull,push"])
    answers = [
        explain.lines(explain.explain(sample, PEOPLE["alice"], scopes, CONTEXT)),
        who_can.lines(who_can.who_can(sample, "push", "repository", "prod/app")),
        can.lines(can.can(sample, PEOPLE["bob"], CONTEXT)),
        [str(change) for change in changes if change.action == "push"],
    ]
    blocks = re.findall(r"^```text\n(.*?)^```", (DOCS / "policy.md").read_text(), re.MULTILINE | re.DOTALL)
    assert blocks == ["\n".join(answer) + "\n" for answer in answers]


@pytest.mark.parametrize(
    "word",
    sorted({*FILE_KEYS, *RULE_KEYS, *CONDITION_KEYS, *EXPECTATION_KEYS, *CASE_KEYS, *Mode, "anyone", "anonymous"}),
)
def test_every_key_is_described(word: str) -> None:
    assert f"`{word}`" in LANGUAGE.read_text()


def test_every_finding_is_described() -> None:
    assert [finding for finding in FINDINGS if f"| `{finding}` |" not in LANGUAGE.read_text()] == []


def test_every_kind_of_principal_is_described() -> None:
    assert all(f"`{who}" in LANGUAGE.read_text() for who in Who)


def test_the_table_of_patterns_tells_the_truth() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (`.*?`) \| (.*?) \|$", LANGUAGE.read_text(), re.MULTILINE)
    rows = [row for row in rows if "/" in row[0]]
    assert len(rows) == 7
    for text, good, bad in rows:
        pattern = parse_resource(f"repository:{text}", "").pattern
        for names, expected in ((good, True), (bad, False)):
            for name in re.findall(r"`([^`]+)`", names):
                assert matches(pattern, name.split("/"), lambda slot: ()) is expected, (text, name)
                assert reference.path_matches(text.split("/"), name.split("/")) is expected, (text, name)
