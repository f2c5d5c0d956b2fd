"""The registries, each started from what `token-service registry-config` prints for it."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.interop.process import Daemon, events_in, is_listening, plain_environment
from tests.interop.site import Site, product
from tests.interop.tools import DISTRIBUTION_2_8, DISTRIBUTION_3_0, DISTRIBUTION_3_1, AptTool, GoTool


@dataclass(frozen=True)
class Kind:
    """A registry program and what `registry-config` calls it."""

    name: str
    title: str
    program: AptTool | GoTool | None = None

    def missing(self) -> str:
        return self.program.missing() if self.program else ""

    def shown_version(self) -> str:
        return self.program.shown_version() if self.program else "this tree"


DISTRIBUTION = (
    Kind("distribution-2.8", "Distribution", DISTRIBUTION_2_8),
    Kind("distribution-3.0", "Distribution", DISTRIBUTION_3_0),
    Kind("distribution-3.1", "Distribution", DISTRIBUTION_3_1),
)
REFERENCE = Kind("reference", "reference registry")
KINDS = {kind.name: kind for kind in (*DISTRIBUTION, REFERENCE)}


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    kind: Kind
    host: str
    service: str
    site: Site
    daemon: Daemon

    def mounted(self, repository: str) -> bool:
        """Whether the registry's log tells of a cross-repository mount into this repository that was made."""
        if self.kind is REFERENCE:
            expected = {"action": "mount", "repository": repository, "status": 201}
            return any(expected.items() <= event.items() for event in events_in(self.daemon.log))
        log = self.daemon.log.read_text(errors="replace")
        request = rf"POST /v2/{re.escape(repository)}/blobs/uploads/\?\S*mount=\S* HTTP/1\.1"
        return bool(re.search(rf'"{request}" 201\b', log))


def start(kind: Kind, site: Site, folder: Path, port: int, service: str) -> Registry:
    """Starts a registry that trusts the site's tokens, beside it and with the same certificate."""
    folder.mkdir(parents=True)
    if kind is REFERENCE:
        command = _reference_command(site, folder, port, service)
    else:
        command = _distribution_command(kind, site, folder, port, service)
    environment = plain_environment(folder, OTEL_TRACES_EXPORTER="none")
    daemon = Daemon(command, log=folder / "registry.log", env=environment, place=site.place)
    if kind is REFERENCE:
        site.wait_until_ready(daemon, port, "/healthz")
    else:
        daemon.wait_for(lambda: is_listening(port, daemon.pid), f"{kind.name} on port {port}")
    return Registry(kind=kind, host=f"{site.host}:{port}", service=service, site=site, daemon=daemon)


def _distribution_command(kind: Kind, site: Site, folder: Path, port: int, service: str) -> list[str | Path]:
    if kind.program is None:
        raise ValueError(f"{kind.name} has no program")
    http: dict[str, object] = {"addr": f"{site.bind}:{port}"}
    if site.tls:
        http["tls"] = {"certificate": str(site.tls.certificate), "key": str(site.tls.key)}
    storage = {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}}
    config = folder / "config.yaml"
    own = yaml.safe_dump({"version": 0.1, "storage": storage, "http": http}, sort_keys=False)
    config.write_text(own + site.registry_config(kind.name, service, folder / "trust"))
    return [kind.program.path, "serve", config]


def _reference_command(site: Site, folder: Path, port: int, service: str) -> list[str | Path]:
    site.command("keys", "export", "--dir", str(site.keys), "--out", str(folder / "trust"))
    listen: dict[str, object] = {"host": site.bind, "port": port}
    if site.tls:
        listen["tls"] = {"certificate": str(site.tls.certificate), "key": str(site.tls.key)}
    settings = {
        "listen": listen,
        "root": str(folder / "data"),
        "realm": site.realm,
        "service": service,
        "issuer": site.issuer,
        "keys_file": str(folder / "trust" / "bundle.pem"),
    }
    config = folder / "registry.yaml"
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    return list(product("registry", "serve", "--config", str(config)))
