"""`token-service demo` as a newcomer runs it: the round trip, the greeting, and one line for what is in the way."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from token_service.cli.client import Client, Refused, image

COMMAND = [sys.executable, "-m", "token_service", "demo"]
POLICIES = Path(__file__).parents[2] / "policies"


def run(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def test_the_check_goes_round_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run("--check", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok    ") == 9
    assert "FAIL" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_check_fails_where_policies_let_a_stranger_in(tmp_path: Path) -> None:
    (tmp_path / "open.yaml").write_text(
        "version: 1\nrules:\n"
        "  - {id: open, allow: [pull, push], principals: [anyone], resources: ['repository:**']}\n"
    )
    done = run("--check", "--policies", ".", folder=tmp_path)
    assert done.returncode == 1
    assert "FAIL  bob is refused to push alice/hello:2: it was allowed" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A running demo: the address of its registry, and what it printed."""
    port, registry_port = free_port(), free_port()
    process = subprocess.Popen(
        [*COMMAND, "--port", str(port), "--registry-port", str(registry_port), "--policies", str(POLICIES)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    printed = ""
    try:
        for line in process.stdout:
            printed += line
            if '"outcome":"issued"' in line and "push" in line:
                break
        yield f"http://localhost:{registry_port}", printed
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_greeting_names_users_whose_passwords_work(demo: tuple[str, str]) -> None:
    registry, printed = demo
    passwords = dict(re.findall(r"^(alice|bob|ci) +(\S+)  ", printed, re.MULTILINE))
    assert passwords.keys() == {"alice", "bob", "ci"}
    for name, password in passwords.items():
        Client(registry, name, password).login()
    Client(registry, "alice", passwords["alice"]).push("alice/own", "1", image("mine"))
    with pytest.raises(Refused):
        Client(registry, "bob", passwords["bob"]).pull("alice/own", "1")


def test_a_busy_port_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        done = run("--port", port, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"token-service: port {port} on localhost: is in use by another program (choose another one with --port)"
    ]


def test_a_broken_policy_is_one_line_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\nrules:\n  - {id: x, alow: [pull]}\n")
    done = run("--check", "--policies", ".", folder=tmp_path)
    assert done.returncode == 1
    assert "bad.yaml:3" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = run("--keys", str(blocked / "keys"), "--port", str(free_port()), "--registry-port", str(free_port()),
               "--policies", str(POLICIES), folder=tmp_path)  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"token-service: {blocked}/keys: cannot be made: Not a directory")
