"""The schemas hold what the loader holds: good files pass, and what a schema can see to be bad does not."""

import copy
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import generate
from token_service.errors import LoadError
from token_service.policy.expectations import parse_expectations
from token_service.policy.parse import parse_policy
from token_service.policy.schema import expectation_schema, policy_schema
from token_service.strict_yaml import load, to_plain

ROOT = Path(__file__).parents[2]
TYPES = {"object": dict, "array": list, "string": str, "integer": int}


def check(value: Any, schema: Any, root: Any) -> bool:
    """A validator for the keywords that the schemas use, and an error for any other."""
    if schema is False:
        return False
    return all(KEYWORDS[keyword](value, argument, schema, root) for keyword, argument in schema.items())


def each(value: Any, argument: Any, root: Any) -> bool:
    return all(check(item, argument, root) for item in value) if isinstance(value, list) else True


def properties(value: Any, argument: Any, schema: Any, root: Any) -> bool:
    return all(
        check(value[key], one, root) for key, one in argument.items() if isinstance(value, dict) and key in value
    )


def additional(value: Any, argument: Any, schema: Any, root: Any) -> bool:
    known = schema.get("properties", {})
    return all(check(one, argument, root) for key, one in value.items() if key not in known)


KEYWORDS: dict[str, Any] = {
    "$schema": lambda *_: True,
    "$defs": lambda *_: True,
    "title": lambda *_: True,
    "description": lambda *_: True,
    "$ref": lambda v, a, s, r: check(v, r["$defs"][a.removeprefix("#/$defs/")], r),
    "type": lambda v, a, s, r: isinstance(v, TYPES[a]) and not isinstance(v, bool),
    "const": lambda v, a, s, r: v == a and type(v) is type(a),
    "enum": lambda v, a, s, r: v in a,
    "pattern": lambda v, a, s, r: not isinstance(v, str) or re.search(a, v) is not None,
    "minimum": lambda v, a, s, r: not isinstance(v, int) or v >= a,
    "maximum": lambda v, a, s, r: not isinstance(v, int) or v <= a,
    "minItems": lambda v, a, s, r: not isinstance(v, list) or len(v) >= a,
    "minProperties": lambda v, a, s, r: not isinstance(v, dict) or len(v) >= a,
    "required": lambda v, a, s, r: not isinstance(v, dict) or set(a) <= set(v),
    "items": lambda v, a, s, r: each(v, a, r),
    "properties": properties,
    "propertyNames": lambda v, a, s, r: each(list(v), a, r) if isinstance(v, dict) else True,
    "additionalProperties": lambda v, a, s, r: additional(v, a, s, r) if isinstance(v, dict) else True,
    "anyOf": lambda v, a, s, r: any(check(v, one, r) for one in a),
    "oneOf": lambda v, a, s, r: sum(check(v, one, r) for one in a) == 1,
}


def is_policy(value: Any) -> bool:
    return check(value, policy_schema(), policy_schema())


def is_expectation(value: Any) -> bool:
    return check(value, expectation_schema(), expectation_schema())


def yaml_of(path: Path) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


GOOD = [
    (ROOT / "policies" / "demo.yaml").read_text(),
    (ROOT / "policies" / "demo.test.yaml").read_text(),
    *yaml_of(ROOT / "docs" / "policy.md"),
    *yaml_of(ROOT / "docs" / "reference" / "policy-language.md"),
]


@pytest.mark.parametrize("text", GOOD)
def test_the_files_of_this_project_pass(text: str) -> None:
    plain = to_plain(load(text, "f"))
    assert is_expectation(plain) if "cases" in plain else is_policy(plain)


@given(st.integers(0, 2**32))
def test_generated_policies_pass(seed: int) -> None:
    rng = random.Random(seed)
    text = generate.to_text(generate.document(rng), generate.groups(rng))
    parse_policy(text, "f")
    assert is_policy(json.loads(text))


@pytest.mark.parametrize("member", ["alice", "user:a:b", "service-account:system:ci", "group:x", "a*", "user:", ":a"])
def test_members_pass_if_the_loader_takes_them(member: str) -> None:
    plain = {"version": 1, "groups": {"g": [member]}}
    try:
        parse_policy(json.dumps(plain), "f")
    except LoadError:
        assert not is_policy(plain)
    else:
        assert is_policy(plain)


