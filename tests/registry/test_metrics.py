from token_service.registry.metrics import RequestCounter


def test_requests_are_counted_by_kind_method_and_status() -> None:
    counter = RequestCounter()
    for status in (200, 401, 200):
        counter.count("blob", "GET", status)
    response = counter.response()
    assert response.media_type == "text/plain; version=0.0.4"
    assert bytes(response.body).decode() == (
        "# HELP registry_requests_total Requests below /v2/.\n"
        "# TYPE registry_requests_total counter\n"
        'registry_requests_total{kind="blob",method="GET",status="200"} 2\n'
        'registry_requests_total{kind="blob",method="GET",status="401"} 1\n'
    )
