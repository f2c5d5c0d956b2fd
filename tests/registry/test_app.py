import json
import logging
import shutil
from pathlib import Path

import pytest

from tests.registry.conftest import ISSUER, REALM, SERVICE, MakeRegistry, Registry, sign
from token_service.registry import CachingVerifier, RegistryOptions, build_registry, log_audit_line


@pytest.mark.parametrize("path", ["/v2/", "/v2"])
def test_whoever_has_a_token_learns_the_version(registry: Registry, path: str) -> None:
    """docker login ends here, with a token that grants nothing; without one, docker learns the realm from the 401."""
    answer = registry.call("GET", path, token=sign(""))
    assert (answer.status_code, answer.json()) == (200, {})
    assert registry.call("GET", path, token="").status_code == 401


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
