"""The HTTP/1.1 edge: what has to hold before a request reaches an application. Both servers stand behind it.

uvicorn with httptools lets pass what a public listener must not: requests with no or two Host headers, a header block
of any size, and a client that drips bytes or says nothing at all. `Guard` extends uvicorn's protocol class by these
rules, and by nothing else:

* one plausible Host, a path as the target, `Transfer-Encoding` absent or `chunked`: else 400;
* a bounded target (414) and header block (431), counted while they arrive and not when they are complete;
* one deadline at a time, for whatever the connection waits for: a head, a body, the next request, a reader;
* a bounded number of connections, in all and for one address, and of pipelined requests.

A refusal is answered once and ends the connection. Answers to the requests before it are sent first. What a request
means is not this module's matter: methods, paths, parameters and the size of a body are the application's.
"""

import asyncio
import enum
from typing import Any, NoReturn

import httptools
from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from token_service.errors import OAuthError
from token_service.server.edge import (
    BAD_CODING,
    BAD_HOST,
    BAD_SYNTAX,
    BAD_TARGET,
    BAD_UPGRADE,
    HEADERS_TOO_LARGE,
    HOST,
    TARGET_TOO_LONG,
    TIMED_OUT,
    BodyDeadline,
    Edge,
    network_of,
    render,
)


class _Part(enum.Enum):
    """Which part of a message the parser is in."""

    NOTHING = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class _Stop(Exception):
    """Leaves a parser callback; `Guard._because` says why."""


