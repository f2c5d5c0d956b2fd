"""`token-service policy can|who-can|diff` on files, git revisions and audit logs."""

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from token_service.cli.policy import app
from token_service.errors import LoadError

OLD = """\
version: 1
rules:
  - {id: own, allow: [pull, push], principals: ["user:*"], resources: ["repository:{principal}/**"]}
  - {id: team, allow: [pull], principals: ["group:dev"], resources: ["repository:team/**"]}
  - {id: frozen, deny: [push], principals: [anyone], resources: ["repository:*/frozen/**"]}
"""
NEW = OLD.replace("allow: [pull], principals", "allow: [pull, push], principals")
run = CliRunner().invoke


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    for name, text in (("old", OLD), ("new", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.yaml").write_text(text)
    return str(tmp_path / "old"), str(tmp_path / "new")


def test_can_lists_what_a_principal_may_do_and_what_is_taken_out_of_it(folders: tuple[str, str]) -> None:
    done = run(app, ["can", "user:alice", "--group", "dev", "--policies", folders[1]])
    assert done.exit_code == 0
    assert "push on\n  repository:alice/**  (own," in done.output
    assert "but not repository:*/frozen/**  (frozen," in done.output
    plain = json.loads(run(app, ["can", "user:alice", "--json", "--policies", folders[1]]).output)
    assert {reach["action"] for reach in plain} == {"pull", "push"}
    assert json.loads(run(app, ["can", "anonymous", "--json", "--policies", folders[1]]).output) == []


def test_who_can_lists_whom_a_rule_lets(folders: tuple[str, str]) -> None:
    done = run(app, ["who-can", "push", "repository:team/app", "--policies", folders[1]])
    assert "user:* called team  (own," in done.output
    assert "group:dev  (team," in done.output
    plain = json.loads(
        run(app, ["who-can", "pull", "repository:x/frozen/a", "--json", "--policies", folders[1]]).output
    )
    assert [claim["rule"] for claim in plain["grants"]] == ["own"]


def test_diff_of_folders_names_what_is_gained_and_lost(folders: tuple[str, str]) -> None:
    old, new = folders
    done = run(app, ["diff", old, new])
    assert done.exit_code == 1
    assert done.output.startswith("gained: push on repository:team/** for group:dev, as ")
    back = json.loads(run(app, ["diff", new, old, "--json"]).output)
    assert {(one["change"], one["action"], one["rule"]) for one in back} == {("lost", "push", "team")}
    same = run(app, ["diff", old, old])
    assert (same.exit_code, same.output) == (0, "no access is gained or lost\n")


def test_diff_reads_git_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/main.yaml").write_text(OLD)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "old")
    (tmp_path / "policies/main.yaml").write_text(NEW)
    monkeypatch.chdir(tmp_path)
    done = run(app, ["diff", "HEAD:policies"])
    assert done.exit_code == 1
    assert "gained: push on repository:team/**" in done.output
    for wrong, problem in (("HEAD:nowhere", "git says"), ("--output=x:policies", "git says"), ("nowhere", "neither")):
        assert problem in str(run(app, ["diff", "--", wrong]).exception)


def test_diff_replays_an_audit_log(folders: tuple[str, str], tmp_path: Path) -> None:
    event = {
        "event": "token", "outcome": "issued", "time": 1, "subject": "alice", "kind": "user", "groups": ["dev"],
        "labels": {}, "service": "r", "source_ip": None, "requested": ["repository:team/app:pull,push"],
    }  # fmt: skip
    log = tmp_path / "audit.log"
    log.write_text(
        "".join(json.dumps(line) + "\n" for line in (event, {**event, "outcome": "refused"}, {"event": "x"}))
    )
    done = run(app, ["diff", *folders, "--log", str(log)])
    assert done.exit_code == 1
    assert done.output == "user:alice at 1: gained ['repository:team/app:push'], lost []\n"
    log.write_text("{}\nnot json\n")
    broken = run(app, ["diff", *folders, "--log", str(log)])
    assert isinstance(broken.exception, LoadError)
    assert broken.exception.place == f"{log}:2"
