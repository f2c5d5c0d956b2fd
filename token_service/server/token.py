"""`/token`: bytes become a `TokenRequest`, a `TokenResponse` becomes bytes. It decides nothing.

A plain ASGI application, because this is the hot path and frameworks' parsing is wrong here (`docs/adr/0004`).
Wire contract: Distribution's `docs/content/spec/auth/token.md` (GET) and `oauth.md` (POST).
"""

from datetime import UTC, datetime

import orjson
import structlog
from starlette.types import Receive, Scope, Send

from token_service.authn.credentials import Credentials, parse_authorization
from token_service.errors import OAuthError, invalid_request
from token_service.grants.handler import MAX_ANSWER_BYTES, TokenHandler
from token_service.grants.request import TokenRequest, TokenResponse
from token_service.server import errors, parameters
from token_service.server.client_ip import ClientIp

MAX_QUERY_BYTES = 32 * 1024
"""A mirror asks for 300 repositories in one GET, about 57 bytes each."""

MAX_FORM_BYTES = 64 * 1024
_MAX_CLIENT_ID_LENGTH = 128
_FORM = b"application/x-www-form-urlencoded"
_ALLOW = "GET, POST"

_log = structlog.get_logger()


class TokenEndpoint:
    """`realm` is shown in the Basic challenge of a 401 on GET."""

    def __init__(self, handler: TokenHandler, client_ip: ClientIp, *, realm: str, send_issued_at: bool) -> None:
        self._handler = handler
        self._client_ip = client_ip
        self._realm = realm
        self._send_issued_at = send_issued_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        try:
            status, headers, body = await self._answer(scope, receive)
        except OAuthError as error:
            realm = self._realm if method == "GET" else None
            allow = _ALLOW if error.status == 405 else None
            status, headers, body = errors.render(error, realm=realm, allow=allow)
        except ClientDisconnectedError:
            return
        except Exception:  # noqa: BLE001 - the last resort: fail closed, in the shape that clients show
            _log.exception("token request failed")
            status, headers, body = errors.render(errors.INTERNAL)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, errors.Headers, bytes]:
        method: str = scope["method"]
        if method not in ("GET", "POST"):
            raise invalid_request("only GET and POST are answered here", 405)
        source_ip = self._source_ip(scope)
        try:
            request = await self._parse(scope, receive, method, source_ip)
        except OAuthError as error:
            self._handler.refuse(TokenRequest(source_ip=source_ip), error)
            raise
        return self._render(await self._handler.handle(request), method)

    def _source_ip(self, scope: Scope) -> str | None:
        client: tuple[str, int] | None = scope.get("client")
        forwarded_for = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        return self._client_ip.resolve(client[0] if client else None, forwarded_for)

    async def _parse(self, scope: Scope, receive: Receive, method: str, source_ip: str | None) -> TokenRequest:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        query: bytes = scope["query_string"]
        if len(query) > MAX_QUERY_BYTES:
            raise invalid_request(f"the query is longer than {MAX_QUERY_BYTES} bytes", 414)
        given = parse_authorization([value for name, value in headers if name == b"authorization"])
        grant_type, credentials = "", given
        if method == "GET":
            values = parameters.parse(query)
        else:
            values = parameters.parse(query, await _read_form(headers, receive))
            grant_type = values.get("grant_type")
            credentials = _form_credentials(values, parameters.parse(query), given)
        return TokenRequest(
            grant_type=grant_type,
            service=values.get("service"),
            scopes=values.scopes,
            credentials=credentials,
            client_id=_printable(values.get("client_id")),
            source_ip=source_ip,
        )

    def _render(self, response: TokenResponse, method: str) -> tuple[int, errors.Headers, bytes]:
        token = response.token
        answer: dict[str, object] = {"token_type": "Bearer", "expires_in": token.lifetime}
        if self._send_issued_at:
            answer["issued_at"] = datetime.fromtimestamp(token.issued_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if method == "POST":
            answer["scope"] = response.scope
        body = orjson.dumps({"token": token.raw, "access_token": token.raw, **answer})
        if len(body) > MAX_ANSWER_BYTES:
            # Every client reads `token` on GET and `access_token` on POST, the other one only some (ADR 8).
            body = orjson.dumps({"token" if method == "GET" else "access_token": token.raw, **answer})
        length = str(len(body)).encode("ascii")
        headers = [(b"content-type", b"application/json"), (b"content-length", length), *errors.NO_STORE]
        return 200, headers, body


class ClientDisconnectedError(Exception):
    """The client went away while its form was read; there is nobody to answer."""


async def _read_form(headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes:
    kinds = [value for name, value in headers if name == b"content-type"]
    encodings = [value for name, value in headers if name == b"content-encoding"]
    if len(kinds) != 1 or kinds[0].partition(b";")[0].strip().lower() != _FORM or encodings:
        raise invalid_request("the body must be application/x-www-form-urlencoded", 415)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError
        body += message.get("body", b"")
        if len(body) > MAX_FORM_BYTES:
            raise invalid_request(f"the body is larger than {MAX_FORM_BYTES} bytes", 413)
        if not message.get("more_body", False):
            return bytes(body)


def _form_credentials(
    values: parameters.Parameters, query: parameters.Parameters, given: Credentials | None
) -> Credentials | None:
    """Name and password of the form. Basic beside them must say the same (RFC 6749 2.3: one method a request)."""
    if not values.get("grant_type"):
        raise invalid_request("grant_type is missing")
    if query.get("username") or query.get("password"):
        # RFC 6749 section 2.3.1: URLs end up in logs.
        raise invalid_request("credentials belong into the form, not into the query")
    name, secret = values.get("username"), values.get("password")
    stated = Credentials(name, secret) if name or secret else None
    if given is not None and given != stated:
        raise invalid_request("the Authorization header and the form name different credentials")
    return stated


def _printable(client_id: str) -> str:
    """For the audit log only (RFC 6749 A.1: printable ASCII); anything else is left out."""
    fits = len(client_id) <= _MAX_CLIENT_ID_LENGTH and client_id.isascii() and client_id.isprintable()
    return client_id if fits else ""