RULE: dict[str, Any] = {"id": "r", "allow": ["pull"], "principals": ["anyone"], "resources": ["repository:a"]}
BAD_RULES: list[dict[str, Any]] = [
    {"id": None}, {"id": "A"}, {"id": "a" * 65}, {"id": "a-"}, {"id": 7}, {"allow": None}, {"allow": []},
    {"allow": "pull"},
    {"allow": ["Pull"]}, {"allow": ["p*"]}, {"deny": ["push"]}, {"principals": None}, {"principals": []},
    {"principals": ["alice"]}, {"principals": ["user:"]}, {"principals": ["anyone:x"]}, {"except": []},
    {"except": ["x"]},
    {"resources": None}, {"resources": []}, {"resources": ["team/app"]}, {"resources": ["repository:"]},
    {"resources": ["repository(plugin):a"]}, {"when": {}}, {"when": {"label": {}}}, {"when": {"labels": {}}},
    {"when": {"labels": {"a": True}}}, {"when": {"labels": {"a": []}}}, {"when": {"labels": {"a b": "c"}}},
    {"when": {"service": "s"}}, {"when": {"service": []}}, {"when": {"source_ip": []}},
    {"when": {"after": "2027-01-01"}},
    {"when": {"before": "2027-01-02T00:00:00"}}, {"lifetime": 59}, {"lifetime": 86401}, {"lifetime": "900"},
    {"allow": None, "deny": ["pull"], "lifetime": 900}, {"allow": None, "deny": ["pull"], "tags": {"push": ["v1"]}},
    {"allow": None, "deny": ["*"], "resources": ["registry:catalog"], "filter": "pull"}, {"tags": {"pull": ["v1"]}},
    {"tags": {"push": ["v/1"]}}, {"filter": "push"}, {"mode": "dry"}, {"lint": {}}, {"lint": {"x": "y"}},
    {"lint": {"redundant": " "}}, {"extra": 1},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD_RULES, ids=str)
def test_a_bad_rule_fails_here_and_there(changes: dict[str, Any]) -> None:
    rule = {key: value for key, value in (RULE | changes).items() if value is not None}
    whole = {"version": 1, "rules": [rule]}
    assert not is_policy(whole)
    with pytest.raises(LoadError):
        parse_policy(json.dumps(whole), "f")
    assert is_policy({"version": 1, "rules": [RULE]})


CASE: dict[str, Any] = {"principal": "user:a", "request": ["repository:a:pull"], "expect": []}
BAD_EXPECTATIONS: list[dict[str, Any]] = [
    {"version": 2}, {"version": "1"}, {"cases": []}, {"cases": {}}, {"extra": 1}, {"defaults": {"who": "x"}},
    {"defaults": {"now": "today"}}, {"principals": {"alice": {}}}, {"principals": {"user:a": {"group": []}}},
    {"cases": [CASE | {"principal": "alice"}]}, {"cases": [CASE | {"request": ["a"]}]},
    {"cases": [CASE | {"expect": "x"}]},
    {"cases": [CASE | {"lifetime": "9"}]}, {"cases": [CASE | {"groups": "x"}]}, {"cases": [CASE | {"actual": []}]},
    {"cases": [{key: value for key, value in CASE.items() if key != "expect"}]}, {"cases": [CASE | {"rules": "x"}]},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD_EXPECTATIONS, ids=str)
def test_a_bad_expectation_fails_here_and_there(changes: dict[str, Any]) -> None:
    whole = {"version": 1, "cases": [CASE]} | copy.deepcopy(changes)
    assert not is_expectation(whole)
    with pytest.raises(LoadError):
        parse_expectations(json.dumps(whole), "f")
    assert is_expectation({"version": 1, "cases": [CASE]})


def test_a_version_is_required() -> None:
    assert not is_policy({"rules": []})
    assert not is_policy({"version": True})
    assert not is_expectation({"cases": [CASE]})


def test_a_file_of_expectations_holds_some() -> None:
    assert not is_expectation({"version": 1})


@pytest.mark.parametrize(
    ("make", "title"), [(policy_schema, "policy"), (expectation_schema, "expectations of a policy")]
)
def test_a_schema_is_json_and_says_which(make: Callable[[], dict[str, Any]], title: str) -> None:
    schema = make()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == title
