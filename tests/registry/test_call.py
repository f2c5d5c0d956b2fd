from pathlib import Path

import pytest
from anyio import CapacityLimiter
from starlette.requests import Request

from tests.registry.conftest import NAME, NOW, REALM, SERVICE, MovableClock
from token_service.registry.call import Call, RegistryOptions
from token_service.registry.digest import Digest, digest_of
from token_service.registry.layout import Layout
from token_service.registry.query import Query
from token_service.token.claims import VerifiedToken


def call_for(root: Path, reference: Digest | str) -> Call:
    return Call(
        request=Request({"type": "http"}),
        query=Query(b""),
        name=NAME,
        reference=reference,
        token=VerifiedToken("alice", "1", (), NOW, NOW),
        options=RegistryOptions(root=root, realm=REALM, service=SERVICE),
        layout=Layout(root),
        clock=MovableClock(),
        hashing=CapacityLimiter(1),
    )


def test_a_reference_is_a_digest_only_where_it_was_parsed_as_one(tmp_path: Path) -> None:
    digest = digest_of(b"x")
    assert call_for(tmp_path, digest).digest == digest
    with pytest.raises(TypeError, match="no digest"):
        _ = call_for(tmp_path, str(digest)).digest
    assert call_for(tmp_path, digest).text == call_for(tmp_path, str(digest)).text == str(digest)


def test_the_repository_is_the_one_that_was_authorized(tmp_path: Path) -> None:
    call = call_for(tmp_path, "latest")
    assert call.repository.folder == tmp_path / "docker/registry/v2/repositories" / NAME


def test_defaults_are_the_ones_that_are_documented(tmp_path: Path) -> None:
    options = RegistryOptions(root=tmp_path, realm=REALM, service=SERVICE)
    assert (options.delete_enabled, options.read_only, options.metrics_enabled) == (True, False, False)
    assert options.max_manifest_bytes == 4 * 1024 * 1024
    assert options.max_upload_bytes == 32 * 1024 * 1024 * 1024
    assert options.max_uploads_per_repository == 256
