"""`serve`, `config check` and `hash-password`: what works, what is one line, and what a running service logs."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Command
from tests.server.house import ALICE, BOB, MARK, POLICY, USERS
from token_service.accounts.passwords import matches
from token_service.clock import system_clock
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm

PATIENCE_SECONDS = 30


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that works, with everything it names."""
    keyfiles.generate(tmp_path / "keys", Algorithm.ES256, system_clock())
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "main.yaml").write_text(POLICY)
    (tmp_path / "users.yaml").write_text(USERS)
    path = tmp_path / "token-service.yaml"
    path.write_text(
        "issuer: http://localhost:5001\nservices: [{name: registry.example.com}]\nlisten: {port: 0}\n"
        "authenticators: [{kind: users, file: users.yaml}]\naudit: audit.log\n"
    )
    return path


# --- config check ----------------------------------------------------------------------------------------------


def test_a_configuration_that_works_is_ok(command: Command, config: Path) -> None:
    done = command("config", "check", "--config", config)
    assert (done.status, done.out, done.err) == (0, f"{config}: ok\n", "")


def test_a_check_leaves_nothing_behind(command: Command, config: Path) -> None:
    """Root may check what another user is to run, and a log of root's could not be opened by them."""
    before = sorted(config.parent.rglob("*"))
    assert command("config", "check", "--config", config).status == 0
    assert sorted(config.parent.rglob("*")) == before
    config.write_text(config.read_text().replace("audit: audit.log", "audit: nowhere/audit.log"))
    assert "nowhere/audit.log: cannot be opened" in command.fails("config", "check", "--config", config)


def test_whatever_is_wrong_with_a_named_file_is_one_line(command: Command, config: Path) -> None:
    folder = config.parent
    check = ("config", "check", "--config", config)

    users = folder / "users.yaml"
    users.write_text("users: {alice: {password_hash: hunter2-secret}}\n")
    assert command.fails(*check).startswith(f"{users}:1: this is not a bcrypt")
    users.unlink()
    assert command.fails(*check) == (
        f"{users}: cannot be read: No such file or directory (name an existing file in `authenticators`)"
    )
    users.write_text(USERS)

    policy = folder / "policies" / "main.yaml"
    policy.write_text("version: 1\nrules:\n  - {id: x, alow: [pull]}\n")
    assert command.fails(*check).startswith(f"{policy}:3: ")
    policy.unlink()
    assert "holds no policy files" in command.fails(*check)
    policy.write_text(POLICY)

    (folder / "keys" / "ca.pem").rename(folder / "keys" / "ca.old")
    assert command.fails(*check).startswith(f"{folder}/keys/ca.pem: cannot be read")
    (folder / "keys" / "ca.old").rename(folder / "keys" / "ca.pem")

    config.write_text(config.read_text() + "audit_log: x\n")
    assert command.fails(*check).startswith(f"{config}:6: `audit_log` is not a setting")


def test_a_zot_without_its_key_is_found_before_anyone_asks(command: Command, config: Path) -> None:
    config.write_text(config.read_text().replace("registry.example.com}", "zot.example.com, profile: zot}"))
    said = command.fails("config", "check", "--config", config)
    assert "there is no key for the zot `zot.example.com` (run `token-service keys generate --service" in said


# --- hash-password ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["hunter2\n", "hunter2", "pass word: \u20ac\n"])
def test_a_hash_fits_the_line_that_was_read(command: Command, line: str) -> None:
    done = command("hash-password", stdin=line)
    assert done.status == 0
    assert matches(line.rstrip("\n"), done.out.strip())


@pytest.mark.parametrize("line", ["", "\n", "a\0b\n", "x" * 4097])
def test_a_password_that_could_not_be_used_is_one_line(command: Command, line: str) -> None:
    assert command.fails("hash-password", stdin=line) == ("hash-password: a password has 1 to 4096 bytes and no NUL")


# --- the whole command line ------------------------------------------------------------------------------------


def test_help_and_version_answer_quickly_with_the_verbs(command: Command) -> None:
    shown = command("--help").out
    assert all(verb in shown for verb in ("serve", "demo", "keys", "policy", "config", "registry-config"))
    assert command("--version").out.strip().count(".") == 2
    assert command("no-such-verb").status == 2


# --- serve -----------------------------------------------------------------------------------------------------

BREAKABLE = """
import sys
from token_service.authn import hashing
from token_service.cli.main import main

compare = hashing.matches

def matches(password, stored):
    if password.endswith("-break"):
        raise RuntimeError("the comparison broke")
    return compare(password, stored)

hashing.matches = matches
sys.argv = ["token-service", "serve", "--config", sys.argv[1]]
main()
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(config: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    port = free_port()
    config.write_text(config.read_text().replace("port: 0", f"port: {port}"))
    process = subprocess.Popen(
        [sys.executable, "-c", BREAKABLE, str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TOKEN_SERVICE_TOKEN__LIFETIME": "120"},
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


def wait_for(port: int, process: "subprocess.Popen[str]") -> None:
    """Until it answers. Each attempt waits for the program's end, so no time is lost and none is waited in vain."""
    for _ in range(PATIENCE_SECONDS * 20):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise AssertionError(f"it ended: {process.communicate()[0]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise AssertionError("it does not answer")


def ask(url: str, name: str, secret: str) -> tuple[int, bytes]:
    credentials = b64encode(f"{name}:{secret}".encode()).decode()
    request = urllib.request.Request(f"{url}/token", headers={"Authorization": f"Basic {credentials}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_running_service_answers_logs_no_secret_even_when_it_breaks_and_ends_when_told(config: Path) -> None:
    with running(config) as (url, process):
        status, body = ask(url, "alice", ALICE)
        assert (status, json.loads(body)["expires_in"]) == (200, 120)
        answers = [
            ask(url, "alice", f"{MARK}-wrong"),
            ask(url, "nobody", BOB),
            ask(url, "alice", f"{MARK}-break"),
            ask(url, "bob", f"{MARK}-break"),
        ]
        assert [status for status, _ in answers] == [401, 401, 500, 500]
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert log.count("RuntimeError: the comparison broke") == 2  # the log says why
    token = json.loads(body)["token"]
    everything = log + (config.parent / "audit.log").read_text() + repr([body for _, body in answers])
    for secret in (MARK, token, *token.split("."), b64encode(f"alice:{ALICE}".encode()).decode()):
        assert secret not in everything
    for line in log.splitlines():
        json.loads(line)  # one JSON object an event, tracebacks and all


def test_a_port_in_use_is_one_line_that_names_the_setting(command: Command, config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config.write_text(config.read_text().replace("port: 0", f"port: {port}"))
        run = subprocess.run(
            [sys.executable, "-m", "token_service", "serve", "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert run.returncode == 1
    problem = f"port {port} on 127.0.0.1: is in use by another program (choose another one with listen.port)"
    assert run.stderr == f"token-service: {problem}\n"
