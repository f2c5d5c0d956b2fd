"""`/healthz` says that the process answers, `/readyz` whether it answers well, and if not, why not."""

import shutil
from pathlib import Path

import pytest

from tests.server.house import ALICE, BOB, NOW, USERS, Answer, House, basic
from token_service.files import write_atomically
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm


def problems(answer: Answer) -> dict[str, str]:
    body = answer.json()
    assert answer.header("cache-control") == "no-store"
    assert answer.status == (503 if "problems" in body else 200)
    found: dict[str, str] = body.get("problems", {})
    return found


@pytest.mark.parametrize(("path", "status"), [("/healthz", "ok"), ("/readyz", "ready")])
def test_a_service_that_is_well_says_so(house: House, path: str, status: str) -> None:
    answer = house.ask("GET", path)
    assert (answer.status, answer.json()) == (200, {"status": status})
    assert house.ask("HEAD", path).status == 200
    assert house.ask("POST", path).status == 405


def test_a_broken_users_file_keeps_the_last_good_one_until_it_is_mended(own_house: House) -> None:
    users = own_house.folder / "users.yaml"
    write_atomically(users, b"users:\n  alice:\n    password_hash: hunter2-secret\n", 0o600)
    assert own_house.get("", [basic("alice", ALICE)]).status == 200
    (problem,) = problems(own_house.ask_admin("GET", "/readyz")).values()
    assert "users.yaml:3" in problem
    assert "hunter2" not in problem
    assert own_house.ask("GET", "/healthz").status == 200
    write_atomically(users, USERS.replace("alice:", "alicia:").encode(), 0o600)
    assert problems(own_house.ask_admin("GET", "/readyz")) == {}
    assert own_house.get("", [basic("alicia", ALICE)]).status == 200
    assert own_house.get("", [basic("alice", ALICE)]).status == 401


def test_a_users_file_that_is_gone_is_a_problem_and_locks_nobody_out(own_house: House) -> None:
    (own_house.folder / "users.yaml").unlink()
    assert own_house.get("", [basic("bob", BOB)]).status == 200
    (problem,) = problems(own_house.ask_admin("GET", "/readyz")).values()
    assert "cannot be read" in problem


def test_damaged_keys_keep_the_last_good_ones(own_house: House) -> None:
    ring = own_house.folder / "keys" / "keyring.json"
    good = ring.read_bytes()
    write_atomically(ring, b"{", 0o600)
    assert own_house.get("").status == 200
    assert "is damaged" in problems(own_house.ask_admin("GET", "/readyz"))["keys"]
    write_atomically(ring, good, 0o600)
    assert problems(own_house.ask_admin("GET", "/readyz")) == {}


def test_expired_keys_are_a_problem_until_they_are_rotated(own_house: House) -> None:
    own_house.now = NOW + 366 * 86_400
    assert problems(own_house.ask_admin("GET", "/readyz")) == {
        "keys": "no signing key is valid now: run `token-service keys rotate`"
    }
    assert own_house.get("").status == 503
    keyfiles.rotate(own_house.folder / "keys", Algorithm.ES256, own_house.now, publish_seconds=0, retire_seconds=1000)
    assert problems(own_house.ask_admin("GET", "/readyz")) == {}
    assert own_house.get("").status == 200


def test_the_public_is_told_what_is_broken_and_not_where_nor_why(own_house: House) -> None:
    write_atomically(own_house.folder / "users.yaml", b"users:\n  hunter2-secret:\n    oops: 1\n", 0o600)
    own_house.get("", [basic("alice", ALICE)])
    answer = own_house.ask("GET", "/readyz")
    assert answer.status == 503
    assert answer.json() == {"status": "not ready", "problems": ["accounts 1 (users.yaml)"]}


def test_several_problems_are_all_named(own_house: House) -> None:
    shutil.rmtree(own_house.folder / "keys")
    Path(own_house.folder / "users.yaml").unlink()
    own_house.get("", [basic("bob", BOB)])
    assert len(problems(own_house.ask_admin("GET", "/readyz"))) == 2
