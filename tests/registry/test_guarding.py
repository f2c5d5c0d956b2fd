"""The example of `docs/registry.md`, run as it stands there: another application behind our tokens."""

import re
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.testclient import TestClient

from tests.registry.conftest import ISSUER, KEY, REALM, SERVICE, MovableClock, sign
from token_service.clock import system_clock
from token_service.registry import CachingVerifier, Gate
from token_service.token.claims import build
from token_service.token.public_key import thumbprint
from token_service.token.verifier import TrustedKey

DOCUMENT = Path(__file__).parents[2] / "docs/registry.md"


@pytest.fixture
def example() -> dict[str, Any]:
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, str(DOCUMENT), "exec"), names)
    return names


def test_the_example_lets_in_whom_the_token_lets_in(example: dict[str, Any]) -> None:
    keys = {"test": TrustedKey("ES256", KEY.public_key())}
    gate = Gate(REALM, SERVICE, CachingVerifier(lambda: keys, ISSUER, SERVICE, MovableClock()))
    with TestClient(example["build"](gate)) as client:
        for scope, status in (
            ("repository:web:pull", 200),
            ("repository:web:push", 401),
            ("repository:db:pull", 401),
        ):
            answer = client.get("/charts/web", headers={"Authorization": f"Bearer {sign(scope)}"})
            assert answer.status_code == status
        assert answer.headers["www-authenticate"] == (
            f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:web:pull",error="insufficient_scope"'
        )
        assert client.get("/charts/web").status_code == 401


def test_the_gate_of_the_example_reads_a_key_file(example: dict[str, Any], tmp_path: Path) -> None:
    keys_file = tmp_path / "jwks.json"

    def trust(key: ec.EllipticCurvePrivateKey) -> None:
        keys_file.write_text(f'{{"keys": [{jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())}]}}')

    def token(key: ec.EllipticCurvePrivateKey) -> str:
        claims = build(
            issuer="https://auth.example.com", subject="alice", audience="charts.example.com", access=(),
            now=system_clock(), lifetime=60, token_id="1",
        )  # fmt: skip
        return f"Bearer {jwt.encode(claims, key, 'ES256', headers={'kid': thumbprint(key.public_key())})}"

    trust(KEY)
    gate = example["make_gate"](keys_file)
    assert gate.authorize([token(KEY)], []).subject == "alice"
    other = ec.generate_private_key(ec.SECP256R1())
    trust(other)
    assert gate.authorize([token(other)], []).subject == "alice"
    with pytest.raises(example["RegistryError"]):
        gate.authorize([token(KEY)], [])
