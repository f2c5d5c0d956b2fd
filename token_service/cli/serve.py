"""`token-service serve`, `config check` and `hash-password`."""

import asyncio
import errno
import getpass
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import structlog
import typer
import uvicorn
import uvloop

from token_service import audit, config
from token_service.accounts.passwords import hash_password as make_hash
from token_service.cli.logs import configure_logs
from token_service.errors import LoadError

_log = structlog.get_logger()

ConfigFile = Annotated[Path, typer.Option("--config", help="The configuration file.")]

config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)


def serve(config_file: ConfigFile = Path("token-service.yaml")) -> None:
    """Run the token service."""
    from token_service.app import build_token_service, token_server

    configure_logs()
    settings = config.load_settings(config_file, config.Settings)
    listener = bind(settings.listen.host, settings.listen.port, "listen.port")
    app = build_token_service(settings)
    servers = [(token_server(app, settings.listen), listener)]
    if settings.admin is not None:
        admin_listener = bind(settings.admin.host, settings.admin.port, "admin.port")
        servers.append((token_server(app.admin, settings.admin), admin_listener))
    run(servers)


@config_app.command("check")
def config_check(config_file: ConfigFile = Path("token-service.yaml")) -> None:
    """Read the configuration and everything it names, as `serve` would, and say what is wrong."""
    from token_service.app import build_token_service

    settings = config.load_settings(config_file, config.Settings)
    audit.check_file(settings.audit)
    build_token_service(settings.model_copy(update={"audit": os.devnull}))
    typer.echo(f"{config_file}: ok")


@config_app.command("schema")
def config_schema(
    kind: Annotated[str, typer.Argument(help="`token-service` or `registry`.")] = "token-service",
) -> None:
    """Print the JSON Schema of a configuration file, for editors."""
    models: dict[str, type[config.Settings] | type[config.RegistrySettings]] = {
        "token-service": config.Settings,
        "registry": config.RegistrySettings,
    }
    if kind not in models:
        raise LoadError(kind, "is not a configuration file", f"name one of {', '.join(models)}")
    typer.echo(orjson.dumps(models[kind].model_json_schema(), option=orjson.OPT_INDENT_2).decode())


def hash_password() -> None:
    """Read a password from standard input (or ask for one) and print its hash for users.yaml or htpasswd."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise LoadError("hash-password", "the two passwords differ", "try again")
    else:
        try:
            password = sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise LoadError("hash-password", "the password is not UTF-8") from None
    try:
        typer.echo(make_hash(password))
    except ValueError as error:
        raise LoadError("hash-password", str(error)) from None


def run(
    servers: Sequence[tuple[uvicorn.Config, socket.socket]], *, once_ready: Callable[[], bool] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. `once_ready` runs in a thread when all answer; where it returns False, stop."""
    _allow_open_files()
    uvloop.run(_serve_all(servers, once_ready))


def _allow_open_files() -> None:
    """Use what the system grants: the soft limit of 1,024 files is for programs that call select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve_all(
    servers: Sequence[tuple[uvicorn.Config, socket.socket]], once_ready: Callable[[], bool] | None
) -> None:
    running = [(_Server(server), listener) for server, listener in servers]

    def stop() -> None:
        for server, _ in running:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in running]
    try:
        for server, _ in running:
            await server.answering.wait()
        if once_ready is not None and not await asyncio.to_thread(once_ready):
            stop()
        await asyncio.gather(*tasks)
    finally:
        stop()


class _Server(uvicorn.Server):
    """Leaves signals alone: with two servers in one process each would take them from the other."""

    def __init__(self, settings: uvicorn.Config) -> None:
        super().__init__(settings)
        self.answering = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
            for listener in sockets or ():
                host, port = listener.getsockname()[:2]
                _log.info("listening", host=host, port=port)
        finally:
            self.answering.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A bound socket; it listens once the server is ready. Raises LoadError that names the setting to change."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        problem = "is in use by another program" if busy else f"cannot be bound: {error.strerror}"
        raise LoadError(f"port {port} on {host}", problem, f"choose another one with {setting}") from None
    return listener
