"""`token-service policy …`: what a policy says, offline, on files."""

from pathlib import Path
from typing import Annotated

import typer

from token_service.policy.file import load_policy

app = typer.Typer(help="Policies: check and test them.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The policy folder.")]


@app.command()
def check(folder: Folder = Path("policies")) -> None:
    """Load a policy folder as the service would, and say what is wrong with it."""
    policy = load_policy(folder)
    typer.echo(f"{folder}: ok, version {policy.version}")
