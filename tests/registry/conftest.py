"""A registry on a folder of its own, a key that signs whatever a test wants, and a client that holds the tokens."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message

from token_service.access import Access
from token_service.registry import CachingVerifier, RegistryOptions, build_registry
from token_service.registry.digest import digest_of
from token_service.registry.document import OCI_INDEX, OCI_MANIFEST
from token_service.scope import parse_scopes
from token_service.token.claims import build
from token_service.token.verifier import TrustedKey

ISSUER, SERVICE, REALM = "https://issuer.example", "registry.example", "https://auth.example/token"
NOW = 1_900_000_000
NAME, OTHER = "team/app", "base/os"
EVERYTHING = f"repository:{NAME}:pull,push,delete repository:{OTHER}:pull,push,delete registry:catalog:*"
KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class MovableClock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


def sign(scope: str = EVERYTHING, *, key: ec.EllipticCurvePrivateKey = KEY, **claims: object) -> str:
    """A token that grants `scope`; `claims` replace what it says otherwise."""
    access = [Access(entry.type, entry.name, entry.actions) for entry in parse_scopes([scope])]
    payload = build(
        issuer=ISSUER,
        subject="alice",
        audience=SERVICE,
        access=access,
        now=NOW,
        lifetime=300,
        token_id=secrets.token_hex(8),
    )
    return jwt.encode(payload | claims, key, "ES256", headers={"kid": "test"})


@dataclass
class Registry:
    """A registry and somebody who may do everything in two of its repositories."""

    app: Starlette
    client: TestClient
    options: RegistryOptions
    clock: MovableClock
    audit: list[Mapping[str, object]] = field(default_factory=list)

    @property
    def volume(self) -> Path:
        return self.options.root / "docker/registry/v2"

    def call(
        self, method: str, path: str, token: str | None = None, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> Any:
        bearer = {"Authorization": f"Bearer {sign() if token is None else token}"} if token != "" else {}
        return self.client.request(method, path, headers=bearer | dict(headers or {}), **rest)

    def push_blob(self, content: bytes, name: str = NAME, algorithm: str = "sha256") -> str:
        digest = str(digest_of(content, algorithm))
        answer = self.call("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", content=content)
        assert answer.status_code == 201, answer.text
        return digest

    def begin(self, name: str = NAME) -> str:
        answer = self.call("POST", f"/v2/{name}/blobs/uploads/")
        assert answer.status_code == 202, answer.text
        return str(answer.headers["location"])

    def push(
        self, document: Mapping[str, object] | bytes, reference: str | None = None, name: str = NAME, **rest: Any
    ) -> Any:
        """PUT a manifest, by its digest where no reference is given."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.call("PUT", f"/v2/{name}/manifests/{reference or digest_of(content)}", content=content, **rest)

    def push_image(self, reference: str | None = None, name: str = NAME, **fields: Any) -> str:
        """An image of one layer, with whatever `fields` make it differ. Returns its digest."""
        document = image(self.push_blob(b"{}", name), self.push_blob(b"layer", name)) | fields
        answer = self.push(document, reference, name)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["docker-content-digest"])


async def send_raw(
    app: Starlette, method: str, target: str, headers: Mapping[str, str], body: list[Message]
) -> Message:
    """A request as a server hands it over, without a client that tidies paths or finishes bodies.

    Returns the start of the response, with the body under "body".
    """
    path, _, query = target.partition("?")
    sent: list[Message] = []

    async def receive() -> Message:
        return body.pop(0) if body else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    all_headers = {"Authorization": f"Bearer {sign()}"} | dict(headers)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in all_headers.items()],
    }
    await app(scope, receive, send)
    return {**sent[0], "body": b"".join(message.get("body", b"") for message in sent[1:])}


def descriptor(digest: str, media_type: str = "application/x.test", size: int = 2) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def image(config: str, *layers: str) -> dict[str, object]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(layer, "application/vnd.oci.image.layer.v1.tar") for layer in layers],
    }


def index(*manifests: str) -> dict[str, object]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(digest, OCI_MANIFEST) for digest in manifests],
    }


@contextmanager
def open_registry(root: Path, **options: Any) -> Iterator[Registry]:
    """A registry on a folder; several may share one."""
    chosen = RegistryOptions(root=root, realm=REALM, service=SERVICE, **options)
    clock = MovableClock()
    keys = {"test": TrustedKey("ES256", KEY.public_key())}
    audit: list[Mapping[str, object]] = []
    app = build_registry(chosen, CachingVerifier(lambda: keys, ISSUER, SERVICE, clock), audit.append, clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Registry(app, client, chosen, clock, audit)


MakeRegistry = Callable[..., Registry]


@pytest.fixture
def make_registry(tmp_path: Path) -> Iterator[MakeRegistry]:
    """`make_registry(option=value, …)`: a registry on `tmp_path`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(open_registry(tmp_path, **options))


@pytest.fixture
def registry(make_registry: MakeRegistry) -> Registry:
    return make_registry()
