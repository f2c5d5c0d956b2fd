"""The limits of a listener, what its connections share, and how a request is refused before any application sees it.

`http1.py` enforces all this on one connection. A refusal is one of the values below: registry-shaped JSON in both
error vocabularies that never holds anything the client sent.
"""

import enum
import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from token_service.errors import OAuthError, invalid_request, too_busy, unavailable
from token_service.server.errors import body_of

MAX_TARGET_BYTES = 40 * 1024
"""A mirror asks for some 300 scopes in one query, up to 32 KiB; percent-encoded paths take the rest."""

MAX_HEADER_BYTES = 32 * 1024
MAX_HEADER_LINES = 100
MAX_PIPELINED_REQUESTS = 16
HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0

IDLE_SECONDS = 75.0
"""Longer than the 60 seconds for which nginx and load balancers keep an upstream connection: the side that closes
first must be the proxy, or it now and then sends a request into a closed connection and answers 502."""

LINGER_SECONDS = 2.0
"""How long a refused client may go on sending before the connection is reset under its hands."""

UNREAD_SECONDS = 60.0
"""How long an answer may wait for a client that does not read it."""

MAX_CONNECTIONS = 1_000
"""Fits the usual soft limit of 1,024 open files. Idle connections give way to new ones, so only busy ones count."""

MAX_CONNECTIONS_PER_ADDRESS = 500
"""Half of all: enough for a site behind NAT or for a reverse proxy, and one address cannot take the whole service."""

HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

BAD_SYNTAX = invalid_request("the request is not well-formed HTTP/1.1")
BAD_HOST = invalid_request("the request must have exactly one valid Host header")
BAD_TARGET = invalid_request("the request target must be a path")
BAD_UPGRADE = invalid_request("a request with a body must not offer another protocol")
BAD_CODING = invalid_request("the only transfer coding accepted is chunked")
TARGET_TOO_LONG = invalid_request("the request target is too long", 414)
HEADERS_TOO_LARGE = invalid_request("the header block is too large", 431)
TIMED_OUT = invalid_request("the request did not arrive in time", 408)
TOO_MANY_CONNECTIONS = unavailable("too many connections are open")
TOO_MANY_FROM_ADDRESS = too_busy("too many connections are open from this address", 5)


class BodyDeadline(enum.Enum):
    """What `body_seconds` limits."""

    TOTAL = "the whole body"
    """For small bodies, such as a token request's form."""
    IDLE = "the time between two pieces of it"
    """For uploads, which may take as long as they make progress."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one listener; durations are in seconds."""

    target_bytes: int = MAX_TARGET_BYTES
    header_bytes: int = MAX_HEADER_BYTES
    header_lines: int = MAX_HEADER_LINES
    pipelined_requests: int = MAX_PIPELINED_REQUESTS
    connections: int = MAX_CONNECTIONS
    connections_per_address: int = MAX_CONNECTIONS_PER_ADDRESS
    head_seconds: float = HEAD_SECONDS
    body_seconds: float = BODY_SECONDS
    body_deadline: BodyDeadline = BodyDeadline.TOTAL
    idle_seconds: float = IDLE_SECONDS
    linger_seconds: float = LINGER_SECONDS
    unread_seconds: float = UNREAD_SECONDS


class Connection(Protocol):
    """One of them, as far as the others care."""

    def hang_up(self) -> None: ...


class Edge:
    """What the connections of one listener share: their limits, how many each address holds, which are idle."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.idle: dict[Connection, None] = {}  # in the order in which they fell idle
        self._held: Counter[str] = Counter()
        self._open = 0

    def enter(self, network: str) -> OAuthError | None:
        """Count a new connection. Returns why it must be refused, or None; either way it has to `leave`."""
        self._held[network] += 1
        self._open += 1
        if self._held[network] > self.limits.connections_per_address:
            return TOO_MANY_FROM_ADDRESS
        if self._open > self.limits.connections:
            if not self.idle:
                return TOO_MANY_CONNECTIONS
            next(iter(self.idle)).hang_up()
        return None

    def leave(self, network: str) -> None:
        self._open -= 1
        self._held[network] -= 1
        if not self._held[network]:
            del self._held[network]


def network_of(host: str) -> str:
    """What counts as one address: an IPv4 address, mapped or not, or an IPv6 /64, which is what one host is given."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
        address = address.ipv4_mapped
    return str(address)


def render(error: OAuthError, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole HTTP/1.1 response for `error`, with `headers` (the date) added; it ends the connection."""
    body = body_of(error)
    lines = [b"HTTP/1.1 %d %s" % (error.status, HTTPStatus(error.status).phrase.encode("ascii"))]
    lines += [b"%s: %s" % header for header in headers]
    lines += [b"content-type: application/json", b"content-length: %d" % len(body)]
    lines += [b"cache-control: no-store", b"connection: close"]
    if error.retry_after is not None:
        lines.append(b"retry-after: %d" % error.retry_after)
    return b"\r\n".join([*lines, b"", body])
