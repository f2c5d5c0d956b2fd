"""Run a Python program that fails or dies at its Nth call of a system call, by strace."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CALLS = ("write", "fsync", "/^rename")
"""The calls by which content reaches the disk and takes its place."""

KILLED = 128 + 9
_MAX_POINTS = 100


def has_strace() -> bool:
    """Whether strace is here and may trace (containers often forbid it)."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def walk(program: str, folder: Path, call: str, fault: str) -> Iterator[int]:
    """Run `program`, whose `sys.argv[1]` is `folder`, again and again: the first run meets `fault` at its first
    `call`, the second at its second. Yields each run's exit status; ends with the run that was over before that.

    The caller puts the folder back into its first state before it asks for the next run.
    """
    for number in range(1, _MAX_POINTS):
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}"]
        log = folder.parent / "strace.log"
        run = subprocess.run(
            ["strace", "-f", "-o", str(log), *inject, sys.executable, "-c", program, str(folder)],
            capture_output=True,
            check=False,
            timeout=60,
        )
        if run.returncode == 0:
            return
        # strace dies of the signal that its child died of.
        yield KILLED if run.returncode == -9 else run.returncode
    raise AssertionError(f"the program did not come to its end in {_MAX_POINTS} runs")
