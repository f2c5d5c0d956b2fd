"""What the registry counts, in Prometheus' format: audit lines, by kind of resource, method and status.

No names of repositories or people become labels: there may be as many of them as clients like, and they are nobody's
business who may see a counter. Each process counts for itself.
"""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

Audit = Callable[[Mapping[str, object]], None]


class RequestMetrics:
    """Counts what passes through `counting`; `response` is for this listener or for a private one."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "registry_requests", "Requests to the registry.", ["kind", "method", "status"], registry=self._registry
        )

    def counting(self, audit: Audit) -> Audit:
        """An audit sink that also counts what passes through it."""

        def sink(line: Mapping[str, object]) -> None:
            # Of a request that matches no route the method may be any word.
            method = line["method"] if line["kind"] else ""
            self._requests.labels(str(line["kind"]), str(method), str(line["status"])).inc()
            audit(line)

        return sink

    def response(self) -> Response:
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
        return Response(generate_latest(self._registry), headers=headers)
