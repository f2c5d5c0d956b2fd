"""A token service as an operator sets it up, with the product's own commands."""

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.interop.process import HERE, Daemon, Outcome, Place, answers, is_listening, plain_environment
from tests.interop.wire import Account, Wire

ALICE = Account("alice", "correct horse: battery, staple")
BOB = Account("bob", "bob-reads-only")

POLICY = """\
version: 1
rules:
  - id: developers-own-team
    allow: [pull, push, delete]
    principals: ["group:developers"]
    resources: ["repository:team/**", "repository:private/**", "repository:public/**"]
  - id: bob-reads-team
    allow: [pull]
    principals: ["user:bob"]
    resources: ["repository:team/**"]
  - id: own-namespace
    allow: [pull, push]
    principals: ["user:*"]
    resources: ["repository:{principal}/**"]
  - id: catalogue
    allow: ["*"]
    principals: ["group:developers"]
    resources: ["registry:catalog"]
  - id: public-images
    allow: [pull]
    principals: [anyone]
    resources: ["repository:public/**"]
"""


@dataclass(frozen=True)
class Tls:
    """A certificate with its key, and the authority that clients are to trust."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class Site:
    """One configured token service. `profiles` maps each audience to its registry profile."""

    folder: Path
    port: int
    profiles: Mapping[str, str]
    host: str = "localhost"
    bind: str = "127.0.0.1"
    tls: Tls | None = None
    algorithm: str = "ES256"
    place: Place = field(default=HERE)

    @property
    def issuer(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def realm(self) -> str:
        return f"{self.issuer}/token"

    @property
    def config(self) -> Path:
        return self.folder / "token-service.yaml"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def lay_out(self) -> None:
        """Writes everything that `serve` needs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "policies").mkdir()
        (self.folder / "policies" / "interop.yaml").write_text(POLICY)
        self.command("keys", "generate", "--dir", "keys", "--algorithm", self.algorithm)
        users = {
            account.name: {"password_hash": self._hash(account.password), "groups": list(groups)}
            for account, groups in ((ALICE, ["developers"]), (BOB, ()))
        }
        (self.folder / "users.yaml").write_text(yaml.safe_dump({"users": users}))
        self.write_config()

    def write_config(self) -> None:
        """Writes the configuration file, and nothing else."""
        self.config.write_text(yaml.safe_dump(self._settings(), sort_keys=False))

    @property
    def log(self) -> Path:
        """What `serve` writes: its own log and the audit log."""
        return self.folder / "token-service.log"

    def start(self) -> Daemon:
        """Starts `token-service serve` and waits until it is ready."""
        daemon = Daemon(
            product("serve", "--config", str(self.config)),
            log=self.log,
            env=plain_environment(self.folder),
            place=self.place,
        )
        self.wait_until_ready(daemon, self.port, "/readyz")
        return daemon

    def wait_until_ready(self, daemon: Daemon, port: int, path: str) -> None:
        """Waits for a server of this project: it listens before it has read everything, so that is not enough."""
        scheme = "https" if self.tls else "http"
        authority = self.tls.authority if self.tls else None
        url = f"{scheme}://{self.host}:{port}{path}"
        daemon.wait_for(lambda: is_listening(port, daemon.pid), f"a server on port {port}")
        daemon.wait_for(lambda: answers(url, authority, self.place), f"an answer from {url}")

    def command(self, *arguments: str, stdin: str | None = None) -> str:
        """Runs a `token-service` command in the site's folder; what it printed, or an error with all of it."""
        done = run_product(arguments, self.folder, stdin=stdin)
        if not done.ok:
            raise RuntimeError(f"token-service {' '.join(arguments)} exited with {done.code}:\n{done.output}")
        return done.output

    def registry_config(self, registry: str, service: str, out: Path) -> str:
        """The auth block for this registry, as `registry-config` prints it."""
        return self.command(
            *("registry-config", "--registry", registry, "--config", str(self.config)),
            *("--service", service, "--out", str(out)),
        )

    def wire(self, host: str, service: str) -> Wire:
        """A witness for the registry at `host`."""
        return Wire(host=host, realm=self.realm, service=service)

    def _hash(self, password: str) -> str:
        return self.command("hash-password", stdin=password + "\n").strip().splitlines()[-1]

    def _settings(self) -> dict[str, object]:
        listen: dict[str, object] = {"host": self.bind, "port": self.port}
        if self.tls:
            listen["tls"] = {"certificate": str(self.tls.certificate), "key": str(self.tls.key)}
        return {
            "issuer": self.issuer,
            "listen": listen,
            "keys": {"dir": "keys"},
            "policies": "policies",
            "services": [{"name": name, "profile": profile} for name, profile in self.profiles.items()],
            "authenticators": [{"kind": "users", "file": "users.yaml"}],
        }


def run_product(arguments: Sequence[str], folder: Path, *, place: Place = HERE, stdin: str | None = None) -> Outcome:
    """Runs `token-service` to its end."""
    return place.run(product(*arguments), env=plain_environment(folder), cwd=folder, stdin=stdin)


def header_of(token: str) -> dict[str, object]:
    """The JOSE header of a token, unverified."""
    segment = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    if not isinstance(header, dict):
        raise TypeError(f"not a JOSE header: {header!r}")
    return header


def product(*arguments: str) -> list[str]:
    """The command line of `token-service`, as this interpreter has it."""
    return [sys.executable, "-m", "token_service", *arguments]
