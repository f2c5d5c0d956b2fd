"""A registry client in miniature, for `demo`: it speaks the handshake that docker speaks, with the standard library.

Ask, be challenged, fetch a token with what credentials there are, ask again. Not a client for anything else.
"""

import gzip
import hashlib
import io
import json
import tarfile
from base64 import b64encode
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import quote, urlencode, urlsplit

from token_service import challenge

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status, its headers in lower case, its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def message(self) -> str:
        """What docker would show: the first message of a registry-shaped error."""
        try:
            return str(json.loads(self.body)["errors"][0]["message"])
        except (ValueError, LookupError, TypeError):
            return f"status {self.status}"


class Refused(Exception):
    """The token endpoint or the registry said no; the message is the one that docker would show."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one registry, with a name and a password or, both empty, without."""

    registry: str
    name: str = ""
    password: str = field(default="", repr=False)

    def login(self) -> None:
        """What `docker login` does: a token without scope must open `/v2/`. Raises Refused."""
        self._expect(self.request("GET", "/v2/"), 200)

    def push(self, repository: str, tag: str, image: "Image") -> None:
        """Upload the blobs, then the manifest under `tag`. Raises Refused."""
        for blob in (image.layer, image.config):
            started = self.request("POST", f"/v2/{repository}/blobs/uploads/")
            self._expect(started, 202)
            location = started.headers["location"]
            mark = "&" if "?" in location else "?"
            done = self.request("PUT", f"{location}{mark}digest={quote(digest(blob))}", blob)
            self._expect(done, 201)
        put = self.request("PUT", f"/v2/{repository}/manifests/{tag}", image.manifest, MANIFEST_TYPE)
        self._expect(put, 201)

    def pull(self, repository: str, tag: str) -> bytes:
        """The manifest of `tag`, after all its blobs were fetched and checked. Raises Refused."""
        found = self.request("GET", f"/v2/{repository}/manifests/{tag}")
        self._expect(found, 200)
        document = json.loads(found.body)
        for descriptor in (document["config"], *document["layers"]):
            blob = self.request("GET", f"/v2/{repository}/blobs/{descriptor['digest']}")
            self._expect(blob, 200)
            if digest(blob.body) != descriptor["digest"]:
                raise Refused("the registry sent other bytes than it was given")
        return found.body

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> Answer:
        """One request, repeated with a token where the registry demands one. Raises Refused by the token endpoint."""
        answer = _send(self.registry, method, path, body, media_type)
        if answer.status != 401:
            return answer
        token = self._token(answer.headers.get("www-authenticate", ""))
        return _send(self.registry, method, path, body, media_type, f"Bearer {token}")

    def _token(self, header: str) -> str:
        _, wanted = challenge.parse(header)
        query = {"service": wanted["service"], "scope": wanted.get("scope", "")}
        realm = urlsplit(wanted["realm"])
        basic = b64encode(f"{self.name}:{self.password}".encode()).decode("ascii")
        answer = _send(
            f"{realm.scheme}://{realm.netloc}",
            "GET",
            f"{realm.path}?{urlencode(query)}",
            authorization=f"Basic {basic}" if self.name else "",
        )
        self._expect(answer, 200)
        return str(json.loads(answer.body)["token"])

    def _expect(self, answer: Answer, status: int) -> None:
        if answer.status != status:
            raise Refused(answer.message())


@dataclass(frozen=True, slots=True)
class Image:
    """A whole image: one layer, its config, its manifest."""

    layer: bytes
    config: bytes
    manifest: bytes


def image(text: str) -> Image:
    """An OCI image that holds `/hello.txt` with `text`. The same text gives the same digests."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("hello.txt")
        entry.size = len(text.encode())
        tar.addfile(entry, io.BytesIO(text.encode()))
    layer = gzip.compress(archive.getvalue(), mtime=0)
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/hello.txt"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(archive.getvalue())]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
    }
    return Image(layer, config, _json(manifest))


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _send(
    base: str, method: str, path: str, body: bytes = b"", media_type: str = "", authorization: str = ""
) -> Answer:
    headers = {"Content-Type": media_type or "application/octet-stream"} if body else {}
    if authorization:
        headers["Authorization"] = authorization
    connection = HTTPConnection(urlsplit(base).netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()
