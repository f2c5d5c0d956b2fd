"""The key folder: the only module that reads or writes private keys.

```
keys/ca.pem, ca.key          the issuing CA: registries trust ca.pem, so it is long-lived
keys/keyring.json            which leaves there are, and when each signs and retires; the commit point
keys/leaf-ID.pem, .key       signing leaves under the CA
keys/service-NAME.pem, .key  a fixed self-signed key for one zot service
```

Rules: private keys are 0600 and written atomically (temporary file, fsync, rename, fsync of the folder); nothing is
overwritten; a key that group or others can read is not loaded; a leaf that `keyring.json` does not name does not
exist, so a crash while rotating leaves the old state whole.
"""

import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from token_service.errors import LoadError
from token_service.files import write_atomically
from token_service.token.keyring import KeyRing, PrivateKey, SigningKey
from token_service.token.public_key import Algorithm, algorithm_of

_BACKDATE = timedelta(hours=1)
"""Certificates begin in the past, so that a registry whose clock is behind accepts them at once."""

_AUTHORITY = "token-service signing CA"
_AUTHORITY_LIFETIME = timedelta(days=3650)
_LEAF_LIFETIME = timedelta(days=365)
_RSA_BITS = 3072
_RING = "keyring.json"
_LAST_SECOND = 253_402_300_799
"""Of the year 9999: a later time cannot be shown."""


class _Leaf(TypedDict):
    id: str
    signs_from: int
    retires_at: int


_SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)


def generate(folder: Path, algorithm: Algorithm, now: int) -> KeyRing:
    """Make the issuing CA and a first leaf. Raises LoadError where the folder already holds keys."""
    with _locked(folder):
        if _is_taken(folder):
            raise LoadError(
                str(folder), "holds signing keys already", "use `token-service keys rotate`, or name another folder"
            )
        # A CA without a ring is what a run that was killed has left: it goes on from there, and overwrites nothing.
        if not (folder / "ca.pem").exists():
            _write_authority(folder, now)
        _add_leaf(folder, algorithm, now, signs_from=now, entries=[])
    return load(folder)


def _is_taken(folder: Path) -> bool:
    """Whether there are keys, or another program's CA, which must not start to vouch for our leaves."""
    certificate = folder / "ca.pem"
    return (folder / _RING).exists() or (
        certificate.exists() and _read_certificate(certificate).subject != _name(_AUTHORITY)
    )


