"""The key folder: what is made, what is refused, and that no crash at any system call leaves half a state."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store

from tests.crashing import CALLS, KILLED, has_strace, walk
from tests.token.rings import DAY, NOW, ring_of
from token_service.errors import LoadError
from token_service.files import write_atomically
from token_service.token import keyfiles
from token_service.token.keyring import KeyRing
from token_service.token.public_key import Algorithm, thumbprint

PEM = serialization.Encoding.PEM


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def rotate(folder: Path, now: int = NOW + 100, publish: int = 0, retire: int = 1000) -> KeyRing:
    return keyfiles.rotate(folder, Algorithm.ES256, now, publish_seconds=publish, retire_seconds=retire)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def leaf_file(folder: Path, suffix: str) -> Path:
    (path,) = folder.glob(f"leaf-*{suffix}")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- what is made ----------------------------------------------------------------------------------------------


def test_generate_makes_a_ca_a_leaf_and_a_ring_and_nothing_else(folder: Path) -> None:
    leaf = keyfiles.generate(folder, Algorithm.ES256, NOW).leaves[0]
    stem = f"leaf-{leaf.key_id[:16]}"
    assert modes(folder) == {
        "ca.pem": 0o644, "ca.key": 0o600, "keyring.json": 0o644, f"{stem}.pem": 0o644, f"{stem}.key": 0o600
    }  # fmt: skip
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_private_keys_are_0600_whatever_the_umask_is(folder: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from token_service.token import keyfiles as k; os.umask(0);"
        f"k.generate(Path(sys.argv[1]), k.Algorithm.ES256, {NOW});"
        f"k.generate_for_service(Path(sys.argv[1]), 'zot', k.Algorithm.ES256, {NOW})"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=60)
    assert {mode for name, mode in modes(folder).items() if name.endswith(".key")} == {0o600}


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_what_is_loaded_is_what_was_made(algorithm: Algorithm) -> None:
    ring = ring_of(algorithm)
    assert [leaf.algorithm for leaf in ring.leaves] == [algorithm]
    assert ring.active(NOW) is ring.leaves[0]
    assert ring.leaves[0].retires_at == 0


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("at", [NOW - 3600, NOW, NOW + 365 * DAY])
def test_the_leaf_is_verified_under_the_ca_from_an_hour_before_to_a_year_after(algorithm: Algorithm, at: int) -> None:
    """By cryptography's own path validation, with the strict policy of the web PKI for the CA."""
    ring = ring_of(algorithm)
    builder = PolicyBuilder().store(Store([ring.authority])).time(datetime.fromtimestamp(at, UTC))
    verifier = builder.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
    ).build_client_verifier()
    assert verifier.verify(ring.leaves[0].certificate, []).chain == [ring.leaves[0].certificate, ring.authority]


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_certificates_say_what_they_are_for(algorithm: Algorithm) -> None:
    ring = ring_of(algorithm)
    authority, leaf, fixed = (
        ring.authority, ring.leaves[0].certificate, ring.fixed["zot.example.com"].certificate
    )  # fmt: skip
    for certificate, is_authority in ((authority, True), (leaf, False), (fixed, False)):
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert constraints.critical
        assert usage.critical
        assert (constraints.value.ca, usage.value.key_cert_sign) == (is_authority, is_authority)
        assert usage.value.digital_signature is not is_authority
    ours = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert ours == authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert leaf.issuer == authority.subject
    assert fixed.issuer == fixed.subject


def test_certificates_begin_an_hour_ago_and_none_outlives_the_ca(folder: Path) -> None:
    ring = keyfiles.generate(folder, Algorithm.ES256, NOW)
    assert ring.leaves[0].certificate.not_valid_before_utc.timestamp() == NOW - 3600
    assert ring.authority.not_valid_after_utc.timestamp() == NOW + 3650 * DAY
    late = rotate(folder, now=NOW + 3600 * DAY).leaves[-1]
    assert late.certificate.not_valid_after_utc == ring.authority.not_valid_after_utc


