"""`token-service demo`: everything in one process, to try; `--check` makes the round trip itself and exits.

Keys go to `keys/` and stay; users and images live in a temporary folder and end with the process.
"""

import secrets
import socket
import string
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer

from token_service.accounts.passwords import hash_password
from token_service.cli.client import Client, Image, Refused, image
from token_service.cli.keys import write_public_files
from token_service.cli.logs import configure_logs
from token_service.cli.serve import bind, run
from token_service.clock import system_clock
from token_service.errors import LoadError, ServiceError
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm

SERVICE = "registry.localhost"

_USERS: Mapping[str, dict[str, object]] = {
    "alice": {"groups": ["developers"]},
    "bob": {"groups": ["readers"]},
    "ci": {"kind": "service-account"},
}


def demo(
    check: Annotated[bool, typer.Option("--check", help="Make a round trip and exit 0 or 1.")] = False,
    port: Annotated[int, typer.Option(help="Port of the token service.")] = 5001,
    registry_port: Annotated[int, typer.Option(help="Port of the registry.")] = 5000,
    folder: Annotated[Path, typer.Option("--keys", help="Key folder; made where it is missing.")] = Path("keys"),
    policies: Annotated[Path | None, typer.Option(help="Policy folder. Default: ./policies, or the samples.")] = None,
) -> None:
    """Token service and registry in one process, with demo users and the commands to try."""
    configure_logs(quiet=True)
    token_listener = bind("localhost", 0 if check else port, "--port")
    registry_listener = bind("localhost", 0 if check else registry_port, "--registry-port")
    try:
        with tempfile.TemporaryDirectory(prefix="token-service-demo-") as scratch:
            key_folder = Path(scratch) / "keys" if check else folder
            _run_demo(check, token_listener, registry_listener, key_folder, policies, Path(scratch))
    except OSError as error:
        raise LoadError(
            str(error.filename or "demo"), f"cannot be written: {error.strerror}", "free some space, or set TMPDIR"
        ) from None


def _run_demo(
    check: bool,
    token_listener: socket.socket,
    registry_listener: socket.socket,
    key_folder: Path,
    policies: Path | None,
    scratch: Path,
) -> None:
    _say("starting: loading the server ...")
    from token_service import app, config

    if not (key_folder / "keyring.json").exists():
        _say(f"starting: making signing keys in {key_folder}/ ...")
        keyfiles.generate(key_folder, Algorithm.ES256, system_clock())
    bundle = write_public_files(keyfiles.load(key_folder), scratch / "registry-keys", system_clock())[0]
    policy_folder = policies or sample_policies()
    _say(f"starting: reading policies from {policy_folder}/ ...")
    _say("starting: making users with random passwords ...")
    passwords = {name: _new_password() for name in _USERS}
    _write_users(scratch / "users.yaml", passwords)

    addresses = Addresses(
        f"localhost:{registry_listener.getsockname()[1]}", f"http://localhost:{token_listener.getsockname()[1]}"
    )
    settings = config.build_settings(
        {
            "issuer": addresses.issuer,
            "keys": {"dir": str(key_folder.absolute())},
            "policies": str(policy_folder.absolute()),
            "services": [{"name": SERVICE, "filters_catalogue": True}],
            "authenticators": [{"kind": "users", "file": "users.yaml"}],
            "audit": "/dev/null" if check else "-",
        },
        config.Settings,
        scratch,
    )
    registry_settings = config.build_settings(
        {
            "root": "registry",
            "realm": settings.token_url,
            "service": SERVICE,
            "issuer": addresses.issuer,
            "keys_file": str(bundle),
            "audit": "/dev/null",
        },
        config.RegistrySettings,
        scratch,
    )
    trip = RoundTrip(addresses, passwords)
    then: Callable[[], bool] = trip.check if check else trip.welcome
    run(
        [
            (app.token_server(app.build_token_service(settings), settings.listen), token_listener),
            (
                app.registry_server(app.build_registry_app(registry_settings), registry_settings.listen),
                registry_listener,
            ),
        ],
        once_ready=then,
    )
    if trip.failed:
        raise CheckFailedError("the round trip failed")


