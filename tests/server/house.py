"""The whole token service in one process: built from settings in a folder, and asked by plain ASGI calls.

Nothing is faked but the clock. Requests are bytes, answers are bytes, so that a test sees what a client would.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.types import ASGIApp, Message

from tests.accounts.hashes import argon2_of, bcrypt_of
from token_service.access import Access
from token_service.app import build_token_service
from token_service.config import Settings, build_settings
from token_service.token import keyfiles
from token_service.token.claims import VerifiedToken
from token_service.token.public_key import Algorithm
from token_service.token.trusted import trusted_keys
from token_service.token.verifier import Verifier

NOW = 1_800_000_000
ISSUER = "https://tokens.example.com"
REGISTRY = "registry.example.com"
ZOT = "zot.example.com"
MARK = "CANARY-7f3a9c"
"""Part of every password here, so that a search finds where one leaks."""

ALICE, BOB, CI, GONE = (f"{MARK}-{name}" for name in ("alice", "bob", "ci", "gone"))

POLICY = """\
version: 1
groups:
  admins: [alice]
rules:
  - {id: own, allow: [pull, push, delete], principals: ["user:*"], resources: ["repository:{principal}/**"]}
  - {id: public, allow: [pull], principals: [anyone], resources: ["repository:public/**"]}
  - {id: team, allow: [pull, push], principals: ["group:developers"], resources: ["repository:team/**"]}
  - {id: readers, allow: [pull], principals: ["user:bob"], resources: ["repository:team/**"]}
  - {id: frozen, deny: [push, delete], principals: [anyone], resources: ["repository:team/frozen/**"]}
  - {id: local, allow: [pull], principals: [authenticated], resources: ["repository:localhost:5000/**"]}
  - {id: robots, allow: [pull, push], principals: ["service-account:ci"], resources: ["repository:team/app"],
     lifetime: 600}
  - {id: catalogue, allow: ["*"], principals: ["group:admins"], resources: ["registry:catalog"]}
  - {id: metrics, allow: [read], principals: [authenticated], resources: ["registry:metrics"]}
  - {id: inside, allow: [pull], principals: [anyone], resources: ["repository:inside/**"],
     when: {source_ip: ["10.0.0.0/8"]}}
"""

USERS = f"""\
users:
  alice:
    password_hash: "{bcrypt_of(ALICE)}"
    groups: [developers]
  bob:
    password_hash: "{argon2_of(BOB)}"
  ci:
    kind: service-account
    password_hash: "{argon2_of(CI)}"
  gone:
    password_hash: "{bcrypt_of(GONE)}"
    disabled: true
  "ålice":
    password_hash: "{argon2_of(f"pä:ss:{MARK}€")}"
"""

Headers = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The one value of a header; None where there is none."""
        values = [value for key, value in self.headers if key == name.encode()]
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0].decode("latin-1") if values else None

    def json(self) -> Any:
        assert self.header("content-type") == "application/json"
        return json.loads(self.body)


class House:
    """A token service whose files are in `folder`. `now` may be moved."""

    def __init__(self, folder: Path, services: Sequence[Mapping[str, str]] = (), **settings: object) -> None:
        self.folder = folder
        self.now = NOW
        self.settings = build_settings(values(folder, services or [{"name": REGISTRY}], settings), Settings, folder)
        self.app = build_token_service(self.settings, clock=lambda: self.now)

    def get(self, query: str | Sequence[tuple[str, str]] = "", headers: Headers = (), **more: Any) -> Answer:
        text = query if isinstance(query, str) else urlencode(query, safe=":,/", quote_via=quote)
        return self.ask("GET", query=text.encode(), headers=headers, **more)

    def post(self, form: str | Sequence[tuple[str, str]], headers: Headers = (), **more: Any) -> Answer:
        text = form if isinstance(form, str) else urlencode(form)
        kind = ("content-type", "application/x-www-form-urlencoded")
        return self.ask("POST", body=text.encode(), headers=[kind, *headers], **more)

    def ask(self, method: str, path: str = "/token", **more: Any) -> Answer:
        return asyncio.run(call(self.app, method, path, **more))

    def ask_admin(self, method: str, path: str) -> Answer:
        return asyncio.run(call(self.app.admin, method, path))

    def verified(self, answer: Answer, audience: str = REGISTRY) -> VerifiedToken:
        """What a registry learns from the token of an answer, by our own verifier."""
        assert answer.status == 200, answer.body
        ring = keyfiles.load(self.folder / "keys")
        keys = trusted_keys(key.public_key for key in (*ring.leaves, *ring.fixed.values()))
        held = {answer.json()[name] for name in ("token", "access_token") if name in answer.json()}
        assert len(held) == 1
        return Verifier(lambda: keys, ISSUER, audience, lambda: self.now).verify(held.pop())

    def granted(self, answer: Answer, audience: str = REGISTRY) -> list[str]:
        """The access of an answer's token, as scopes."""
        return [str(entry) for entry in self.verified(answer, audience).access]

    def access(self, answer: Answer) -> tuple[Access, ...]:
        return self.verified(answer).access

    @property
    def audit_lines(self) -> list[dict[str, Any]]:
        path = self.folder / "audit.log"
        return [json.loads(line) for line in path.read_text("ascii").splitlines()] if path.exists() else []


def values(folder: Path, services: Sequence[Mapping[str, str]], settings: Mapping[str, object]) -> dict[str, object]:
    """Write the files of a service, where they are not there yet, and return the settings that name them."""
    if not (folder / "keys").exists():
        keyfiles.generate(folder / "keys", Algorithm.ES256, NOW)
        for service in services:
            if service.get("profile") == "zot":
                keyfiles.generate_for_service(folder / "keys", service["name"], Algorithm.ES256, NOW)
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    for path, content in ((policies / "main.yaml", POLICY), (folder / "users.yaml", USERS)):
        if not path.exists():
            path.write_text(content)
    return {
        "issuer": ISSUER,
        "services": list(services),
        "authenticators": [{"kind": "users", "file": "users.yaml"}],
        "audit": "audit.log",
        **settings,
    }


def basic(name: str, secret: str, encoding: str = "utf-8") -> tuple[str, str]:
    return ("authorization", "Basic " + b64encode(f"{name}:{secret}".encode(encoding)).decode("ascii"))


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Headers = (),
    body: bytes | Sequence[bytes] = b"",
    client: tuple[str, int] | None = ("192.0.2.1", 4711),
) -> Answer:
    """One request. `body` may come in pieces."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    incoming: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": index < len(pieces) - 1}
        for index, piece in enumerate(pieces)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    given = [
        (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in headers
    ]
    if not any(name == b"host" for name, _ in given):
        given.insert(0, (b"host", b"tokens.example.com"))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": query,
        "headers": given,
        "client": client,
        "server": ("127.0.0.1", 5001),
    }
    await app(scope, receive, send)
    start, *rest = sent
    assert start["type"] == "http.response.start"
    return Answer(start["status"], [*start["headers"]], b"".join(message.get("body", b"") for message in rest))


MakeHouse = Callable[..., House]
