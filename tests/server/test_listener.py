"""What `server_config` sets, and what is answered where an application fails to answer."""

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import Receive, Scope, Send

from tests.server.serving import ask, assert_refused, lifespan, serving, wire
from token_service.server.listener import server_config

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Says who it thinks its client is; fails at three paths in three ways."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    path = scope["path"]
    if path == "/mute":
        return
    if path == "/crash":
        raise RuntimeError("secret-in-the-message")
    text = f"{scope['scheme']} {scope['client'][0]}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text[:1], "more_body": True})
    if path == "/crash-later":
        raise RuntimeError("secret-in-the-message")
    await send({"type": "http.response.body", "body": text[1:]})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(application) as port:
        yield port


@pytest.mark.parametrize("path", [b"/crash", b"/mute"])
def test_an_application_that_fails_is_answered_for(port: int, path: bytes) -> None:
    answer, rest = ask(port, GET.replace(b"GET /", b"GET " + path))
    assert_refused(answer, 500)
    assert answer.json()["error"] == "server_error"
    assert b"secret" not in answer.body
    assert rest == b""


def test_an_application_that_fails_half_way_ends_the_connection(port: int) -> None:
    with wire(port) as client:
        client.send(GET.replace(b"GET /", b"GET /crash-later"))
        with pytest.raises(EOFError):
            client.answer()


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "Forwarded: for=6.6.6.6;proto=https"],
)
def test_nothing_that_a_client_says_of_itself_is_believed(port: int, header: str) -> None:
    with wire(port) as client:
        client.send(GET.replace(b"\r\n\r\n", b"\r\n" + header.encode("ascii") + b"\r\n\r\n"))
        answer = client.answer()
    assert answer.body == b"http 127.0.0.1"
    assert "server" not in answer.headers


def test_a_request_writes_no_access_log(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    with wire(port) as client:
        client.send(GET)
        assert client.answer().status == 200
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key and its own certificate for `localhost`, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    signed = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(
        key, hashes.SHA256()
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("raw", [GET, b"GET / HTTP/1.1\r\n\r\n"], ids=["good", "no Host"])
def test_tls(certificate: Path, raw: bytes) -> None:
    context = ssl.create_default_context(cafile=certificate)
    with (
        serving(application, ssl_certfile=certificate, ssl_keyfile=certificate) as port,
        wire(port, context) as client,
    ):
        client.send(raw)
        answer = client.answer()
        if raw == GET:
            assert answer.body == b"https 127.0.0.1"
        else:
            assert_refused(answer, 400)


def test_what_is_left_to_uvicorn() -> None:
    config = server_config(application, "127.0.0.1", 5001)
    assert (config.host, config.port) == ("127.0.0.1", 5001)
    assert (config.ws, config.lifespan, config.proxy_headers, config.server_header) == ("none", "on", False, False)
    assert config.limit_concurrency is None  # its refusal is text/plain, and idle connections count in it
    assert config.timeout_graceful_shutdown == 15