def test_a_new_rsa_key_has_3072_bits() -> None:
    key = ring_of(Algorithm.RS256).leaves[0].public_key
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 3072


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=lambda curve: curve.name)
def test_every_drawn_ec_key_has_coordinates_of_full_length(curve: ec.EllipticCurve) -> None:
    """About eight in a thousand are short if nobody looks: of 1,500 draws some twelve would be."""
    for _ in range(1500 if curve.key_size == 256 else 150):
        numbers = keyfiles._full_length_ec_key(curve).public_key().public_numbers()
        assert all(value.to_bytes(curve.key_size // 8, "big")[0] for value in (numbers.x, numbers.y))


@pytest.mark.parametrize("short", ["x", "y"])
def test_a_draw_with_a_short_coordinate_is_thrown_away(short: str, monkeypatch: pytest.MonkeyPatch) -> None:
    curve = ec.SECP256R1()
    keys = (ec.derive_private_key(secret, curve) for secret in range(1, 10_000))
    forged = next(key for key in keys if getattr(key.public_key().public_numbers(), short) < 2**248)
    whole = ring_of(Algorithm.ES256).leaves[0].private_key
    draws = [forged, whole]
    monkeypatch.setattr(ec, "generate_private_key", lambda _curve: draws.pop(0))
    assert keyfiles._full_length_ec_key(curve) is whole
    assert draws == []


# --- rotation --------------------------------------------------------------------------------------------------


def test_a_rotation_publishes_signs_and_retires_at_its_times(folder: Path) -> None:
    old = keyfiles.generate(folder, Algorithm.ES256, NOW).leaves[0]
    ring = rotate(folder, now=NOW + 100, publish=50, retire=1000)
    kept, new = ring.leaves
    assert (kept.key_id, kept.signs_from, kept.retires_at) == (old.key_id, NOW, NOW + 1150)
    assert (new.signs_from, new.retires_at) == (NOW + 150, 0)
    assert ring.active(NOW + 149).key_id == old.key_id
    assert ring.active(NOW + 150).key_id == new.key_id
    assert ring.authority == keyfiles.load(folder).authority


def test_a_later_rotation_does_not_move_the_time_at_which_a_leaf_retires(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    rotate(folder, now=NOW + 100, retire=1000)
    ring = rotate(folder, now=NOW + 200, retire=1000)
    assert [leaf.retires_at for leaf in ring.leaves] == [NOW + 1100, NOW + 1200, 0]


def test_a_rotation_forgets_what_has_retired_and_leaves_its_files(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    rotate(folder, now=NOW + 100, retire=1000)
    assert len(rotate(folder, now=NOW + 1100).leaves) == 2
    assert len(list(folder.glob("leaf-*.key"))) == 3


def test_a_rotation_may_change_the_algorithm(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    ring = keyfiles.rotate(folder, Algorithm.EDDSA, NOW, publish_seconds=0, retire_seconds=60)
    assert [leaf.algorithm for leaf in ring.leaves] == [Algorithm.ES256, Algorithm.EDDSA]
    assert ring.active(NOW).algorithm is Algorithm.EDDSA


def test_a_rotation_that_would_never_sign_is_refused(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    before = contents(folder)
    with pytest.raises(LoadError, match="longer than a key lives"):
        rotate(folder, publish=365 * DAY)
    with pytest.raises(LoadError, match=r"ca\.pem: has expired \(generate keys in another folder"):
        rotate(folder, now=NOW + 3650 * DAY)
    assert contents(folder) == before


ROTATE = (
    "import sys; from pathlib import Path; from token_service.token import keyfiles as k; sys.stdin.read();"
    f"k.rotate(Path(sys.argv[1]), k.Algorithm.ES256, {NOW + 100}, publish_seconds=0, retire_seconds=1000)"
)


def test_processes_that_rotate_at_once_add_one_leaf_each_and_one_signs(folder: Path) -> None:
    first = keyfiles.generate(folder, Algorithm.ES256, NOW).leaves[0]
    command = [sys.executable, "-c", ROTATE, str(folder)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(3)]
    for racer in racers:  # all wait for the end of their input, which comes to all of them at once
        assert racer.stdin is not None
        racer.stdin.close()
    assert [racer.wait(timeout=60) for racer in racers] == [0, 0, 0]
    ring = keyfiles.load(folder)
    assert len(ring.leaves) == 4
    assert ring.leaves[0].key_id == first.key_id
    assert [bool(leaf.retires_at) for leaf in ring.leaves] == [True, True, True, False]
    assert ring.active(NOW + 100) is ring.leaves[-1]
    assert len({key["kid"] for key in ring.jwks(NOW + 100)["keys"]}) == 4


# --- fixed keys ------------------------------------------------------------------------------------------------


def test_a_zot_has_a_key_that_no_rotation_touches(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    before = keyfiles.generate_for_service(folder, "zot.example.com", Algorithm.RS256, NOW).fixed
    after = rotate(folder).fixed
    assert after.keys() == {"zot.example.com"}
    assert after["zot.example.com"].key_id == before["zot.example.com"].key_id
    assert after["zot.example.com"].algorithm is Algorithm.RS256


@pytest.mark.parametrize("name", ["x.pem", "x.key", "service-x", "a.b-c_d", "localhost:5000"])
def test_any_file_name_is_a_service_name(folder: Path, name: str) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    assert keyfiles.generate_for_service(folder, name, Algorithm.ES256, NOW).fixed.keys() == {name}


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\0b", "a\n", "é", "-x", "x" * 129])
def test_a_service_name_that_could_leave_the_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(LoadError, match="cannot be a file name"):
        keyfiles.generate_for_service(folder, name, Algorithm.ES256, NOW)


# --- nothing is overwritten ------------------------------------------------------------------------------------


def test_generate_overwrites_nothing(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    before = contents(folder)
    with pytest.raises(LoadError, match=r"holds signing keys already .*keys rotate"):
        keyfiles.generate(folder, Algorithm.ES256, NOW)
    assert contents(folder) == before


def test_generate_does_not_use_another_programs_ca(folder: Path) -> None:
    """Design rule S51: registries trust the CA for everything it issued, so it must be ours alone."""
    folder.mkdir()
    foreign = ring_of(Algorithm.ES256).fixed["zot.example.com"]
    (folder / "ca.pem").write_bytes(foreign.certificate.public_bytes(PEM))
    with pytest.raises(LoadError, match="holds signing keys already"):
        keyfiles.generate(folder, Algorithm.ES256, NOW)
    assert set(contents(folder)) == {"ca.pem"}


def test_the_fixed_key_of_a_service_is_not_overwritten(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    keyfiles.generate_for_service(folder, "zot", Algorithm.ES256, NOW)
    before = contents(folder)
    with pytest.raises(LoadError, match=r"service-zot\.pem: is there already"):
        keyfiles.generate_for_service(folder, "zot", Algorithm.ES256, NOW)
    assert contents(folder) == before


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o660, 0o666, 0o777])
def test_a_private_key_that_others_can_reach_is_not_loaded(folder: Path, mode: int) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    path = leaf_file(folder, ".key")
    path.chmod(mode)
    with pytest.raises(LoadError) as caught:
        keyfiles.load(folder)
    assert str(caught.value) == f"{path}: can be read by others than its owner (run `chmod 600 {path}`)"


def test_a_ca_key_that_others_can_reach_signs_no_leaf(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    (folder / "ca.key").chmod(0o640)
    before = contents(folder)
    with pytest.raises(LoadError, match=r"ca\.key: can be read by others"):
        rotate(folder)
    assert contents(folder) == before


def private_pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey, password: bytes = b""
) -> bytes:
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)


EC_KEY = ec.generate_private_key(ec.SECP256R1())
BAD_PRIVATE_KEYS: list[tuple[str, bytes, str]] = [
    ("empty", b"", "not an unencrypted PEM private key"),
    ("text", b"hello", "not an unencrypted PEM private key"),
    ("cut off", private_pem(EC_KEY)[:100], "not an unencrypted PEM private key"),
    ("one byte changed", private_pem(EC_KEY).replace(b"MIGH", b"MIGX"), "not an unencrypted PEM private key"),
    ("encrypted", private_pem(EC_KEY, b"secret"), "not an unencrypted PEM private key"),
    ("a certificate", ring_of(Algorithm.ES256).authority.public_bytes(PEM), "not an unencrypted PEM private key"),
    ("a foreign curve", private_pem(ec.generate_private_key(ec.SECP521R1())), "secp521r1 is not P-256 or P-384"),
    ("a short RSA key", private_pem(rsa.generate_private_key(65537, 1024)), "at least 2048 bits"),
    ("a DSA key", private_pem(dsa.generate_private_key(1024)), "signs no tokens"),
    ("another key", private_pem(EC_KEY), "does not belong to"),
]


@pytest.mark.parametrize(
    ("content", "problem"), [row[1:] for row in BAD_PRIVATE_KEYS], ids=[r[0] for r in BAD_PRIVATE_KEYS]
)
def test_a_bad_private_key_is_one_error_that_names_the_file_and_the_fix(
    folder: Path, content: bytes, problem: str
) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    leaf_file(folder, ".key").write_bytes(content)
    with pytest.raises(LoadError) as caught:
        keyfiles.load(folder)
    assert Path(caught.value.place) in (leaf_file(folder, ".key"), leaf_file(folder, ".pem"))
    assert problem in caught.value.problem
    assert caught.value.fix
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["ca.pem", ".pem", ".key"])
@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "folder"])
def test_a_damaged_file_is_named(folder: Path, name: str, damage: str) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    path = folder / name if name == "ca.pem" else leaf_file(folder, name)
    path.unlink()
    if damage == "folder":
        path.mkdir(mode=0o700)
    elif damage != "missing":
        write_atomically(path, b"" if damage == "empty" else b"\xff\x00", 0o600)
    with pytest.raises(LoadError) as caught:
        keyfiles.load(folder)
    assert caught.value.place == str(path)
    assert caught.value.fix


def test_a_leaf_of_another_ca_is_refused_for_registries_would_refuse_its_tokens(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    (folder / "ca.pem").write_bytes(ring_of(Algorithm.ES256).authority.public_bytes(PEM))
    with pytest.raises(LoadError) as caught:
        keyfiles.load(folder)
    assert caught.value.place == str(leaf_file(folder, ".pem"))
    assert caught.value.problem == "was not issued by ca.pem"


def test_a_ca_key_of_another_ca_signs_no_leaf(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    (folder / "ca.key").write_bytes(private_pem(EC_KEY))
    before = contents(folder)
    with pytest.raises(LoadError, match=r"ca\.pem: does not belong to ca\.key"):
        rotate(folder)
    assert contents(folder) == before


RING_DAMAGE: list[tuple[str, Callable[[dict[str, object]], object]]] = [
    ("a list", lambda ring: [ring]),
    ("a text", lambda ring: "x"),
    ("null", lambda ring: None),
    ("no leaves member", lambda ring: {"version": 1}),
    ("no leaf", lambda ring: {**ring, "leaves": []}),
    ("leaves that are a mapping", lambda ring: {**ring, "leaves": {}}),
    ("one leaf twice", lambda ring: {**ring, "leaves": [*entries(ring), *entries(ring)]}),
    ("an id that goes up", lambda ring: {**ring, "leaves": [{**entries(ring)[0], "id": "../../etc/passwd"}]}),
    ("an id that is a number", lambda ring: {**ring, "leaves": [{**entries(ring)[0], "id": 1}]}),
    ("a time that is a text", lambda ring: {**ring, "leaves": [{**entries(ring)[0], "signs_from": "soon"}]}),
    ("a time that is endless", lambda ring: {**ring, "leaves": [{**entries(ring)[0], "signs_from": float("inf")}]}),
    ("a time after the year 9999", lambda ring: {**ring, "leaves": [{**entries(ring)[0], "retires_at": 10**12}]}),
    ("a time before 1970", lambda ring: {**ring, "leaves": [{**entries(ring)[0], "signs_from": -1}]}),
    ("no time", lambda ring: {**ring, "leaves": [{"id": entries(ring)[0]["id"]}]}),
]  # fmt: skip


def entries(ring: dict[str, object]) -> list[dict[str, object]]:
    leaves = ring["leaves"]
    assert isinstance(leaves, list)
    return leaves


@pytest.mark.parametrize("damage", [row[1] for row in RING_DAMAGE], ids=[row[0] for row in RING_DAMAGE])
def test_a_damaged_ring_is_named(folder: Path, damage: Callable[[dict[str, object]], object]) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    ring = folder / "keyring.json"
    ring.write_text(json.dumps(damage(json.loads(ring.read_text()))))
    with pytest.raises(LoadError) as caught:
        keyfiles.load(folder)
    assert (caught.value.place, caught.value.problem) == (str(ring), "is damaged")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000], ids=["empty", "cut off", "bytes", "deep"])
def test_a_ring_that_is_no_json_is_named(folder: Path, content: bytes) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    (folder / "keyring.json").write_bytes(content)
    with pytest.raises(LoadError, match=r"keyring\.json: is damaged"):
        keyfiles.load(folder)


def test_a_fixed_key_is_not_made_in_a_folder_without_keys(folder: Path) -> None:
    with pytest.raises(LoadError, match="holds no signing keys"):
        keyfiles.generate_for_service(folder, "zot", Algorithm.ES256, NOW)
    assert contents(folder) == {}


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_keys_says_how_to_make_them(folder: Path, exists: bool) -> None:
    if exists:
        folder.mkdir()
    for use in (keyfiles.load, rotate):
        with pytest.raises(LoadError) as caught:
            use(folder)
        assert (
            str(caught.value) == f"{folder}: holds no signing keys (run `token-service keys generate --dir {folder}`)"
        )


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LoadError, match=r"file/keys: cannot be made: Not a directory \(name a folder"):
        keyfiles.generate(tmp_path / "file" / "keys", Algorithm.ES256, NOW)


def test_a_folder_that_cannot_be_written_is_one_error(folder: Path, need: Callable[[bool, str], None]) -> None:
    need(os.geteuid() != 0 or Path("/proc/self").exists(), "there is no folder that root cannot write to")
    unwritable = Path("/proc/self") if os.geteuid() == 0 else folder
    if unwritable == folder:
        folder.mkdir(mode=0o500)
    with pytest.raises(LoadError, match=r"cannot be written: .* \(name a folder you may write to"):
        keyfiles.generate(unwritable, Algorithm.ES256, NOW)


# --- crashes ---------------------------------------------------------------------------------------------------

REFUSED = 3
PROGRAM = """
import sys
from pathlib import Path
from token_service.token import keyfiles
from token_service.token.keyfiles import Algorithm, LoadError
folder = Path(sys.argv[1])
try:
    keyfiles.{call}
except LoadError:
    sys.exit(3)
"""
GENERATE = PROGRAM.format(call=f"generate(folder, Algorithm.ES256, {NOW})")
ROTATE_ONCE = PROGRAM.format(
    call=f"rotate(folder, Algorithm.ES256, {NOW + 100}, publish_seconds=0, retire_seconds=1000)"
)
FIX_KEY = PROGRAM.format(call=f"generate_for_service(folder, 'zot', Algorithm.ES256, {NOW})")
FAULTS = [("signal=KILL", KILLED), ("error=ENOSPC", REFUSED)]


@pytest.mark.parametrize(("fault", "status"), FAULTS, ids=["killed", "disk full"])
@pytest.mark.parametrize("call", CALLS)
def test_generate_that_dies_at_any_call_leaves_no_keys_or_all_and_can_be_run_again(
    folder: Path, call: str, fault: str, status: int, need: Callable[[bool, str], None]
) -> None:
    need(has_strace(), "strace is needed to die at a system call")
    points = 0
    for exit_status in walk(GENERATE, folder, call, fault):
        assert exit_status == status
        points += 1
        assert_private(folder)
        if not (folder / "keyring.json").exists():
            with pytest.raises(LoadError, match="holds no signing keys"):
                keyfiles.load(folder)
            keyfiles.generate(folder, Algorithm.ES256, NOW)
        assert len(keyfiles.load(folder).leaves) == 1
        shutil.rmtree(folder)
    assert points == (10 if call == "fsync" else 5)


@pytest.mark.parametrize(("fault", "status"), FAULTS, ids=["killed", "disk full"])
@pytest.mark.parametrize("call", CALLS)
def test_rotate_that_dies_at_any_call_leaves_the_old_ring_or_the_new_one(
    folder: Path, call: str, fault: str, status: int, need: Callable[[bool, str], None]
) -> None:
    need(has_strace(), "strace is needed to die at a system call")
    old = keyfiles.generate(folder, Algorithm.ES256, NOW).leaves[0]
    kept = shutil.copytree(folder, folder.with_name("kept"))
    points = 0
    for exit_status in walk(ROTATE_ONCE, folder, call, fault):
        assert exit_status == status
        points += 1
        assert_private(folder)
        ring = keyfiles.load(folder)
        assert ring.leaves[0].key_id == old.key_id
        assert [bool(leaf.retires_at) for leaf in ring.leaves] in ([False], [True, False])
        assert ring.active(NOW + 100) is ring.leaves[-1]
        assert len(rotate(folder).leaves) == len(ring.leaves) + 1
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert points == (6 if call == "fsync" else 3)


@pytest.mark.parametrize("call", CALLS)
def test_making_a_fixed_key_that_dies_at_any_call_leaves_none_or_a_whole_one(
    folder: Path, call: str, need: Callable[[bool, str], None]
) -> None:
    need(has_strace(), "strace is needed to die at a system call")
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    kept = shutil.copytree(folder, folder.with_name("kept"))
    points = 0
    for _ in walk(FIX_KEY, folder, call, "signal=KILL"):
        points += 1
        assert_private(folder)
        if not keyfiles.load(folder).fixed:
            keyfiles.generate_for_service(folder, "zot", Algorithm.ES256, NOW)
        assert keyfiles.load(folder).fixed.keys() == {"zot"}
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert points == (4 if call == "fsync" else 2)


def assert_private(folder: Path) -> None:
    """Also what a dead process has left holds no key that others can read."""
    for path in folder.iterdir():
        if b"PRIVATE" in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_leftovers_of_dead_processes_are_passed_over(folder: Path) -> None:
    keyfiles.generate(folder, Algorithm.ES256, NOW)
    (folder / ".keyring.json.abcdefgh").write_text("{")
    (folder / ".service-zot.pem.abcdefgh").write_text("half")
    (folder / "leaf-AAAAAAAAAAAAAAAA.key").write_text("half")
    ring = keyfiles.load(folder)
    assert (len(ring.leaves), dict(ring.fixed)) == (1, {})
    assert thumbprint(ring.leaves[0].public_key) == ring.leaves[0].key_id
