"""What `/metrics` counts, and that no name becomes a label."""

from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from token_service.server.metrics import Metrics


def scrape(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    app = FastAPI()
    app.include_router(metrics.router())
    text = TestClient(app).get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_outcome_and_passed_on() -> None:
    metrics = Metrics([], lambda: 1.0, lambda: 0.0)
    seen: list[object] = []
    sink = metrics.counting(seen.append)
    sink({"outcome": "issued", "kind": "user", "subject": "alice"})
    sink({"outcome": "issued", "kind": "user", "subject": "bob"})
    sink({"outcome": "refused", "status": 401, "subject": "mallory"})
    found = scrape(metrics)
    name = "token_service_token_requests_total"
    assert found[name, (("kind", "user"), ("outcome", "issued"), ("status", "200"))] == 2
    assert found[name, (("kind", ""), ("outcome", "refused"), ("status", "401"))] == 1
    assert len(seen) == 3
    assert not any("alice" in str(key) for key in found)


def test_a_problem_is_a_gauge_that_follows_its_check() -> None:
    problem: list[str] = []
    metrics = Metrics([("policies", lambda: problem[0] if problem else None)], lambda: 5.0, lambda: 7.0)
    key = ("token_service_problem", (("what", "policies"),))
    assert scrape(metrics)[key] == 0
    problem.append("main.yaml:3: broken")
    assert scrape(metrics)[key] == 1
    assert scrape(metrics)["token_service_signing_key_expires_in_seconds", ()] == 5
    assert scrape(metrics)["token_service_audit_lines_dropped", ()] == 7
