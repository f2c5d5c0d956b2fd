"""The audit log: one whole ASCII line for each event, whatever is in it and whoever writes beside it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.audit import AuditFile, check_file, discard
from token_service.errors import LoadError


def lines(path: Path) -> list[object]:
    content = path.read_bytes()
    assert content.endswith(b"\n")
    return [json.loads(line) for line in content[:-1].split(b"\n")]


def test_events_are_appended_one_to_a_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text('{"old":1}\n')
    audit = AuditFile(str(path))
    audit({"event": "token", "rules": ["a", "b"], "source_ip": None, "lifetime": 300})
    audit({"event": "token"})
    audit.close()
    assert lines(path) == [
        {"old": 1},
        {"event": "token", "rules": ["a", "b"], "source_ip": None, "lifetime": 300},
        {"event": "token"},
    ]
    assert audit.dropped == 0


def test_a_new_log_is_not_for_everybody(tmp_path: Path) -> None:
    AuditFile(str(tmp_path / "audit.log")).close()
    assert stat.S_IMODE((tmp_path / "audit.log").stat().st_mode) & 0o027 == 0


@given(
    st.dictionaries(
        st.text(max_size=10), st.text(st.characters(), max_size=50) | st.lists(st.text(max_size=20)), max_size=4
    )
)
def test_no_text_breaks_a_line_or_reaches_a_terminal(event: dict[str, object]) -> None:
    read, write = os.pipe()
    audit = AuditFile(f"/dev/fd/{write}")
    try:
        audit(event)
        line = os.read(read, 65536)
    finally:
        audit.close()
        os.close(write)
        os.close(read)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line[-1:] == b"\n"
    assert all(byte >= 0x20 for byte in line[:-1])
    assert json.loads(line) == event


def test_many_processes_on_one_file_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    program = (
        "import sys; from token_service.audit import AuditFile; audit = AuditFile(sys.argv[1]); sys.stdin.read();"
        "[audit({'who': sys.argv[2], 'number': n, 'padding': 'x' * 3000}) for n in range(200)]"
    )
    command = [sys.executable, "-c", program, str(path)]
    writers = [subprocess.Popen([*command, str(who)], stdin=subprocess.PIPE) for who in range(3)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    found = [(event["who"], event["number"]) for event in lines(path) if isinstance(event, dict)]
    assert sorted(found) == sorted((str(who), number) for who in range(3) for number in range(200))


FULL_DISK = """
import resource, sys
from token_service.audit import AuditFile
audit = AuditFile(sys.argv[1])
audit({"n": 1})
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
audit({"n": 2, "cut": "x" * 50})
audit({"n": 3})
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
audit({"n": 4})
audit({"n": 5})
print(audit.dropped)
"""


def test_a_full_disk_drops_events_counts_them_and_spoils_no_later_one(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the second line is cut, the third does not fit at all."""
    path = tmp_path / "audit.log"
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, timeout=60, check=True)
    written = path.read_bytes().split(b"\n")
    assert written == [b'{"n":1}', b'{"n":2,"cut"', b'{"n":4}', b'{"n":5}', b""]
    assert run.stdout == b"2\n"


def test_a_dash_is_standard_output(tmp_path: Path) -> None:
    program = "from token_service.audit import AuditFile; AuditFile('-')({'event': 'x'})"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert run.stdout == b'{"event":"x"}\n'


@pytest.mark.parametrize("path", ["nowhere/audit.log", "."])
def test_a_log_that_cannot_be_opened_is_refused_at_start(tmp_path: Path, path: str) -> None:
    with pytest.raises(LoadError, match=r"audit: .*cannot be opened: .*standard output"):
        AuditFile(str(tmp_path / path))


def test_who_wants_no_log_discards() -> None:
    discard({"event": "x"})


def test_a_check_opens_and_makes_nothing(tmp_path: Path) -> None:
    new, old = tmp_path / "new.log", tmp_path / "old.log"
    old.write_text("{}\n")
    for path in ("-", str(new), str(old), "/dev/null"):
        check_file(path)
    assert not new.exists()
    assert old.read_text() == "{}\n"


@pytest.mark.parametrize("path", ["missing/audit.log", "file/audit.log", "."])
def test_a_check_says_what_the_service_would_say(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    messages = []
    for attempt in (check_file, AuditFile):
        with pytest.raises(LoadError) as caught:
            attempt(str(tmp_path / path))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_check_looks_whether_the_folder_is_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(LoadError, match="the folder is not writable"):
        check_file(str(tmp_path / "audit.log"))