class Guard(HttpToolsProtocol):
    """One connection. The parser's callbacks keep the books, then `_watch` arms the one deadline that fits."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        edge: Edge,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._edge = edge
        self._limits = edge.limits
        self._network = ""
        self._running: RequestResponseCycle | None = None
        self._part = _Part.HEAD  # the first head is due from the moment of connection
        self._messages = 0
        self._header_bytes = 0
        self._header_lines = 0
        self._body_pieces = 0
        self._progress = 0
        self._unconsumed_bytes = 0
        self._because = BAD_SYNTAX
        self._deaf = False  # what still arrives is ignored
        self._lingering = False  # a refusal is sent; the connection stays until the client has read it
        self._waits_for: tuple[str, int, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._network = network_of(self.client[0]) if self.client else ""
        refusal = self._edge.enter(self._network)
        if refusal is not None:  # no lingering here: a connection that is one too many must not stay
            self._deaf = True
            transport.write(render(refusal, self.server_state.default_headers))
            transport.close()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._edge.leave(self._network)
        self._edge.idle.pop(self, None)
        for timer in (self._timer, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def hang_up(self) -> None:
        """Close as soon as the client has read what is written, or without it in `unread_seconds`."""
        self.transport.close()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self._limits.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        progress = self._progress
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Java's client and `curl --http2` offer h2c first of all. That may be ignored (RFC 9110 section 7.8), but
            # the parser drops what follows in this buffer, so nothing may follow on this connection.
            self.cycle.keep_alive = False
            self._deaf = True
        except httptools.HttpParserError:
            self._refuse(self._because)
        # The callbacks see a header, a trailer or a chunk extension only when it is whole: count what comes before.
        self._unconsumed_bytes = self._unconsumed_bytes + len(data) if progress == self._progress else 0
        if self._unconsumed_bytes > self._limits.target_bytes + self._limits.header_bytes:
            self._refuse(HEADERS_TOO_LARGE)
        self._watch()

    # The parser's callbacks

    def on_message_begin(self) -> None:
        self._part = _Part.HEAD
        self._messages += 1
        self._header_bytes = self._header_lines = 0
        if len(self.pipeline) >= self._limits.pipelined_requests:
            self._stop(BAD_SYNTAX)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.target_bytes:
            self._stop(TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_lines += 1
        self._header_bytes += len(name) + len(value) + len(b": \r\n")
        if self._header_lines > self._limits.header_lines or self._header_bytes > self._limits.header_bytes:
            self._stop(HEADERS_TOO_LARGE)
        if self._part is _Part.HEAD:  # a trailer must not change the headers of a request that is being answered
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        self._check_head()
        super().on_headers_complete()
        self._part = _Part.BODY
        self._progress += 1

    def _check_head(self) -> None:
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            self._stop(BAD_SYNTAX)
        # Absolute and authority forms name a host a second time; OPTIONS * and a fragment name nothing that is here.
        if not self.url.startswith(b"/") or b"#" in self.url or self.parser.get_method() == b"CONNECT":
            self._stop(BAD_TARGET)
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
            self._stop(BAD_HOST)
        self._check_body(version)

    def _check_body(self, version: str) -> None:
        # Content-Length beside Transfer-Encoding never comes here: llhttp refuses it (RFC 9112 section 6.3).
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (codings != [b"chunked"] or version == "1.0"):
            self._stop(BAD_CODING)
        # httptools skips the body of such a request: the application would be shown an empty one.
        if self.parser.should_upgrade() and (codings or any(name == b"content-length" for name, _ in self.headers)):
            self._stop(BAD_UPGRADE)

    def on_body(self, body: bytes) -> None:
        self._progress += 1
        self._body_pieces += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part = _Part.NOTHING
        self._progress += 1
        super().on_message_complete()

    def _stop(self, because: OAuthError) -> NoReturn:
        self._because = because
        raise _Stop

    # The application's side

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # uvicorn's own idle timer, which it forgets after an unread body
        self._watch()

    def _unanswered(self) -> RequestResponseCycle | None:
        """The request that the application is answering now."""
        return None if self._running is None or self._running.response_complete else self._running

    # Refusals

    def _refuse(self, error: OAuthError) -> None:
        """Answer what is being received with an error, unless other answers come first, and end the connection."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        broken = self.cycle if self._part is _Part.BODY else None
        if self.pipeline and self.pipeline[0][0] is broken:
            self.pipeline.popleft()  # it was queued and will not be started
        running = self._unanswered()
        if running is not None and running is not broken:
            (self.pipeline[0][0] if self.pipeline else running).keep_alive = False  # the last of them closes
            return
        if broken is not None and broken.response_started:
            self.hang_up()
        else:
            self._send(error)
        if broken is not None:  # the application learns from `receive` that its client is gone
            broken.disconnected = True
            broken.message_event.set()

    def _send(self, error: OAuthError) -> None:
        # Closing at once would reset the connection while the client still sends, and the reset can overtake the
        # answer (RFC 9112 section 9.6). So close our half, and the whole when the client closes or its time is up.
        self._lingering = True
        self.transport.write(render(error, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    # Deadlines

    def _watch(self) -> None:
        """Arm the deadline for what the connection now waits for; one that already runs for it is left alone."""
        waits_for, seconds = self._waiting()
        if waits_for == self._waits_for:
            return
        self._waits_for = waits_for
        if waits_for[0] == "idle":
            self._edge.idle[self] = None
        else:
            self._edge.idle.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._on_deadline)

    def _waiting(self) -> tuple[tuple[str, int, int], float | None]:
        """What is waited for, with the numbers that tell one wait from the next, and for how many seconds at most."""
        limits, message = self._limits, max(self._messages, 1)
        if self.transport.is_closing():
            return ("reader", 0, 0), limits.unread_seconds
        if self._lingering:
            return ("farewell", 0, 0), limits.linger_seconds
        if self._part is _Part.HEAD and not self._deaf:
            return ("head", message, 0), limits.head_seconds
        if self._part is _Part.BODY and not self._deaf:
            # A body that nobody reads any more, because the answer is out, has a total deadline in either case.
            by_piece = limits.body_deadline is BodyDeadline.IDLE and not self.cycle.response_complete
            return ("body", message, self._body_pieces if by_piece else -1), limits.body_seconds
        if self._unanswered() is not None:
            return ("application", message, 0), None
        return ("idle", message, 0), limits.idle_seconds

    def _on_deadline(self) -> None:
        self._timer = self._waits_for = None
        silent = self._messages == 0 and self._unconsumed_bytes == 0
        if self.transport.is_closing():
            self.transport.abort()
        elif self._lingering or self._part is _Part.NOTHING or silent:
            self.hang_up()
        elif self.flow.read_paused:
            self._watch()  # the client waits for us, not we for it
        else:
            self._refuse(TIMED_OUT)
            self._watch()
