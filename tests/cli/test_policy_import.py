"""`token-service policy import docker-auth`: the files it writes, and when it writes none."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from token_service.accounts.users_file import parse_users
from token_service.cli.policy_import import app
from token_service.errors import LoadError
from token_service.policy.file import load_policy

HASH = "$2y$05$" + "." * 53
CONFIG = f"""\
server: {{addr: ":5001"}}
token: {{issuer: auth, expiration: 900}}
users:
  alice: {{password: "{HASH}", labels: {{group: [team]}}}}
  "": {{}}
acl:
  - match: {{account: "/.+/", name: "${{account}}/*"}}
    actions: ["*"]
    comment: people own their namespace
  - match: {{name: "public/*"}}
    actions: [pull]
"""
UNREADABLE = """\
  - match: {team: web}
    actions: [pull, push]
"""
run = CliRunner().invoke


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "auth_config.yml"
    path.write_text(CONFIG)
    return path


def test_writes_users_policy_and_report(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    done = run(app, ["docker-auth", str(source), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        "REPORT.md",
        "policies/docker-auth.yaml",
        "users.yaml",
    ]
    assert [rule.id for rule in load_policy(out / "policies").rules] == ["acl-1", "acl-2"]
    assert parse_users((out / "users.yaml").read_bytes(), "users.yaml")["alice"].labels == {"group": ("team",)}
    assert (out / "users.yaml").stat().st_mode & 0o777 == 0o600
    assert (out / "REPORT.md").read_text() in done.output
    assert "Nothing. The rules grant what docker_auth grants." in done.output
    assert HASH not in done.output


def test_writes_nothing_where_something_is_not_exact(source: Path, tmp_path: Path) -> None:
    source.write_text(CONFIG + UNREADABLE)
    out = tmp_path / "imported"
    done = run(app, ["docker-auth", str(source), "--out", str(out)])
    assert isinstance(done.exception, LoadError)
    assert "cannot be imported exactly (problems: 1)" in str(done.exception)
    assert "auth_config.yml:12: entry 3: `match` has no key `team`" in done.output
    assert not out.exists()


def test_allow_partial_leaves_out_what_it_must(source: Path, tmp_path: Path) -> None:
    source.write_text(CONFIG + UNREADABLE)
    out = tmp_path / "imported"
    done = run(app, ["docker-auth", str(source), "--out", str(out), "--allow-partial"])
    assert done.exit_code == 0, done.output
    assert [rule.id for rule in load_policy(out / "policies").rules] == ["acl-1", "acl-2"]
    assert "entry 3: `match` has no key `team`" in (out / "REPORT.md").read_text()


def test_never_overwrites(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "imported"
    out.mkdir()
    assert run(app, ["docker-auth", str(source), "--out", str(out)]).exit_code == 0
    before = (out / "users.yaml").read_bytes()
    done = run(app, ["docker-auth", str(source), "--out", str(out)])
    assert "is there already and not empty" in str(done.exception)
    assert (out / "users.yaml").read_bytes() == before
    assert "not empty" in str(run(app, ["docker-auth", str(source), "--out", str(source)]).exception)


def test_users_that_could_not_log_in_here_are_problems(source: Path, tmp_path: Path) -> None:
    source.write_text(CONFIG.replace("alice: {", 'bob: {password: "plain"}\n  "a:b": {').replace("$2y$05", "$2y$16"))
    done = run(app, ["docker-auth", str(source), "--out", str(tmp_path / "imported")])
    assert "user `bob` is not imported: this is not a bcrypt" in done.output
    assert "user `a:b` is not imported: the name holds a colon" in done.output
    assert "plain" not in done.output


@pytest.mark.parametrize("content", [None, b"\xff", b"- a"])
def test_files_that_are_none(content: bytes | None, tmp_path: Path) -> None:
    source = tmp_path / "auth_config.yml"
    if content is not None:
        source.write_bytes(content)
    done = run(app, ["docker-auth", str(source), "--out", str(tmp_path / "imported")])
    assert isinstance(done.exception, LoadError)
    assert str(source) in str(done.exception)


def test_a_folder_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(app, ["docker-auth", str(source), "--out", str(tmp_path / "file" / "imported")])
    assert isinstance(done.exception, LoadError)
    assert "--out" in str(done.exception)
