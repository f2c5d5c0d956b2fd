"""Run the command as a user does, in this process: what it prints, and how it exits."""

import io
import sys
from dataclasses import dataclass

import pytest

from token_service.cli.main import main


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


class Command:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object, stdin: str = "") -> Done:
        self._monkeypatch.setattr(sys, "argv", ["token-service", *map(str, arguments)])
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 0
        written = self._capsys.readouterr()
        return Done(status, written.out, written.err)

    def fails(self, *arguments: object, stdin: str = "") -> str:
        """The one line on standard error of a command that must fail; nothing else was printed."""
        done = self(*arguments, stdin=stdin)
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith("token-service: ")
        assert done.err.count("\n") == 1
        return done.err.removeprefix("token-service: ").rstrip("\n")
