"""One token request in CPU, beside the program one would write first: `python -m benchmarks.token_endpoint`.

The other program is FastAPI with typed parameters, HTTPBasic, dependencies, a response model and `jwt.encode`; it has
no policy, no audit log and no password hash, so it does less. Both are driven in process, without a socket, in
interleaved rounds; the ratio is within one run.
"""

import asyncio
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import Depends, FastAPI, Query
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

from token_service.accounts.passwords import hash_password
from token_service.app import build_token_service
from token_service.config import Settings, build_settings
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm

ROUNDS = 9
REQUESTS = 400
SCOPES = "scope=repository:alice/a:pull,push&scope=repository:alice/b:pull&scope=repository:public/c:pull"
QUERY = f"service=registry.example.com&account=alice&{SCOPES}".encode()
BASIC = b"Basic " + b64encode(b"alice:correct horse")
POLICY = """\
version: 1
rules:
  - {id: own, allow: [pull, push], principals: ["user:*"], resources: ["repository:{principal}/**"]}
  - {id: public, allow: [pull], principals: [anyone], resources: ["repository:public/**"]}
"""

App = Callable[[Any, Any, Any], Awaitable[None]]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_compare({"token-service": _ours(Path(folder)), "natural": _natural()}))


async def _compare(apps: dict[str, App]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in apps}
    for app in apps.values():
        await _round(app)
    for _ in range(ROUNDS):
        for name, app in apps.items():
            seconds[name].append(await _round(app))
    medians = {name: statistics.median(rounds) / REQUESTS * 1e6 for name, rounds in seconds.items()}
    for name, median in medians.items():
        print(f"{name:14} {median:7.1f} us a request")
    print(f"natural / token-service = {medians['natural'] / medians['token-service']:.1f}")


async def _round(app: App) -> float:
    start = time.process_time()
    for _ in range(REQUESTS):
        await _request(app)
    return time.process_time() - start


async def _request(app: App) -> None:
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/token", "raw_path": b"/token", "query_string": QUERY, "root_path": "",
        "headers": [(b"host", b"localhost"), (b"authorization", BASIC)], "client": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    if statuses != [200]:
        raise RuntimeError(f"answered {statuses}")


def _ours(folder: Path) -> App:
    keyfiles.generate(folder / "keys", Algorithm.ES256, int(time.time()))
    (folder / "policies").mkdir()
    (folder / "policies/main.yaml").write_text(POLICY)
    users = {"users": {"alice": {"password_hash": hash_password("correct horse")}}}
    (folder / "users.yaml").write_bytes(orjson.dumps(users))
    settings = {
        "issuer": "http://localhost:5001",
        "services": [{"name": "registry.example.com"}],
        "authenticators": [{"kind": "users", "file": "users.yaml"}],
        "audit": "/dev/null",
    }
    return build_token_service(build_settings(settings, Settings, folder))


class Answer(BaseModel):
    token: str
    access_token: str
    expires_in: int


def _natural() -> App:
    app, basic, key = FastAPI(), HTTPBasic(), ec.generate_private_key(ec.SECP256R1())

    async def user(credentials: Annotated[HTTPBasicCredentials, Depends(basic)]) -> str:
        return credentials.username

    @app.get("/token")
    async def token(
        name: Annotated[str, Depends(user)], service: str, scope: Annotated[list[str], Query()], account: str = ""
    ) -> Answer:
        now = int(time.time())
        entries = [entry.rsplit(":", 1) for entry in scope]
        access = [{"type": "repository", "name": left, "actions": right.split(",")} for left, right in entries]
        claims = {"iss": "i", "sub": name or account, "aud": service, "iat": now, "exp": now + 300, "access": access}
        raw = jwt.encode(claims, key, "ES256", {"kid": "k"})
        return Answer(token=raw, access_token=raw, expires_in=300)

    return app


if __name__ == "__main__":
    main()
