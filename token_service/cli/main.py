"""`token-service`: the verbs, and the one place where an error becomes a line on the terminal and an exit status."""

import sys
from typing import Annotated

import typer

from token_service import __version__
from token_service.cli import demo, keys, policy, registry, serve
from token_service.errors import ServiceError

app = typer.Typer(
    name="token-service",
    help="Token authorization service for container registries.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("registry-config")(registry.registry_config)
app.command("hash-password")(serve.hash_password)
app.add_typer(registry.app, name="registry")
app.add_typer(serve.config_app, name="config")
app.add_typer(keys.app, name="keys")
app.add_typer(policy.app, name="policy")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options before the verb."""


def main() -> None:
    try:
        app()
    except ServiceError as error:
        sys.stderr.write(f"token-service: {error}\n")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
