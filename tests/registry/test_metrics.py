from collections.abc import Mapping

from token_service.registry.metrics import RequestMetrics


def test_audit_lines_are_counted_by_kind_method_and_status_and_passed_on() -> None:
    metrics = RequestMetrics()
    passed_on: list[Mapping[str, object]] = []
    sink = metrics.counting(passed_on.append)
    lines: list[Mapping[str, object]] = [
        {"kind": "blob", "method": "GET", "status": status, "repository": "a/b"} for status in (200, 401, 200)
    ]
    for line in (*lines, {"kind": "", "method": "PROPFIND", "status": 404}):
        sink(line)
    assert passed_on[:3] == lines
    response = metrics.response()
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    counted = [
        line for line in bytes(response.body).decode().splitlines() if line.startswith("registry_requests_total")
    ]
    assert sorted(counted) == [
        'registry_requests_total{kind="",method="",status="404"} 1.0',
        'registry_requests_total{kind="blob",method="GET",status="200"} 2.0',
        'registry_requests_total{kind="blob",method="GET",status="401"} 1.0',
    ]
