"""What the registry counts, in Prometheus' text format. No names of repositories or people become labels: there
may be as many of them as clients like, and they are nobody's business who may see a counter."""

from collections import Counter

from starlette.responses import Response


class RequestCounter:
    """Requests by kind of resource, method and status. Of one process: several are several scrape targets."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def count(self, kind: str, method: str, status: int) -> None:
        self._counts[kind, method, status] += 1

    def response(self) -> Response:
        lines = ["# HELP registry_requests_total Requests below /v2/.", "# TYPE registry_requests_total counter"]
        lines += [
            f'registry_requests_total{{kind="{kind}",method="{method}",status="{status}"}} {count}'
            for (kind, method, status), count in sorted(self._counts.items())
        ]
        return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
