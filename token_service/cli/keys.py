"""`token-service keys …`: make, list, rotate and export signing keys."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from cryptography.hazmat.primitives import serialization
from rich.console import Console
from rich.table import Table

from token_service.clock import system_clock
from token_service.errors import LoadError
from token_service.files import write_atomically
from token_service.token import keyfiles
from token_service.token.keyring import KeyRing, SigningKey
from token_service.token.public_key import Algorithm, libtrust_id

app = typer.Typer(help="Signing keys: generate, list, rotate, export.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--dir", help="The key folder.")]
KeyAlgorithm = Annotated[Algorithm, typer.Option(help="ES256 suits every registry; RS256 is the fallback.")]

_RETIRE_SECONDS = 86400 + 120
"""The longest life a token can have, and what verifiers forgive: until then an old key must stay published."""


@app.command()
def generate(
    folder: Folder = Path("keys"),
    algorithm: KeyAlgorithm = Algorithm.ES256,
    service: Annotated[str, typer.Option(help="Make the fixed key of this zot service instead.")] = "",
) -> None:
    """Make the issuing CA and a first signing key. Nothing is ever overwritten."""
    now = system_clock()
    if service:
        keyfiles.generate_for_service(folder, service, algorithm, now)
        typer.echo(f"made a fixed key for {service} in {folder}")
        return
    ring = keyfiles.generate(folder, algorithm, now)
    typer.echo(f"made a CA and signing key {ring.leaves[0].key_id} in {folder}")


@app.command()
def rotate(
    folder: Folder = Path("keys"),
    algorithm: KeyAlgorithm = Algorithm.ES256,
    publish: Annotated[
        int, typer.Option(min=0, help="Seconds until the new key signs, for registries that go by jwks.json.")
    ] = 0,
) -> None:
    """Add a signing key under the same CA. Registries that trust the CA follow without a restart."""
    ring = keyfiles.rotate(folder, algorithm, system_clock(), publish_seconds=publish, retire_seconds=_RETIRE_SECONDS)
    newest = max(ring.leaves, key=lambda leaf: leaf.signs_from)
    typer.echo(f"added signing key {newest.key_id}; it signs from {_time(newest.signs_from)}")


@app.command("list")
def list_keys(
    folder: Folder = Path("keys"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the keys, their ids for both kinds of registries, and when they sign, retire and expire."""
    ring = keyfiles.load(folder)
    rows = [_row(leaf, _state(ring, leaf)) for leaf in ring.leaves]
    rows += [_row(key, f"fixed: {service}") for service, key in ring.fixed.items()]
    if as_json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("state", "algorithm", "RFC 7638 id", "libtrust id", "signs from", "retires", "expires")
    for row in rows:
        table.add_row(*row.values())
    Console(width=None if Console().is_terminal else 250).print(table)


@app.command()
def export(
    folder: Folder = Path("keys"),
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
) -> None:
    """Write what registries need: bundle.pem (rootcertbundle), jwks.json, and a certificate for each zot."""
    ring = keyfiles.load(folder)
    for path in write_public_files(ring, out, system_clock()):
        typer.echo(f"wrote {path}")


def write_public_files(ring: KeyRing, out: Path, now: int) -> list[Path]:
    """Write bundle.pem, jwks.json and service-NAME.pem into `out`; the paths written. Raises LoadError."""
    contents = {
        "bundle.pem": ring.bundle(now),
        "jwks.json": orjson.dumps(ring.jwks(now), option=orjson.OPT_INDENT_2) + b"\n",
    }
    for service, key in ring.fixed.items():
        contents[f"service-{service}.pem"] = key.certificate.public_bytes(serialization.Encoding.PEM)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_atomically(out / name, content, 0o644)
    except OSError as error:
        raise LoadError(
            str(out), f"cannot be written: {error.strerror}", "name a folder you may write to with --out"
        ) from None
    return [out / name for name in contents]


def _state(ring: KeyRing, leaf: SigningKey) -> str:
    now = system_clock()
    if now >= leaf.expires_at:
        return "expired"
    if now < leaf.signs_from:
        return "next"
    if leaf is ring.active(now):
        return "active"
    return "retired" if leaf.retires_at and now >= leaf.retires_at else "retiring"


def _row(key: SigningKey, state: str) -> dict[str, str]:
    return {
        "state": state,
        "algorithm": key.algorithm.value,
        "kid": key.key_id,
        "libtrust_kid": libtrust_id(key.public_key),
        "signs_from": _time(key.signs_from),
        "retires_at": _time(key.retires_at),
        "expires_at": _time(key.expires_at),
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if seconds else "-"
