"""The composition root: settings become programs. The only module that knows every room.

`config.py` describes and this builds; no other module constructs what it does not own.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from token_service import config
from token_service.accounts.account import Account, Accounts
from token_service.accounts.htpasswd import parse_htpasswd
from token_service.accounts.users_file import parse_users
from token_service.audit import AuditFile, AuditSink
from token_service.authn.chain import AuthenticatorChain
from token_service.authn.hashing import PasswordVerifier
from token_service.authn.password import PasswordAuthenticator
from token_service.clock import Clock, system_clock, system_stopwatch
from token_service.errors import LoadError
from token_service.files import ReloadedFile, read_bytes
from token_service.grants.handler import TokenHandler, TokenOptions
from token_service.grants.password import PasswordGrant
from token_service.policy.file import PolicyFolder
from token_service.registry import CachingVerifier, RegistryOptions, build_registry
from token_service.registry.metrics import RequestMetrics
from token_service.server import app as server_app
from token_service.server import health, well_known
from token_service.server.client_ip import ClientIp
from token_service.server.edge import BodyDeadline, Limits
from token_service.server.listener import server_config
from token_service.server.metrics import Metrics
from token_service.server.token import TokenEndpoint
from token_service.token import keyfiles
from token_service.token.issuer import Audience, Issuer, Profile
from token_service.token.keyring import KeyRing, NoSigningKeyError
from token_service.token.trusted import load_trusted_keys

_MAX_ACCOUNTS_BYTES = 64 * 1024 * 1024
_REGISTRY_HEADER_BYTES = 64 * 1024

_log = structlog.get_logger()


def build_token_service(settings: config.Settings, *, clock: Clock = system_clock) -> server_app.TokenServiceApp:
    """The token service. Raises LoadError for anything that it could not run with."""
    keyring = ReloadedFile(
        settings.keys.dir / "keyring.json", partial(keyfiles.load, settings.keys.dir), _warn("keys")
    )
    audiences = _audiences(settings, keyring())
    policies = PolicyFolder(settings.policies)
    accounts = [_accounts(authenticator) for authenticator in settings.authenticators]
    passwords = _password_verifier(settings.limits)
    checks: list[tuple[str, health.Check]] = [
        ("policies", lambda: policies.problem),
        ("keys", lambda: keyring.problem or _signing_problem(keyring(), clock())),
        *((f"accounts {n} ({one.path.name})", partial(_problem, one)) for n, one in enumerate(accounts, start=1)),
    ]
    audit = AuditFile(settings.audit)
    metrics = Metrics(checks, lambda: _signing_seconds_left(keyring(), clock()), lambda: float(audit.dropped))
    handler = TokenHandler(
        options=_token_options(settings, audiences),
        grants=[
            PasswordGrant(
                AuthenticatorChain([PasswordAuthenticator(accounts, passwords, clock)]),
                allow_anonymous=settings.anonymous,
            )
        ],
        policy=lambda: policies.current,
        issuer=Issuer(keyring, settings.issuer, clock, _new_token_id),
        audit=metrics.counting(audit),
        clock=clock,
    )
    endpoint = TokenEndpoint(
        handler, ClientIp(settings.trusted_proxies), realm=settings.issuer, send_issued_at=settings.token.issued_at
    )
    document = well_known.metadata(settings.issuer, settings.token_url)
    return server_app.build(
        endpoint,
        public=[well_known.router(keyring, clock, document), health.router(checks, show_details=False)],
        admin=[metrics.router(), health.router(checks, show_details=True)],
        lifespan=_lifespan(policies, passwords),
    )


def _token_options(settings: config.Settings, audiences: dict[str, Audience]) -> TokenOptions:
    return TokenOptions(
        audiences=audiences,
        default_audience=settings.services[0].name if len(settings.services) == 1 else None,
        lifetime=settings.token.lifetime,
        max_resources=settings.limits.max_resources,
    )


def _password_verifier(limits: config.Limits) -> PasswordVerifier:
    return PasswordVerifier(
        workers=limits.password_workers or max(1, (os.cpu_count() or 2) - 1),
        queue=limits.password_queue,
        cache_seconds=limits.credential_cache_seconds,
        cache_size=limits.credential_cache_size,
        stopwatch=system_stopwatch,
    )


def _lifespan(
    policies: PolicyFolder, passwords: PasswordVerifier
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # An event and not a cancellation: that would wait until the watcher's thread next looks up, five seconds.
        stop = asyncio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(policies.watch, stop)
            try:
                yield
            finally:
                stop.set()
        passwords.close()

    return lifespan


def build_registry_app(
    settings: config.RegistrySettings, *, metrics: RequestMetrics | None = None, clock: Clock = system_clock
) -> ASGIApp:
    """The reference registry, counting into `metrics`. Raises LoadError for anything that it could not run with."""
    keys = ReloadedFile(settings.keys_file, partial(load_trusted_keys, settings.keys_file), _warn("keys_file"))
    try:
        settings.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoadError(
            str(settings.root), f"cannot be made: {error.strerror}", "name a `root` you may write to"
        ) from None
    options = RegistryOptions(
        root=settings.root,
        realm=settings.realm,
        service=settings.service,
        delete_enabled=settings.delete,
        read_only=settings.read_only,
        max_manifest_bytes=settings.max_manifest_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        max_uploads_per_repository=settings.max_uploads_per_repository,
    )
    audit: AuditSink = AuditFile(settings.audit)
    verifier = CachingVerifier(keys, settings.issuer, settings.service, clock)
    return build_registry(options, verifier, metrics.counting(audit) if metrics else audit)


def build_registry_admin(metrics: RequestMetrics) -> ASGIApp:
    """What the registry's private listener serves."""
    return Starlette(routes=[Route("/metrics", lambda _request: metrics.response())])


