"""`command("keys", "list")`: the command line, run in this process."""

import pytest

from tests.cli.running import Command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)