def _write_authority(folder: Path, now: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate(_AUTHORITY, key, None, now, _AUTHORITY_LIFETIME)
    # An earlier run that was killed may have left the key; without ca.pem nothing was ever signed by it.
    (folder / "ca.key").unlink(missing_ok=True)
    _write_private(folder / "ca.key", key)
    write_atomically(folder / "ca.pem", authority.public_bytes(serialization.Encoding.PEM), 0o644)


def rotate(folder: Path, algorithm: Algorithm, now: int, *, publish_seconds: int, retire_seconds: int) -> KeyRing:
    """Add a leaf that signs after `publish_seconds`; the older ones retire `retire_seconds` after that.

    `publish_seconds` is 0 where registries trust the CA, and the time that registries need to fetch or be given
    the new `jwks.json` where they go by `kid`. Raises LoadError where the folder holds no keys.
    """
    if publish_seconds >= _LEAF_LIFETIME.total_seconds():
        raise LoadError(
            str(publish_seconds), "seconds are longer than a key lives", "publish it for less than a year"
        )
    with _locked(folder):
        entries = [entry for entry in _read_ring(folder) if not entry["retires_at"] or now < entry["retires_at"]]
        signs_from = now + publish_seconds
        for entry in entries:
            entry["retires_at"] = entry["retires_at"] or signs_from + retire_seconds
        _add_leaf(folder, algorithm, now, signs_from=signs_from, entries=entries)
    return load(folder)


def generate_for_service(folder: Path, service: str, algorithm: Algorithm, now: int) -> KeyRing:
    """Make the fixed key of one zot service. Raises LoadError where it is there already."""
    if not _SERVICE_NAME.fullmatch(service):
        raise LoadError(service, "this service name cannot be a file name", "use letters, digits, dots and dashes")
    with _locked(folder):
        _read_ring(folder)  # refuses a folder without keys before anything is written into it
        stem = folder / f"service-{service}"
        if stem.with_name(stem.name + ".pem").exists():
            raise LoadError(f"{stem}.pem", "is there already", "remove it by hand if the zot no longer trusts it")
        key = _new_key(algorithm)
        certificate = _certificate(
            f"token-service {service}", key, None, now, _AUTHORITY_LIFETIME, is_authority=False
        )
        Path(f"{stem}.key").unlink(missing_ok=True)
        _write_private(Path(f"{stem}.key"), key)
        write_atomically(Path(f"{stem}.pem"), certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return load(folder)


def load(folder: Path) -> KeyRing:
    """Read the key folder. Raises LoadError that names the file and the fix."""
    entries = _read_ring(folder)
    authority = _read_certificate(folder / "ca.pem")
    leaves = tuple(
        _signing_key(folder / f"leaf-{entry['id']}", entry["signs_from"], entry["retires_at"]) for entry in entries
    )
    for entry, leaf in zip(entries, leaves, strict=True):
        _check_issued(folder / f"leaf-{entry['id']}.pem", leaf.certificate, authority)
    fixed = {
        path.name.removeprefix("service-").removesuffix(".pem"): _signing_key(path.with_suffix(""), 0, 0)
        for path in sorted(folder.glob("service-*.pem"))
    }
    return KeyRing(authority, leaves, fixed)


def _add_leaf(folder: Path, algorithm: Algorithm, now: int, *, signs_from: int, entries: list[_Leaf]) -> None:
    authority, authority_key = _read_pair(folder / "ca")
    if now >= authority.not_valid_after_utc.timestamp():
        raise LoadError(
            str(folder / "ca.pem"), "has expired", "generate keys in another folder and give registries its bundle"
        )
    key = _new_key(algorithm)
    certificate = _certificate("token-service signing leaf", key, (authority, authority_key), now, _LEAF_LIFETIME)
    leaf = SigningKey(key, certificate, signs_from)
    stem = folder / f"leaf-{leaf.key_id[:16]}"
    _write_private(Path(f"{stem}.key"), key)
    write_atomically(Path(f"{stem}.pem"), certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    ring = {"version": 1, "leaves": [*entries, {"id": leaf.key_id[:16], "signs_from": signs_from, "retires_at": 0}]}
    write_atomically(folder / _RING, json.dumps(ring, indent=2).encode() + b"\n", 0o644)


def _read_ring(folder: Path) -> list[_Leaf]:
    path = folder / _RING
    try:
        return _parse_leaves(json.loads(path.read_bytes())["leaves"])
    except FileNotFoundError:
        raise LoadError(
            str(folder), "holds no signing keys", f"run `token-service keys generate --dir {folder}`"
        ) from None
    except OSError as error:
        raise LoadError(str(path), f"cannot be read: {error.strerror}", "check its owner and mode") from None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise LoadError(str(path), "is damaged", "restore it from a backup; the keys beside it are whole") from None


def _parse_leaves(items: list[_Leaf]) -> list[_Leaf]:
    leaves: list[_Leaf] = [
        {"id": _leaf_id(leaf["id"]), "signs_from": int(leaf["signs_from"]), "retires_at": int(leaf["retires_at"])}
        for leaf in items
    ]
    if not leaves or len({leaf["id"] for leaf in leaves}) != len(leaves):
        raise ValueError("no leaf, or one twice")
    if not all(0 <= time <= _LAST_SECOND for leaf in leaves for time in (leaf["signs_from"], leaf["retires_at"])):
        raise ValueError("a time that no calendar has")
    return leaves


def _leaf_id(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{16}", value, re.ASCII):
        raise ValueError("not a leaf id")
    return value


def _signing_key(stem: Path, signs_from: int, retires_at: int) -> SigningKey:
    certificate, key = _read_pair(stem)
    return SigningKey(key, certificate, signs_from, retires_at)


def _read_pair(stem: Path) -> tuple[x509.Certificate, PrivateKey]:
    key_path, certificate_path = stem.with_name(stem.name + ".key"), stem.with_name(stem.name + ".pem")
    key, certificate = _read_private(key_path), _read_certificate(certificate_path)
    if _public_key(certificate, certificate_path) != key.public_key():
        raise LoadError(str(certificate_path), f"does not belong to {key_path.name}", "restore both from one backup")
    return certificate, key


def _public_key(certificate: x509.Certificate, path: Path) -> object:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise LoadError(str(path), "holds a key that signs no tokens", "restore it from a backup") from None


def _check_issued(path: Path, certificate: x509.Certificate, authority: x509.Certificate) -> None:
    """Registries that trust the CA would refuse each token of a leaf that is another CA's."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise LoadError(str(path), "was not issued by ca.pem", "restore both from one backup") from None


def _read_private(path: Path) -> PrivateKey:
    try:
        file = path.open("rb")
    except OSError as error:
        raise LoadError(str(path), f"cannot be read: {error.strerror}", "check its owner and mode") from None
    with file:
        status = os.fstat(file.fileno())
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise LoadError(str(path), "can be read by others than its owner", f"run `chmod 600 {path}`")
        if os.geteuid() != 0 and status.st_uid not in (os.geteuid(), 0):
            raise LoadError(str(path), "belongs to another user", f"run `chown {os.geteuid()} {path}`")
        try:
            key = serialization.load_pem_private_key(file.read(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise LoadError(str(path), "is not an unencrypted PEM private key", "restore it from a backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise LoadError(str(path), "is of a kind that signs no tokens", "use ES256, ES384, RS256 or EdDSA")
    try:
        algorithm_of(key.public_key())
    except ValueError as error:
        raise LoadError(str(path), str(error), "use ES256, ES384, RS256 or EdDSA") from None
    return key


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise LoadError(str(path), f"cannot be read: {error.strerror}", "check its owner and mode") from None
    except ValueError:
        raise LoadError(str(path), "is not a PEM certificate", "restore it from a backup") from None


def _new_key(algorithm: Algorithm) -> PrivateKey:
    match algorithm:
        case Algorithm.ES256:
            return _full_length_ec_key(ec.SECP256R1())
        case Algorithm.ES384:
            return _full_length_ec_key(ec.SECP384R1())
        case Algorithm.RS256:
            return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        case Algorithm.EDDSA:
            return ed25519.Ed25519PrivateKey.generate()


def _full_length_ec_key(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """Draw until neither coordinate begins with a zero byte: Distribution 3.1 drops it and computes another `kid`."""
    while True:
        key = ec.generate_private_key(curve)
        numbers = key.public_key().public_numbers()
        if min(numbers.x, numbers.y).bit_length() > curve.key_size - 8:
            return key


def _certificate(
    name: str,
    key: PrivateKey,
    signer: tuple[x509.Certificate, PrivateKey] | None,
    now: int,
    lifetime: timedelta,
    *,
    is_authority: bool = True,
) -> x509.Certificate:
    """A CA certificate where there is no `signer`, else a leaf under it."""
    begin = datetime.fromtimestamp(now, UTC)
    subject = _name(name)
    ca = signer is None and is_authority
    end = begin + lifetime if signer is None else min(begin + lifetime, signer[0].not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(_key_usage(is_authority=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if signer is not None:
        identifier = signer[0].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
    signing_key = key if signer is None else signer[1]
    digest = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signing_key, digest)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time: two processes that rotate at once make one leaf after the other."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LoadError(str(folder), f"cannot be made: {error.strerror}", "name a folder you may write to") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise LoadError(
            str(folder), f"cannot be written: {error.strerror}", "name a folder you may write to"
        ) from None
    finally:
        os.close(descriptor)


def _write_private(path: Path, key: PrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomically(path, pem, 0o600)
