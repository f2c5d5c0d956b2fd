"""`token-service registry serve` and `token-service registry-config`."""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from token_service import config
from token_service.cli.keys import write_public_files
from token_service.cli.logs import configure_logs
from token_service.cli.serve import bind, run
from token_service.clock import system_clock
from token_service.errors import LoadError
from token_service.registry import Layout, sweep_uploads
from token_service.registry.metrics import RequestMetrics
from token_service.token import keyfiles

app = typer.Typer(help="The reference registry.", no_args_is_help=True)

RegistryConfig = Annotated[Path, typer.Option("--config", help="The registry's configuration file.")]


class RegistryKind(StrEnum):
    DISTRIBUTION_2_8 = "distribution-2.8"
    DISTRIBUTION_3_0 = "distribution-3.0"
    DISTRIBUTION_3_1 = "distribution-3.1"
    ZOT = "zot"


@app.command()
def serve(
    config_file: RegistryConfig = Path("registry.yaml"),
) -> None:
    """Run the reference registry."""
    from token_service.app import build_registry_admin, build_registry_app, registry_server, token_server

    configure_logs()
    settings = config.load_settings(config_file, config.RegistrySettings)
    listener = bind(settings.listen.host, settings.listen.port, "listen.port")
    metrics = RequestMetrics()
    servers = [(registry_server(build_registry_app(settings, metrics=metrics), settings.listen), listener)]
    if settings.admin is not None:
        admin_listener = bind(settings.admin.host, settings.admin.port, "admin.port")
        servers.append((token_server(build_registry_admin(metrics), settings.admin), admin_listener))
    run(servers)


@app.command()
def sweep(
    config_file: RegistryConfig = Path("registry.yaml"),
    older_than: Annotated[int, typer.Option(min=1, help="Hours since an upload began.")] = 168,
) -> None:
    """Remove uploads that were begun long ago and never finished. Safe while the registry runs."""
    settings = config.load_settings(config_file, config.RegistrySettings)
    for removed in sweep_uploads(Layout(settings.root), system_clock() - older_than * 3600):
        typer.echo(f"removed {removed}")


def registry_config(
    registry: Annotated[RegistryKind, typer.Option(help="The registry to configure.")],
    config_file: Annotated[Path, typer.Option("--config", help="The token service's configuration.")] = Path(
        "token-service.yaml"
    ),
    service: Annotated[str, typer.Option(help="Which of the services, where there are several.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the key files that the registry needs.")] = Path(
        "registry-keys"
    ),
) -> None:
    """Print the registry's configuration block, and write the key files it names."""
    settings = config.load_settings(config_file, config.Settings)
    chosen = _choose(settings, service)
    block = config_block(registry, settings, chosen, out.absolute())
    ring = keyfiles.load(settings.keys.dir)
    if registry is RegistryKind.ZOT and chosen.name not in ring.fixed:
        raise LoadError(
            chosen.name, "has no key of its own", f"run `token-service keys generate --service {chosen.name}`"
        )
    for path in write_public_files(ring, out, system_clock()):
        typer.echo(f"# wrote {path}", err=True)
    typer.echo(block)


def config_block(registry: RegistryKind, settings: config.Settings, service: config.Service, folder: Path) -> str:
    """The configuration that makes `registry` trust us. Raises LoadError where its profile does not fit."""
    fitting = _FITTING_PROFILES[registry]
    if service.profile not in fitting:
        raise LoadError(
            f"services: {service.name}",
            f"the profile {service.profile} does not fit {registry}",
            f"set `profile: {fitting[0]}`",
        )
    if registry is RegistryKind.ZOT:
        certificate = str(folder / f"service-{service.name}.pem")
        bearer = {"realm": settings.token_url, "service": service.name, "cert": certificate}
        return json.dumps({"http": {"auth": {"bearer": bearer}}}, indent=2)
    name, file = ("jwks", "jwks.json") if service.profile == "distribution-jwks" else ("rootcertbundle", "bundle.pem")
    return _DISTRIBUTION_BLOCK.format(
        realm=settings.token_url,
        service=service.name,
        issuer=settings.issuer,
        keys=f"    {name}: {_yaml_text(str(folder / file))}",
    )


def _yaml_text(text: str) -> str:
    """Plain where YAML reads it as it stands, else double-quoted, which JSON's strings are, too."""
    return text if re.fullmatch(r"[A-Za-z0-9/_.-]+", text, re.ASCII) else json.dumps(text)


_FITTING_PROFILES = {
    RegistryKind.DISTRIBUTION_2_8: ("distribution", "distribution-2-kid"),
    RegistryKind.DISTRIBUTION_3_0: ("distribution", "distribution-jwks"),
    RegistryKind.DISTRIBUTION_3_1: ("distribution", "distribution-jwks"),
    RegistryKind.ZOT: ("zot",),
}

_DISTRIBUTION_BLOCK = """\
auth:
  token:
    realm: {realm}
    service: {service}
    issuer: {issuer}
{keys}"""


def _choose(settings: config.Settings, name: str) -> config.Service:
    if not name and len(settings.services) == 1:
        return settings.services[0]
    for service in settings.services:
        if service.name == name:
            return service
    names = ", ".join(service.name for service in settings.services)
    raise LoadError("--service", "names none of the configured services", f"one of: {names}")
