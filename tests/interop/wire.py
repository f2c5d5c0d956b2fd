"""A witness that is none of the clients under test: puts images into a registry and looks at what arrived there."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.interop.images import MANIFEST_TYPE, Image, digest_of

_MANIFESTS = ", ".join((MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json"))
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Account:
    """A user name and its password."""

    name: str
    password: str


@dataclass(frozen=True)
class Wire:
    """Speaks the token protocol and the registry API to one registry, over plain http."""

    host: str
    realm: str
    service: str

    def token(self, account: Account | None, scopes: Sequence[str] = ()) -> str:
        """A token for these scopes."""
        status, body = self.ask_token(account, scopes)
        if status != 200:
            raise RuntimeError(f"token endpoint answered {status}: {body!r}")
        return str(json.loads(body)["token"])

    def ask_token(self, account: Account | None, scopes: Sequence[str] = ()) -> tuple[int, bytes]:
        """Status and body of a token request."""
        query = urllib.parse.urlencode([("service", self.service), *(("scope", scope) for scope in scopes)])
        headers = {}
        if account is not None:
            pair = base64.b64encode(f"{account.name}:{account.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        status, _, body = _request("GET", f"{self.realm}?{query}", headers)
        return status, body

    def refusal_message(self, account: Account) -> str:
        """What the token service tells a caller with these wrong credentials."""
        status, body = self.ask_token(account)
        if status != 401:
            raise RuntimeError(f"expected 401 for wrong credentials, not {status}")
        return str(json.loads(body)["errors"][0]["message"])

    def put(self, image: Image, repository: str, tag: str, account: Account) -> None:
        """Pushes an image."""
        token = self.token(account, [f"repository:{repository}:pull,push"])
        for blob in (image.config, image.layer):
            self._put_blob(repository, blob, token)
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        self._expect(201, "PUT", url, token, {"Content-Type": MANIFEST_TYPE}, image.manifest)

    def marker_arrived(self, image: Image, repository: str, tag: str, account: Account) -> bool:
        """Whether the image under this tag carries this image's marker in one of its layers."""
        token = self.token(account, [f"repository:{repository}:pull"])
        base = f"http://{self.host}/v2/{repository}"
        status, _, body = _request("GET", f"{base}/manifests/{tag}", {**_bearer(token), "Accept": _MANIFESTS})
        if status != 200:
            return False
        manifest: dict[str, Any] = json.loads(body)
        layers = [self._blob(f"{base}/blobs/{layer['digest']}", token) for layer in manifest["layers"]]
        return any(image.marker.encode() in _unpacked(layer) for layer in layers)

    def status(self, path: str, token: str) -> int:
        """The status of a GET with this token."""
        return _request("GET", f"http://{self.host}{path}", _bearer(token))[0]

    def _blob(self, url: str, token: str) -> bytes:
        return self._expect(200, "GET", url, token)[1]

    def _put_blob(self, repository: str, blob: bytes, token: str) -> None:
        start = f"http://{self.host}/v2/{repository}/blobs/uploads/"
        headers, _ = self._expect(202, "POST", start, token, data=b"")
        upload = urllib.parse.urljoin(start, headers["location"])
        joint = "&" if "?" in upload else "?"
        query = urllib.parse.urlencode({"digest": digest_of(blob)})
        self._expect(201, "PUT", f"{upload}{joint}{query}", token, {"Content-Type": "application/octet-stream"}, blob)

    def _expect(
        self,
        expected: int,
        method: str,
        url: str,
        token: str,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> tuple[dict[str, str], bytes]:
        status, answered, body = _request(method, url, {**_bearer(token), **(headers or {})}, data)
        if status != expected:
            raise RuntimeError(f"{method} {url} answered {status}, not {expected}: {body[:500]!r}")
        return answered, body


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _unpacked(layer: bytes) -> bytes:
    try:
        return zlib.decompress(layer, _GZIP_OR_ZLIB)
    except zlib.error:
        return layer


def _request(
    method: str, url: str, headers: dict[str, str], data: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    # No proxy of the environment: everything here is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, {name.lower(): value for name, value in refusal.headers.items()}, refusal.read()
