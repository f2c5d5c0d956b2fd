"""The settings of both programs, as data: this module imports no room, and `app.py` builds from it.

One YAML file, read strictly; `TOKEN_SERVICE_…` environment variables override it (`__` nests:
`TOKEN_SERVICE_LISTEN__PORT=8080`). Paths are relative to the file's folder. A wrong value is a LoadError that names
the setting, its place and the fix. Descriptions below are the reference: `docs/reference/settings.md` is made from
them and a test keeps it in step.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from token_service import strict_yaml
from token_service.errors import LoadError

ENVIRONMENT_PREFIX = "TOKEN_SERVICE_"
REGISTRY_ENVIRONMENT_PREFIX = "TOKEN_SERVICE_REGISTRY_"

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_SERVICE_LINK = re.compile(r"SERVICE_HOST|(?:SERVICE_)?PORT(?:_.*)?", re.DOTALL)
"""What Kubernetes sets in every pod beside a Service that is called `token-service`."""


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, or a port that is none
        is_url = False
    if not is_url or any(character in value for character in "?#@"):
        raise ValueError("write an http(s) URL with a host name and without query, fragment or user")
    if not value.isascii() or not value.isprintable() or any(character in value for character in '"\\ '):
        raise ValueError("the URL must be plain ASCII without quotes, backslashes or spaces")
    return value


def _check_service(value: str) -> str:
    if not _SERVICE.fullmatch(value):
        raise ValueError("a service name has letters, digits and . _ : - only: some clients do not encode it")
    return value


def _check_network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("write a network such as 10.0.0.0/8 or 2001:db8::/32, without host bits") from None


# Settings take no validation context, so the folder that paths are relative to travels beside them.
_folder: ContextVar[Path] = ContextVar("_folder")


@contextmanager
def _relative_to(folder: Path) -> Iterator[None]:
    reset = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(reset)


def _absolute(value: Path) -> Path:
    return _folder.get(Path()) / value


def _absolute_unless_output(value: str) -> str:
    return value if value == "-" else str(_folder.get(Path()) / value)


Url = Annotated[str, AfterValidator(_check_url)]
ServiceName = Annotated[str, AfterValidator(_check_service)]
Network = Annotated[str, AfterValidator(_check_network)]
FilePath = Annotated[Path, AfterValidator(_absolute)]
FilePathOrOutput = Annotated[str, AfterValidator(_absolute_unless_output)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(_Section):
    """A certificate and its key. Behind a proxy that ends TLS, leave this out and set `behind_tls_proxy`."""

    certificate: FilePath = Field(description="PEM file with the certificate and its chain.")
    key: FilePath = Field(description="PEM file with the private key.")


class Listen(_Section):
    """Where to listen. Plain HTTP on anything but a loopback address is refused unless a proxy ends TLS."""

    host: str = Field("127.0.0.1", description="Address to bind.")
    port: int = Field(5001, ge=0, le=65535, description="Port to bind; 0 takes any free one.")
    tls: Tls | None = Field(None, description="End TLS here.")
    behind_tls_proxy: bool = Field(
        False, description="Say that a proxy in front ends TLS, which allows plain HTTP on other addresses."
    )
    max_connections: int = Field(1000, ge=1, description="Connections at once; more are answered 503.")
    max_connections_per_address: int = Field(
        500, ge=1, description="Connections at once from one address; behind a proxy set it to `max_connections`."
    )

    @model_validator(mode="after")
    def _check(self) -> "Listen":
        if self.tls is None and not self.behind_tls_proxy and not _is_loopback(self.host):
            raise ValueError(
                "passwords would travel in clear: set `tls`, or `behind_tls_proxy: true` where a proxy ends TLS"
            )
        return self


class AdminListen(Listen):
    """The same, at a port of its own."""

    port: int = Field(5002, ge=0, le=65535, description="Port to bind; 0 takes any free one.")


class RegistryListen(Listen):
    """The same, at the port where docker expects a registry."""

    port: int = Field(5000, ge=0, le=65535, description="Port to bind; 0 takes any free one.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Keys(_Section):
    """The signing keys."""

    dir: FilePath = Field(
        Path("keys"), description="Folder made by `token-service keys generate`.", validate_default=True
    )


class Service(_Section):
    """A registry that tokens are issued for. Requests for any other `service` are refused."""

    name: ServiceName = Field(description="The registry's `auth.token.service`; becomes the token's `aud`.")
    profile: Literal["distribution", "distribution-jwks", "distribution-2-kid", "zot"] = Field(
        "distribution", description="Which token header the registry accepts; see `docs/reference/profiles.md`."
    )
    filters_catalogue: bool = Field(
        False,
        description="Say that the registry lists only what a token's `name_filter` shows, as the reference registry "
        "does. Rules with `filter` count for such services only.",
    )


class HtpasswdAuthenticator(_Section):
    """An Apache htpasswd file (bcrypt or argon2)."""

    kind: Literal["htpasswd"]
    file: FilePath = Field(description="The htpasswd file; read again when it changes.")


class UsersAuthenticator(_Section):
    """A `users.yaml` with password hashes, groups and labels."""

    kind: Literal["users"]
    file: FilePath = Field(description="The users file; read again when it changes.")


Authenticator = Annotated[HtpasswdAuthenticator | UsersAuthenticator, Field(discriminator="kind")]


class Token(_Section):
    """The tokens that are issued."""

    lifetime: int = Field(300, ge=60, le=86400, description="Seconds a token lives, unless a rule says otherwise.")
    issued_at: bool = Field(
        True, description="Send `issued_at`. Off, clients count from receipt, whatever their clock says."
    )


class Limits(_Section):
    """What one process takes on."""

    password_workers: int | None = Field(
        None, ge=1, description="Threads that hash passwords. Default: cores less one."
    )
    password_queue: int = Field(64, ge=0, description="Logins that may wait for a thread; more are answered 429.")
    credential_cache_seconds: int = Field(60, ge=0, le=60, description="How long a verified password stays verified.")
    credential_cache_size: int = Field(10_000, ge=1, description="How many verified passwords are kept.")
    max_resources: int = Field(400, ge=1, le=1000, description="Repositories in one request; more are answered 400.")


class _Settings(BaseSettings):
    """Environment over file; pydantic's own `.env` handling is off."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, file_secret_settings, init_settings


class Settings(_Settings):
    """`token-service serve`."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    issuer: Url = Field(
        description="The `iss` of every token; registries are given the same text. No trailing slash."
    )
    realm: Url | None = Field(
        None, description="Where registries send clients. Default: the issuer followed by `/token`."
    )
    listen: Listen = Field(default_factory=Listen)
    admin: AdminListen | None = Field(
        None, description="A second listener, for `/metrics`, `/healthz` and `/readyz`; keep it private."
    )
    keys: Keys = Field(default_factory=Keys)
    policies: FilePath = Field(
        Path("policies"), description="Folder of policy files; read again when they change.", validate_default=True
    )
    services: list[Service] = Field(min_length=1, description="The registries.")
    authenticators: list[Authenticator] = Field(
        default_factory=list, description="Where names and passwords are looked up, in this order."
    )
    anonymous: bool = Field(True, description="Answer requests without credentials, as far as policies allow.")
    token: Token = Field(default_factory=Token)
    limits: Limits = Field(default_factory=Limits)
    audit: FilePathOrOutput = Field(
        "-", description="File for the audit log, one JSON object a line; `-` is standard output."
    )
    trusted_proxies: list[Network] = Field(
        default_factory=list,
        description="Networks whose `X-Forwarded-For` is believed, for rules on `source_ip`. Nobody's by default.",
    )

    @property
    def token_url(self) -> str:
        return self.realm or f"{self.issuer}/token"

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if self.issuer.endswith("/"):
            raise ValueError("issuer: leave out the trailing slash")
        if self.issuer.startswith("https:") and not self.token_url.startswith("https:"):
            raise ValueError("realm: passwords would travel in clear: write an https URL, as the issuer's is")
        names = [service.name for service in self.services]
        if len(set(names)) != len(names):
            raise ValueError("services: two have the same name")
        return self


class RegistrySettings(_Settings):
    """`token-service registry serve`."""

    model_config = SettingsConfigDict(
        env_prefix=REGISTRY_ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    listen: RegistryListen = Field(default_factory=RegistryListen)
    admin: AdminListen | None = Field(None, description="A second listener, for `/metrics`; keep it private.")
    root: FilePath = Field(description="Folder of the images, in Distribution's layout.")
    realm: Url = Field(description="Where clients get tokens: the token service's `/token`.")
    service: ServiceName = Field(description="This registry's name; the `aud` that tokens must have.")
    issuer: Url = Field(description="The `iss` that tokens must have.")
    keys_file: FilePath = Field(description="`bundle.pem` or `jwks.json` of the token service; read again on change.")
    delete: bool = Field(True, description="Allow deleting manifests, tags and blobs.")
    read_only: bool = Field(False, description="Refuse everything that writes.")
    max_manifest_bytes: int = Field(
        4 * 1024 * 1024, ge=4 * 1024 * 1024, description="The largest manifest; the OCI asks for 4 MiB at least."
    )
    max_upload_bytes: int = Field(32 * 1024 * 1024 * 1024, ge=1, description="The largest blob.")
    max_uploads_per_repository: int = Field(256, ge=1, description="Uploads that may be open in one repository.")
    audit: FilePathOrOutput = Field(
        "-", description="File for the audit log, one JSON object a line; `-` is standard output."
    )


AnySettings = TypeVar("AnySettings", Settings, RegistrySettings)


def load_settings(path: Path, kind: type[AnySettings]) -> AnySettings:
    """Read a configuration file. Raises LoadError for the first thing that is wrong with it."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise LoadError(str(path), f"cannot be read: {error.strerror}", "name it with --config FILE") from None
    node = strict_yaml.load(text, str(path))
    plain = strict_yaml.to_plain(node)
    if not isinstance(plain, dict):
        raise LoadError(f"{path}:1", "the file is not a mapping of settings", "see docs/reference/settings.md")
    return build_settings(plain, kind, path.parent.absolute(), node)


