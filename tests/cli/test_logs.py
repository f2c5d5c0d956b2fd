"""The operational log: JSON where nobody watches, readable on a terminal, and no local variable in either.

The default of the logging library shows the locals of each frame of a traceback, and ours hold passwords.
"""

import contextlib
import json
import os
import pty
import subprocess
import sys

import pytest

SECRET = "hunter2-secret"
PROGRAM = """
import logging, sys
import structlog
from token_service.cli.logs import configure_logs

configure_logs(quiet=sys.argv[1] == "quiet")

def check(password):
    raise RuntimeError("it broke")

for log in (structlog.get_logger(), logging.getLogger("uvicorn.error")):
    log.info("quite usual")
    log.warning("rather odd")
    try:
        check("hunter2" + "-secret")
    except RuntimeError:
        log.exception("something failed")
structlog.get_logger().warning("a name\\nwith \\x1b[31m in it", name="a\\r\\nb\\x1b[2J")
"""


def to_a_pipe(mode: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == ""
    return run.stderr


def to_a_terminal() -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, "all"], stderr=theirs)
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # which is how the end of the other side shows
        while chunk := os.read(ours, 65536):
            written += chunk
    os.close(ours)
    assert process.wait(60) == 0
    return written.decode()


@pytest.mark.parametrize("mode", ["all", "quiet"])
def test_each_event_is_one_line_of_json_with_time_and_level(mode: str) -> None:
    events = [json.loads(line) for line in to_a_pipe(mode).splitlines()]
    levels = [event["level"] for event in events]
    assert levels == (["info", "warning", "error"] * 2 if mode == "all" else ["warning", "error"] * 2) + ["warning"]
    assert all(event["timestamp"].endswith("Z") for event in events)
    failures = [event for event in events if event["level"] == "error"]
    assert all("RuntimeError: it broke" in event["exception"] for event in failures)
    assert events[-1]["name"] == "a\r\nb\x1b[2J"
    assert "\x1b" not in to_a_pipe(mode)


def test_no_local_variable_is_shown_in_either_form() -> None:
    for written in (to_a_pipe("all"), to_a_terminal()):
        assert written.count("it broke") >= 2
        assert SECRET not in written
