"""How an application is put on the network: one way, for the token service and for the reference registry alike.

`server_config` sets what uvicorn leaves open (`http1.py` says what and why) and switches off what it offers beyond
that: the `Server` header, the access log, websockets, and belief in `X-Forwarded-*`. What an application needs to
know about a proxy in front of it, it works out itself, from its own configuration.
"""

import os
from functools import partial
from typing import cast

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from token_service.server.edge import Edge, Limits
from token_service.server.errors import INTERNAL, body_of
from token_service.server.http1 import Guard

SHUTDOWN_SECONDS = 15
"""What requests in flight are given to finish after SIGTERM; Kubernetes kills after 30."""


def server_config(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    limits: Limits | None = None,
    ssl_certfile: str | os.PathLike[str] | None = None,
    ssl_keyfile: str | os.PathLike[str] | None = None,
) -> uvicorn.Config:
    """The configuration of a `uvicorn.Server` for `app`; `limits` are those of `edge.Limits` where none are given.

    Logging is left as the program has set it up.
    """
    guard = partial(Guard, edge=Edge(limits or Limits()))
    return uvicorn.Config(
        LastResort(app),
        host,
        port,
        http=cast("type[Guard]", guard),  # uvicorn only calls it
        loop="uvloop",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=ssl_certfile,
        ssl_keyfile=ssl_keyfile,
    )


class LastResort:
    """The outermost application: where the one inside fails to answer, uvicorn's bare text must not be the answer.

    It catches nothing: the error goes on to uvicorn, which logs it and closes the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:  # also when it is cancelled, and when it returns without a word
            if not started:
                await _send_failure(send)


async def _send_failure(send: Send) -> None:
    body = body_of(INTERNAL)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": INTERNAL.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
