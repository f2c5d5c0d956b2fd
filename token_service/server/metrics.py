"""Counters and gauges in Prometheus' format, for a listener of their own: they are not for the public.

Labels are outcomes and kinds, never names: a client could make as many of those as it likes.
"""

from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from token_service.audit import AuditSink
from token_service.server.health import Check


class Metrics:
    """`checks` are those of `/readyz`; each becomes a gauge that is 1 while there is a problem.

    `audit_dropped` counts the audit lines that could not be written.
    """

    def __init__(
        self,
        checks: Sequence[tuple[str, Check]],
        key_expires_in: Callable[[], float],
        audit_dropped: Callable[[], float],
    ) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "token_service_token_requests",
            "Token requests by outcome, kind of principal and HTTP status.",
            ["outcome", "kind", "status"],
            registry=self._registry,
        )
        problems = Gauge(
            "token_service_problem",
            "1 while something is broken and the last good one is kept (policies, accounts), or no key may sign.",
            ["what"],
            registry=self._registry,
        )
        for name, check in checks:
            problems.labels(name).set_function(_gauge(check))
        expiry = Gauge(
            "token_service_signing_key_expires_in_seconds",
            "Until the certificate of the active signing key ends; 0 where no key may sign.",
            registry=self._registry,
        )
        expiry.set_function(key_expires_in)
        dropped = Gauge(
            "token_service_audit_lines_dropped",
            "Audit lines that could not be written since the start (disk full).",
            registry=self._registry,
        )
        dropped.set_function(audit_dropped)

    def counting(self, audit: AuditSink) -> AuditSink:
        """An audit sink that also counts what passes through it."""

        def sink(event: Mapping[str, object]) -> None:
            outcome, kind, status = event.get("outcome"), event.get("kind", ""), event.get("status", 200)
            self._requests.labels(str(outcome), str(kind), str(status)).inc()
            audit(event)

        return sink

    def router(self) -> APIRouter:
        routes = APIRouter()

        @routes.api_route("/metrics", methods=["GET", "HEAD"])
        async def metrics() -> Response:
            headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
            return Response(generate_latest(self._registry), headers=headers)

        return routes


def _gauge(check: Check) -> Callable[[], float]:
    return lambda: float(check() is not None)