def load_accounts(settings: config.Settings) -> dict[str, Account]:
    """The accounts of all files, by name, as logins find them: the first file that has a name decides.

    Raises LoadError.
    """
    accounts: dict[str, Account] = {}
    for authenticator in reversed(settings.authenticators):
        accounts |= _accounts(authenticator)()
    return accounts


def token_server(app: ASGIApp, listen: config.Listen) -> uvicorn.Config:
    """The token service on the network: a whole form within ten seconds."""
    return _server(app, listen, Limits(body_deadline=BodyDeadline.TOTAL))


def registry_server(app: ASGIApp, listen: config.Listen) -> uvicorn.Config:
    """The registry on the network: an upload may take hours, as long as bytes keep coming.

    Its heads are larger, since the largest token that is issued must fit.
    """
    return _server(app, listen, Limits(body_deadline=BodyDeadline.IDLE, header_bytes=_REGISTRY_HEADER_BYTES))


def _server(app: ASGIApp, listen: config.Listen, limits: Limits) -> uvicorn.Config:
    return server_config(
        app,
        listen.host,
        listen.port,
        limits=replace(
            limits,
            connections=listen.max_connections,
            connections_per_address=listen.max_connections_per_address,
        ),
        ssl_certfile=listen.tls.certificate if listen.tls else None,
        ssl_keyfile=listen.tls.key if listen.tls else None,
    )


def _audiences(settings: config.Settings, keyring: KeyRing) -> dict[str, Audience]:
    audiences = {
        service.name: Audience(service.name, Profile(service.profile), service.filters_catalogue)
        for service in settings.services
    }
    for audience in audiences.values():
        if audience.profile is Profile.ZOT and audience.name not in keyring.fixed:
            raise LoadError(
                str(settings.keys.dir),
                f"there is no key for the zot `{audience.name}`",
                f"run `token-service keys generate --service {audience.name}`",
            )
    return audiences


class _AccountsFile(ReloadedFile[Accounts]):
    def __init__(self, path: Path, parse: Callable[[bytes, str], Accounts]) -> None:
        self.path = path
        fix = "name an existing file in `authenticators`"
        super().__init__(
            path, lambda: parse(read_bytes(path, _MAX_ACCOUNTS_BYTES, fix), str(path)), _warn("accounts")
        )


def _accounts(authenticator: config.Authenticator) -> _AccountsFile:
    match authenticator:
        case config.HtpasswdAuthenticator():
            return _AccountsFile(authenticator.file, parse_htpasswd)
        case config.UsersAuthenticator():
            return _AccountsFile(authenticator.file, parse_users)


def _problem(source: _AccountsFile) -> str | None:
    source()
    return source.problem


def _signing_problem(keyring: KeyRing, now: int) -> str | None:
    try:
        keyring.active(now)
    except NoSigningKeyError as error:
        return str(error)
    return None


def _signing_seconds_left(keyring: KeyRing, now: int) -> float:
    try:
        return float(keyring.active(now).expires_at - now)
    except NoSigningKeyError:
        return 0.0


def _warn(what: str) -> Callable[[str], None]:
    return lambda problem: _log.warning("kept the last good one", what=what, problem=problem)


def _new_token_id() -> str:
    return secrets.token_urlsafe(16)
