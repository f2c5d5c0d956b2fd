import json
import logging
import shutil
from pathlib import Path

import pytest

from tests.registry.conftest import ISSUER, REALM, SERVICE, MakeRegistry, Registry
from token_service.registry import CachingVerifier, RegistryOptions, build_registry, log_audit_line


def test_health_is_told_to_anybody(registry: Registry) -> None:
    answer = registry.call("GET", "/healthz", token="")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_a_registry_without_its_volume_is_not_healthy(registry: Registry) -> None:
    shutil.rmtree(registry.options.root)
    assert registry.call("GET", "/healthz", token="").status_code == 503


def test_metrics_are_served_only_where_they_are_switched_on(make_registry: MakeRegistry) -> None:
    assert make_registry().call("GET", "/metrics", token="").status_code == 404
    registry = make_registry(metrics_enabled=True)
    registry.call("GET", "/v2/")
    answer = registry.call("GET", "/metrics", token="")
    assert 'registry_requests_total{kind="base",method="GET",status="200"} 1.0' in answer.text


@pytest.mark.parametrize(("realm", "service"), [('http://x/"', SERVICE), (REALM, "")])
def test_what_no_challenge_can_carry_stops_the_start(tmp_path: Path, realm: str, service: str) -> None:
    verifier = CachingVerifier(dict, ISSUER, SERVICE, lambda: 0)
    with pytest.raises(ValueError, match="printable ASCII"):
        build_registry(RegistryOptions(root=tmp_path, realm=realm, service=service), verifier)


def test_audit_lines_go_to_the_log_where_no_sink_is_given(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "token_service.registry.audit"):
        log_audit_line({"event": "x", "reference": "a\nb\u2028\x1b[0m"})
    assert json.loads(caplog.messages[0]) == {"event": "x", "reference": "a\nb\u2028\x1b[0m"}
    assert caplog.messages[0].isprintable()
    assert caplog.messages[0].isascii()
