"""`/healthz`: the process answers. `/readyz`: it would answer a token request well, and if not, why not."""

from collections.abc import Callable, Sequence

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

Check = Callable[[], str | None]
"""A problem in words, or None. It must be cheap."""


def router(checks: Sequence[tuple[str, Check]], *, show_details: bool) -> APIRouter:
    """`show_details` gives the problems' texts, which name files and lines: for a private listener only."""
    routes = APIRouter()

    @routes.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> Response:
        return _answer(200, {"status": "ok"})

    @routes.api_route("/readyz", methods=["GET", "HEAD"])
    async def readyz() -> Response:
        problems = {name: problem for name, check in checks if (problem := check()) is not None}
        if problems:
            shown: object = problems if show_details else sorted(problems)
            return _answer(503, {"status": "not ready", "problems": shown})
        return _answer(200, {"status": "ready"})

    return routes


def _answer(status: int, content: dict[str, object]) -> Response:
    return Response(
        orjson.dumps(content), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )
