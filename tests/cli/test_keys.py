"""`token-service keys …`: what it makes and prints, and the one line that it says when it cannot."""

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509

from tests.cli.running import Command
from token_service.clock import system_clock
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm, libtrust_id
from token_service.token.trusted import load_trusted_keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def rows(command: Command, folder: Path) -> list[dict[str, str]]:
    done = command("keys", "list", "--dir", folder, "--json")
    assert (done.status, done.err) == (0, "")
    found: list[dict[str, str]] = json.loads(done.out)
    return found


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA"])
def test_generate_list_and_export_make_what_a_registry_needs(
    command: Command, folder: Path, tmp_path: Path, algorithm: str
) -> None:
    done = command("keys", "generate", "--dir", folder, "--algorithm", algorithm)
    leaf = keyfiles.load(folder).leaves[0]
    assert (done.status, done.out) == (0, f"made a CA and signing key {leaf.key_id} in {folder}\n")
    (row,) = rows(command, folder)
    assert (row["state"], row["algorithm"], row["kid"], row["libtrust_kid"]) == (
        "active", algorithm, leaf.key_id, libtrust_id(leaf.public_key)
    )  # fmt: skip

    out = tmp_path / "for-registry"
    done = command("keys", "export", "--dir", folder, "--out", out)
    assert done.out == f"wrote {out}/bundle.pem\nwrote {out}/jwks.json\n"
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {
        "bundle.pem": 0o644, "jwks.json": 0o644
    }  # fmt: skip
    assert all("PRIVATE" not in path.read_text() and '"d"' not in path.read_text() for path in out.iterdir())
    assert leaf.key_id in load_trusted_keys(out / "jwks.json")
    if algorithm != "EdDSA":
        assert leaf.key_id in load_trusted_keys(out / "bundle.pem")


def test_a_rotation_shows_its_states(command: Command, folder: Path) -> None:
    command("keys", "generate", "--dir", folder)
    first = keyfiles.load(folder).leaves[0].key_id
    done = command("keys", "rotate", "--dir", folder, "--publish", "3600")
    second = keyfiles.load(folder).leaves[1]
    assert done.out.startswith(f"added signing key {second.key_id}; it signs from 20")
    assert [(row["kid"], row["state"]) for row in rows(command, folder)] == [
        (first, "active"), (second.key_id, "next")
    ]  # fmt: skip
    command("keys", "rotate", "--dir", folder)
    assert sorted(row["state"] for row in rows(command, folder)) == ["active", "next", "retiring"]


@pytest.mark.parametrize(
    ("age_days", "retire", "states"),
    [(366, 60, ["expired", "active"]), (2, 60, ["retired", "active"])],
    ids=["expired", "retired"],
)
def test_old_keys_are_shown_for_what_they_are(
    command: Command, folder: Path, age_days: int, retire: int, states: list[str]
) -> None:
    now = system_clock()
    keyfiles.generate(folder, Algorithm.ES256, now - age_days * 86_400)
    keyfiles.rotate(folder, Algorithm.ES256, now - 100, publish_seconds=0, retire_seconds=retire)
    assert [row["state"] for row in rows(command, folder)] == states


def test_a_ring_in_which_no_key_may_sign_can_still_be_listed(command: Command, folder: Path) -> None:
    now = system_clock()
    keyfiles.generate(folder, Algorithm.ES256, now - 366 * 86_400)
    assert [row["state"] for row in rows(command, folder)] == ["expired"]


def test_the_table_for_people_shows_every_id_whole(command: Command, folder: Path) -> None:
    command("keys", "generate", "--dir", folder)
    command("keys", "generate", "--dir", folder, "--service", "zot.example.com")
    done = command("keys", "list", "--dir", folder)
    ring = keyfiles.load(folder)
    for key in (ring.leaves[0], ring.fixed["zot.example.com"]):
        assert key.key_id in done.out
        assert libtrust_id(key.public_key) in done.out
    assert "fixed: zot.example.com" in done.out


def test_a_zots_key_is_exported_as_a_certificate(command: Command, folder: Path, tmp_path: Path) -> None:
    command("keys", "generate", "--dir", folder)
    done = command("keys", "generate", "--dir", folder, "--service", "zot.example.com")
    assert done.out == f"made a fixed key for zot.example.com in {folder}\n"
    command("keys", "export", "--dir", folder, "--out", tmp_path / "out")
    certificate = x509.load_pem_x509_certificate((tmp_path / "out" / "service-zot.example.com.pem").read_bytes())
    assert certificate == keyfiles.load(folder).fixed["zot.example.com"].certificate


def test_each_thing_in_the_way_is_one_line_that_says_what_to_do(
    command: Command, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    generate = f"{folder}: holds no signing keys (run `token-service keys generate --dir {folder}`)"
    for verb in ("list", "export", "rotate"):
        assert command.fails("keys", verb, "--dir", folder) == generate
    assert command.fails("keys", "generate", "--dir", folder, "--service", "zot") == generate
    command("keys", "generate", "--dir", folder)
    assert "holds signing keys already" in command.fails("keys", "generate", "--dir", folder)
    assert "cannot be a file name" in command.fails("keys", "generate", "--dir", folder, "--service", "../x")
    assert "Not a directory" in command.fails("keys", "generate", "--dir", tmp_path / "file" / "keys")
    out = command.fails("keys", "export", "--dir", folder, "--out", tmp_path / "file" / "out")
    assert out.endswith("(name a folder you may write to with --out)")
    (folder / "ca.key").chmod(0o644)
    assert "chmod 600" in command.fails("keys", "rotate", "--dir", folder)


@pytest.mark.parametrize("arguments", [["--algorithm", "HS256"], ["--algorithm", "none"], ["--force"]])
def test_a_wrong_option_is_a_usage_error(command: Command, folder: Path, arguments: list[str]) -> None:
    assert command("keys", "generate", "--dir", folder, *arguments).status == 2
    assert not folder.exists()