class CheckFailedError(ServiceError):
    """`demo --check` saw something that it must not see."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """`registry` is `host:port`, as docker writes it; `issuer` is a URL."""

    registry: str
    issuer: str


class RoundTrip:
    """What happens once both servers answer; both ways return whether to go on serving."""

    def __init__(self, addresses: Addresses, passwords: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._passwords = passwords
        self.failed = False

    def welcome(self) -> bool:
        """Say what to try, and put a first image there."""
        typer.echo(
            _WELCOME.format(registry=self._addresses.registry, issuer=self._addresses.issuer, **self._passwords)
        )
        try:
            self._client("alice").push("public/hello", "1", image("hello from token-service\n"))
        except Refused as error:
            # Other policies than the samples may well say no; everything else still works.
            _say(f"public/hello:1 could not be pushed as alice: {error}")
        return True

    def check(self) -> bool:
        """Each step prints one line. The first that fails ends the check."""
        alice, bob, stranger = self._client("alice"), self._client("bob"), self._client("")
        first, second = image("first\n"), image("second\n")
        steps: list[tuple[str, Callable[[], object]]] = [
            ("alice logs in", alice.login),
            ("alice pushes alice/hello:1", lambda: alice.push("alice/hello", "1", first)),
            ("alice pulls alice/hello:1", lambda: _same(alice.pull("alice/hello", "1"), first)),
            ("alice pushes public/hello:1", lambda: alice.push("public/hello", "1", second)),
            ("a stranger pulls public/hello:1", lambda: _same(stranger.pull("public/hello", "1"), second)),
            ("bob is refused to push alice/hello:2", lambda: _refused(lambda: bob.push("alice/hello", "2", second))),
            ("bob is refused to pull alice/hello:1", lambda: _refused(lambda: bob.pull("alice/hello", "1"))),
            (
                "a stranger is refused to pull alice/hello:1",
                lambda: _refused(lambda: stranger.pull("alice/hello", "1")),
            ),
            ("a wrong password is refused", lambda: _refused(self._client("alice", "wrong").login)),
        ]
        for name, step in steps:
            try:
                step()
            except (Refused, OSError) as error:
                typer.echo(f"FAIL  {name}: {error}")
                self.failed = True
                return False
            typer.echo(f"ok    {name}")
        typer.echo("the round trip works")
        return False

    def _client(self, name: str, password: str = "") -> Client:
        return Client(f"http://{self._addresses.registry}", name, password or self._passwords.get(name, ""))


def sample_policies() -> Path:
    """`policies/` of the working folder, else the samples: in the wheel, or beside the source."""
    here = Path("policies")
    if any(here.glob("*.yaml")):
        return here
    package = Path(__file__).parents[1]
    packaged = package / "sample_policies"
    return packaged if packaged.is_dir() else package.parent / "policies"


def _same(manifest: bytes, pushed: Image) -> None:
    if manifest != pushed.manifest:
        raise Refused("other bytes came back than were pushed")


def _refused(step: Callable[[], object]) -> None:
    try:
        step()
    except Refused:
        return
    raise Refused("it was allowed")


def _write_users(path: Path, passwords: Mapping[str, str]) -> None:
    users = {name: {**_USERS[name], "password_hash": hash_password(password)} for name, password in passwords.items()}
    # JSON is YAML, and this one needs no care for quoting.
    path.write_bytes(orjson.dumps({"users": users}))


def _new_password() -> str:
    """Letters and digits only, so that no shell and no option parser takes it for something else."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))


def _say(text: str) -> None:
    typer.echo(text, err=True)


_WELCOME = """
token service  {issuer}
registry       http://{registry}

user    password          may
alice   {alice:<16}  push and pull alice/**, team/**, public/**
bob     {bob:<16}  pull team/**, prod/**
ci      {ci:<16}  push team/app/**, pull team/**
-       -                 pull public/**

Try, in another terminal (public/hello:1 is there already):

  echo '{alice}' | docker login -u alice --password-stdin {registry}
  docker pull {registry}/public/hello:1
  docker tag {registry}/public/hello:1 {registry}/alice/hello:1
  docker push {registry}/alice/hello:1
  docker tag {registry}/public/hello:1 {registry}/bob/hello:1
  docker push {registry}/bob/hello:1           # denied: not alice's

  skopeo login --tls-verify=false -u alice -p '{alice}' {registry}
  skopeo copy --src-tls-verify=false --dest-tls-verify=false \\
    docker://{registry}/public/hello:1 docker://{registry}/alice/hello:2

  podman login --tls-verify=false -u bob -p '{bob}' {registry}
  podman pull --tls-verify=false {registry}/alice/hello:1     # denied: bob may not

The audit log follows, a line for each decision; the first are alice pushing public/hello:1. Ctrl-C ends it all.
"""
