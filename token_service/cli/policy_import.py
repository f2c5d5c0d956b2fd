"""`token-service policy import …`: other servers' rules as policies of ours (`docs/migrate-docker-auth.md`).

What belongs here: reading, refusing to overwrite, writing. What does not: what the rules mean
(`policy/docker_auth/`).
"""

from pathlib import Path
from typing import Annotated

import typer

from token_service.accounts.account import name_problem
from token_service.accounts.passwords import hash_problem
from token_service.accounts.users_file import parse_users
from token_service.errors import LoadError
from token_service.files import read_bytes, write_atomically
from token_service.policy.docker_auth import Imported, import_config
from token_service.strict_yaml import MAX_BYTES

USERS = "users.yaml"
POLICY = "policies/docker-auth.yaml"
REPORT = "REPORT.md"

app = typer.Typer(help="Import other servers' rules.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Import other servers' rules."""


@app.command("docker-auth")
def docker_auth(
    source: Annotated[Path, typer.Argument(metavar="AUTH_CONFIG", help="docker_auth's configuration file.")],
    out: Annotated[Path, typer.Option(help="The folder to write to; it must be new or empty.")] = Path("imported"),
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Leave out what cannot be imported; never grants more.")
    ] = False,
) -> None:
    """Turn cesanta/docker_auth's users and acl into users.yaml, a policy and a report; exit 1 where not exactly."""
    _refuse_to_overwrite(out)
    imported = import_config(
        read_bytes(source, MAX_BYTES, "name docker_auth's YAML file"), str(source), _user_problem
    )
    parse_users(imported.users.encode(), USERS)
    typer.echo(imported.report)
    if imported.problems and not allow_partial:
        raise LoadError(
            str(source),
            f"cannot be imported exactly (problems: {len(imported.problems)}), so nothing was written",
            "change them, or leave them out with --allow-partial, which grants less",
        )
    _write(out, imported)
    typer.echo(f"Wrote {out / USERS}, {out / POLICY} and {out / REPORT}.")


def _user_problem(name: str, password_hash: str) -> str | None:
    return name_problem(name) or hash_problem(password_hash)


def _refuse_to_overwrite(out: Path) -> None:
    try:
        is_taken = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise LoadError(str(out), f"cannot be read: {error.strerror}", "name another folder with --out") from None
    if is_taken:
        raise LoadError(str(out), "is there already and not empty", "name another folder with --out")


def _write(out: Path, imported: Imported) -> None:
    try:
        (out / POLICY).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out / USERS, imported.users.encode(), 0o600)
        write_atomically(out / POLICY, imported.policy.encode(), 0o644)
        write_atomically(out / REPORT, imported.report.encode(), 0o644)
    except OSError as error:
        raise LoadError(str(out), f"cannot be written: {error.strerror}", "name another folder with --out") from None