def build_settings(
    values: Mapping[str, Any], kind: type[AnySettings], folder: Path, node: strict_yaml.Node | None = None
) -> AnySettings:
    """Settings from plain values; `node` is where they came from, for the place in errors. Raises LoadError."""
    _refuse_unknown_variables(kind)
    try:
        with _relative_to(folder):
            return kind(**values)
    except ValidationError as error:
        raise _load_error(error, node, str(kind.model_config.get("env_prefix", ""))) from None
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        variable = f" {kind.model_config.get('env_prefix', '')}{field[1].upper()}" if field else ""
        raise LoadError(f"environment{variable}", "is not JSON", "write a list as JSON: [{...}]") from None


def _refuse_unknown_variables(kind: type[BaseSettings]) -> None:
    """A misspelt variable would otherwise be ignored in silence."""
    prefix = str(kind.model_config.get("env_prefix", ""))
    known = {name.upper() for name in kind.model_fields}
    for variable in os.environ:
        if not variable.startswith(prefix):
            continue
        if kind is Settings and variable.startswith(REGISTRY_ENVIRONMENT_PREFIX):
            continue
        if _SERVICE_LINK.fullmatch(variable.removeprefix(prefix)):
            continue
        if variable.removeprefix(prefix).split("__")[0] not in known:
            raise LoadError(f"environment {variable}", "is not a setting", "see docs/reference/settings.md")


def _load_error(error: ValidationError, node: strict_yaml.Node | None, prefix: str) -> LoadError:
    """The first problem, with its setting, its line and what to write there. Values are never shown: they may be
    secrets that were put into the wrong place."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = [part for part in first["loc"] if not _is_union_tag(part)]
    setting = ".".join(str(part) for part in path)
    variable = _variable(prefix, path)
    if variable is not None:
        place = f"environment {variable}"
    else:
        place = strict_yaml.locate(node, path) if node is not None else "settings"
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return LoadError(place, f"`{setting}` is missing", "see docs/reference/settings.md")
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return LoadError(place, f"`{setting}.kind` is missing or not one that is known", "use htpasswd or users")
    if first["type"] == "extra_forbidden":
        return LoadError(place, f"`{setting}` is not a setting", "see docs/reference/settings.md")
    where = f"`{setting}`: " if setting else ""
    return LoadError(place, f"{where}{problem[:1].lower()}{problem[1:]}", "see docs/reference/settings.md")


def _variable(prefix: str, path: Sequence[int | str]) -> str | None:
    """The environment variable that set what stands at `path`, something above it, or else something below it."""
    names = [str(part).upper() for part in path]
    exact = ["__".join(names[:length]) for length in range(len(names), 0, -1)]
    present = {name.upper().removeprefix(prefix): name for name in os.environ if name.upper().startswith(prefix)}
    for candidate in exact:
        if candidate in present:
            return present[candidate]
    below = sorted(name for name in present if names and name.startswith(exact[0] + "__"))
    return present[below[0]] if below else None


def _is_union_tag(part: int | str) -> bool:
    return part in ("htpasswd", "users")
