"""A real uvicorn server on loopback in a thread, and a raw socket to talk to it."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Send

from token_service.server.edge import Limits
from token_service.server.listener import server_config

PATIENCE_SECONDS = 30.0
"""How long a test waits for something that must happen. Only a failing test ever waits so long."""


@contextlib.contextmanager
def serving(app: ASGIApp, limits: Limits | None = None, send_buffer: int = 0, **tls: Any) -> Iterator[int]:
    """Serve `app` as production does; yields the port. The socket listens before the thread starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if send_buffer:  # accepted sockets inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        port: int = listener.getsockname()[1]
        server = uvicorn.Server(server_config(app, "127.0.0.1", port, limits=limits, **tls))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


@dataclass(frozen=True)
class Answer:
    """One HTTP response, as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.settimeout(PATIENCE_SECONDS)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def is_quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        self._socket.settimeout(seconds)
        try:
            self._more()
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)
        return False

    def answer(self) -> Answer:
        """The next response; EOFError where the connection ends before it."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(status_line.split(" ")[1]), headers, body)

    def rest(self) -> bytes:
        """All bytes up to the end of the connection."""
        with contextlib.suppress(EOFError):
            while True:
                self._more()
        rest, self._buffer = self._buffer, b""
        return rest

    def drip(self, data: bytes, pause_seconds: float) -> int:
        """Send byte by byte until the server ends it; the number of bytes that went out before that."""
        self._socket.settimeout(pause_seconds)
        try:
            for sent in range(len(data)):
                try:
                    self._socket.sendall(data[sent : sent + 1])
                    self._more()
                except TimeoutError:
                    continue
                except (EOFError, ConnectionError):
                    return sent
            return len(data)
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)

    def _more(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise EOFError
        self._buffer += received


@contextlib.contextmanager
def wire(port: int, tls: ssl.SSLContext | None = None, receive_buffer: int = 0) -> Iterator[Wire]:
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        if receive_buffer:  # counts only before the connection is made
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", port))
        if tls is not None:
            sock = stack.enter_context(tls.wrap_socket(sock, server_hostname="localhost"))
        yield Wire(sock)


def ask(port: int, raw: bytes) -> tuple[Answer, bytes]:
    """Send `raw`; the first answer and what follows it until the connection ends."""
    with wire(port) as client:
        client.send(raw)
        return client.answer(), client.rest()


def assert_refused(answer: Answer, status: int) -> None:
    """An error in both vocabularies that echoes nothing of the request and ends the connection."""
    said = answer.json()
    assert answer.status == status
    assert said == {
        "errors": [{"code": said["errors"][0]["code"], "message": said["error_description"], "detail": None}],
        "error": said["error"],
        "error_description": said["error_description"],
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers
    assert "server" not in answer.headers
    assert b"CANARY" not in answer.body


async def lifespan(receive: Receive, send: Send) -> None:
    """The least that uvicorn wants of an application besides answers."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
