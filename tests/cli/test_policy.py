"""`token-service policy …` on files: what it prints and how it exits."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from token_service.accounts.passwords import hash_password
from token_service.cli.policy import app
from token_service.errors import LoadError

POLICY = """\
version: 1
rules:
  - id: team
    allow: [pull, push]
    principals: ["group:dev"]
    resources: ["repository:team/**"]
  - id: protected
    allow: [pull, push]
    principals: ["workload:gitlab/**"]
    resources: ["repository:{label.project_path}/**"]
    when: {labels: {ref_protected: "true"}}
"""
EXPECTATIONS = """\
version: 1
cases:
  - name: developers push
    principal: "user:alice"
    groups: [dev]
    request: ["repository:team/app:pull,push"]
    expect: ["repository:team/app:pull,push"]
"""
run = CliRunner().invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.yaml").write_text(POLICY)
    (tmp_path / "main.test.yaml").write_text(EXPECTATIONS)
    return tmp_path


def test_check_says_what_loads_and_holds(folder: Path) -> None:
    done = run(app, ["check", str(folder)])
    assert done.exit_code == 0
    assert "2 rules load" in done.output
    assert "1 of 1 expectations hold" in done.output


def test_check_and_test_fail_with_the_difference(folder: Path) -> None:
    (folder / "main.test.yaml").write_text(
        EXPECTATIONS.replace('app:pull,push"]\n    expect', 'app:pull"]\n    expect')
    )
    for verb in ("check", "test"):
        done = run(app, [verb, str(folder)])
        assert done.exit_code == 1
        assert "  - repository:team/app:push" in done.output
        assert f"{folder}/main.test.yaml:3: developers push" in done.output


def test_test_needs_expectations(folder: Path) -> None:
    (folder / "main.test.yaml").unlink()
    done = run(app, ["test", str(folder)])
    assert isinstance(done.exception, LoadError)
    assert "holds no expectations" in str(done.exception)


def test_test_writes_junit_and_json(folder: Path, tmp_path: Path) -> None:
    done = run(app, ["test", str(folder), "--json", "--junit", str(tmp_path / "out.xml")])
    assert done.exit_code == 0
    assert json.loads(done.output)[0]["passed"] is True
    assert 'tests="1" failures="0"' in (tmp_path / "out.xml").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["user:a", "repository:team/x:pull,push", "--group", "dev"], 0, "by team"),
        (["user:a", "repository:team/x:pull", "repository:b/c:pull", "--group", "dev"], 3, "outcome: partly"),
        (["anonymous", "repository:team/x:pull"], 4, "no rule allows it"),
        (["workload:gitlab/1", "repository:p/x:push", "--label", "project_path=p", "--label", "ref_protected=false"],
         4, "protected"),
        (["workload:gitlab/1", "repository:p/x:push", "--label", "project_path=p", "--label", "ref_protected=true"],
         0, "by protected"),
    ],
)  # fmt: skip
def test_explain_exits_with_the_outcome(folder: Path, arguments: list[str], status: int, words: str) -> None:
    done = run(app, ["explain", *arguments, "--policies", str(folder)])
    assert done.exit_code == status
    assert words in done.output


def test_explain_takes_a_ci_tokens_claims_as_labels(folder: Path, tmp_path: Path) -> None:
    claims = tmp_path / "claims.json"
    claims.write_text(json.dumps({"project_path": "p", "ref_protected": True, "nested": {"a": 1}, "exp": 1}))
    arguments = ["workload:gitlab/1", "repository:p/x:push", "--claims", str(claims), "--policies", str(folder)]
    done = run(app, ["explain", *arguments, "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["outcome"] == "granted"


def test_explain_takes_groups_from_the_configured_authenticators(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "users.yaml").write_text(
        f"users:\n  alice: {{groups: [dev], password_hash: '{hash_password('x')}'}}\n"
    )
    (tmp_path / "token-service.yaml").write_text(
        "issuer: http://localhost\nservices: [{name: r}]\nauthenticators: [{kind: users, file: users.yaml}]\n"
    )
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/main.yaml").write_text(POLICY)
    shared = ["--policies", str(tmp_path / "policies"), "--config", str(tmp_path / "token-service.yaml")]
    assert run(app, ["explain", "user:alice", "repository:team/x:push", *shared]).exit_code == 0
    unknown = run(app, ["explain", "user:bob", "repository:team/x:push", *shared])
    assert "user:bob: is not an account" in str(unknown.exception)


@pytest.mark.parametrize("closed", ["disabled: true", "expires: '2026-01-01T00:00:00Z'"])
def test_a_closed_account_is_explained_with_a_word_that_it_is_closed(tmp_path: Path, closed: str) -> None:
    (tmp_path / "users.yaml").write_text(
        f"users:\n  alice: {{groups: [dev], password_hash: '{hash_password('x')}', {closed}}}\n"
    )
    (tmp_path / "token-service.yaml").write_text(
        "issuer: http://localhost\nservices: [{name: r}]\nauthenticators: [{kind: users, file: users.yaml}]\n"
    )
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/main.yaml").write_text(POLICY)
    shared = ["--policies", str(tmp_path / "policies"), "--config", str(tmp_path / "token-service.yaml")]
    done = run(app, ["explain", "user:alice", "repository:team/x:push", "--json", *shared])
    assert done.exit_code == 0
    assert done.stderr == "user:alice cannot log in: the account is disabled or has expired\n"
    assert json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["alice", "repository:a/b:pull"], "has no kind"),
        (["user:a", "junk"], "is not a scope"),
        (["user:a", "repository:a/b:pull", "--label", "x"], "is not NAME=VALUE"),
        (["user:a", "repository:a/b:pull", "--claims", "/nonexistent"], "cannot be read"),
    ],
)
def test_explain_names_what_is_wrong_with_its_arguments(folder: Path, arguments: list[str], problem: str) -> None:
    done = run(app, ["explain", *arguments, "--policies", str(folder)])
    assert isinstance(done.exception, LoadError)
    assert problem in str(done.exception)


def test_lint_fails_on_what_no_rule_allows_and_names_rule_and_place(folder: Path) -> None:
    (folder / "extra.yaml").write_text(
        "version: 1\nrules:\n"
        "  - {id: half, allow: [push], principals: ['user:bob'], resources: ['repository:half/**']}\n"
    )
    done = run(app, ["lint", str(folder)])
    assert done.exit_code == 1
    assert f"{folder}/extra.yaml:3: push-without-pull: rule `half`" in done.output
    plain = json.loads(run(app, ["lint", str(folder), "--json"]).output)
    assert [finding["id"] for finding in plain] == ["push-without-pull"]


def test_lint_knows_users_and_groups_from_the_configuration(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "users.yaml").write_text(
        f"users:\n  alice: {{groups: [ops], password_hash: '{hash_password('x')}'}}\n"
    )
    config = tmp_path / "token-service.yaml"
    config.write_text(
        "issuer: http://localhost\nservices: [{name: r}]\nauthenticators: [{kind: users, file: users.yaml}]\n"
    )
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "main.yaml").write_text(POLICY)
    assert run(app, ["lint", str(policies)]).exit_code == 0
    done = run(app, ["lint", str(policies), "--config", str(config)])
    assert "unknown-group: rule `team`" in done.output


def test_coverage_names_what_no_expectation_exercises_and_fails_below_a_minimum(folder: Path) -> None:
    done = run(app, ["coverage", str(folder)])
    assert done.exit_code == 0
    assert "rule `protected`" in done.output
    assert run(app, ["coverage", str(folder), "--min", "100"]).exit_code == 1
    plain = json.loads(run(app, ["coverage", str(folder), "--json"]).output)
    assert 0 < plain["percent"] < 100
    assert run(app, ["check", str(folder), "--min-coverage", "100"]).exit_code == 1


def test_check_fails_on_a_finding(folder: Path) -> None:
    (folder / "extra.yaml").write_text(
        "version: 1\nrules:\n"
        "  - {id: half, allow: [push], principals: ['user:bob'], resources: ['repository:half/**']}\n"
    )
    done = run(app, ["check", str(folder)])
    assert done.exit_code == 1
    assert "push-without-pull" in done.output


@pytest.mark.parametrize("kind", ["policy", "expectations"])
def test_schema_prints_json(kind: str) -> None:
    assert "$schema" in json.loads(run(app, ["schema", kind]).output)
