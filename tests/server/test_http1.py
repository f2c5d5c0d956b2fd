"""The HTTP/1.1 edge, spoken to in raw bytes over loopback. Deadlines are short here and injected."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from tests.server.serving import PATIENCE_SECONDS, ask, assert_refused, lifespan, serving, wire
from token_service.server.edge import MAX_HEADER_BYTES, MAX_HEADER_LINES, MAX_TARGET_BYTES, BodyDeadline, Limits

SHORT_SECONDS = 0.3
PAUSE_SECONDS = 0.02

QUICK = Limits(head_seconds=SHORT_SECONDS, body_seconds=SHORT_SECONDS, idle_seconds=SHORT_SECONDS, linger_seconds=0.2)

HOST = b"Host: registry.example.com:5000\r\n"
SIZES = {"/page": 60_000, "/large": 4_000_000}

GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it was asked; `/early` without reading the body, some at length."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    path = scope["path"]
    body = b""
    message: Message = {"more_body": path != "/early"}
    while message.get("more_body") and message.get("type") != "http.disconnect":
        message = await receive()
        body += message.get("body", b"")
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    said = {"path": path, "query": len(scope["query_string"]), "headers": headers, "body": body.decode("latin-1")}
    text = b"x" * SIZES[path] if path in SIZES else json.dumps(said).encode("ascii")
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]},
    )
    await send({"type": "http.response.body", "body": text[:10], "more_body": True})
    await send({"type": "http.response.body", "body": text[10:]})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with the limits of production, except that a refused client is let go sooner."""
    with serving(application, replace(Limits(), linger_seconds=5.0)) as port:
        yield port


@pytest.fixture(scope="module")
def quick_port() -> Iterator[int]:
    with serving(application, QUICK) as port:
        yield port


ACCEPTED = {
    "plain": GET,
    "a line end before it": b"\r\n" + GET,
    "HTTP/1.0": GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.0 kept alive": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n",
    "host without port": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "host in IPv6": b"GET / HTTP/1.1\r\nHost: [::1]:5001\r\n\r\n",
    "host in IPv4": b"GET / HTTP/1.1\r\nHost: 10.0.0.1:5001\r\n\r\n",
    "host with an underscore, as compose makes them": b"GET / HTTP/1.1\r\nHost: token_service\r\n\r\n",
    "host with spaces around": b"GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n",
    "chunked": CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "chunked with a chunk extension": CHUNKED + b"b;x=y\r\nhello world\r\n0\r\n\r\n",
    "chunked with a trailer": CHUNKED + b"b\r\nhello world\r\n0\r\nAuthorization: x\r\nHost: y\r\n\r\n",
    "chunked in capitals": CHUNKED.replace(b"chunked", b"Chunked") + b"b\r\nhello world\r\n0\r\n\r\n",
    "content-length": POST + b"Content-Length: 11\r\n\r\nhello world",
    "expects 100-continue": POST + b"Content-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
    "offers h2c": b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + HOST + b"\r\n",
    "offers a websocket": b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + HOST + b"\r\n",
    "longest target": b"GET /?" + b"q" * (MAX_TARGET_BYTES - 2) + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "most headers": b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * (MAX_HEADER_LINES - 1) + b"\r\n",
    "largest header": b"GET / HTTP/1.1\r\nHost: a\r\nb: " + b"v" * (MAX_HEADER_BYTES - 14) + b"\r\n\r\n",
    "bytes above ASCII in a header": b"GET / HTTP/1.1\r\nX: \xff\xc3\xbc\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("raw", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_request_reaches_the_application(port: int, raw: bytes) -> None:
    with wire(port) as client:
        client.send(raw)
        answer = client.answer()
        if answer.status == 100:
            answer = client.answer()
        assert answer.status == 200
        assert "server" not in answer.headers
        said = answer.json()
        assert said["body"] == ("hello world" if raw.startswith(b"POST") else "")
        assert [name for name, _ in said["headers"]].count("host") == 1
        assert "authorization" not in dict(said["headers"])


REFUSED = {
    "no Host": (400, b"GET / HTTP/1.1\r\nX: CANARY\r\n\r\n"),
    "no Host in HTTP/1.0": (400, b"GET / HTTP/1.0\r\n\r\n"),
    "two Hosts": (400, b"GET / HTTP/1.1\r\nHost: CANARY\r\nHost: CANARY\r\n\r\n"),
    "empty Host": (400, b"GET / HTTP/1.1\r\nHost: \r\n\r\n"),
    "two Hosts in one": (400, b"GET / HTTP/1.1\r\nHost: CANARY, b\r\n\r\n"),
    "Host with a path": (400, b"GET / HTTP/1.1\r\nHost: CANARY/b\r\n\r\n"),
    "Host with a query": (400, b"GET / HTTP/1.1\r\nHost: a/b?c#CANARY\r\n\r\n"),
    "Host with userinfo": (400, b"GET / HTTP/1.1\r\nHost: CANARY@b\r\n\r\n"),
    "Host with a port that is none": (400, b"GET / HTTP/1.1\r\nHost: a:CANARY\r\n\r\n"),
    "Host with a port too long": (400, b"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"),
    "Host above ASCII": (400, b"GET / HTTP/1.1\r\nHost: caf\xc3\xa9\r\n\r\n"),
    "Host with a percent": (400, b"GET / HTTP/1.1\r\nHost: a%00b\r\n\r\n"),
    "Host too long": (400, b"GET / HTTP/1.1\r\nHost: " + b"a" * 256 + b"\r\n\r\n"),
    "Host that is a broken IPv6": (400, b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    "absolute form": (400, b"GET http://CANARY/token HTTP/1.1\r\n" + HOST + b"\r\n"),
    "absolute form with our own host": (400, b"GET http://registry.example.com:5000/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "authority form": (400, b"CONNECT CANARY:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT to a path": (400, b"CONNECT /CANARY HTTP/1.1\r\n" + HOST + b"\r\n"),
    "asterisk form": (400, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a fragment": (400, b"GET /#CANARY HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a target above ASCII": (400, b"GET /caf\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a space in the target": (400, b"GET /CANARY x HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a control character in the target": (400, b"GET /\x01CANARY HTTP/1.1\r\n" + HOST + b"\r\n"),
    "HTTP/0.9": (400, b"GET /CANARY\r\n\r\n"),
    "HTTP/0.9 by name": (400, b"GET /CANARY HTTP/0.9\r\n" + HOST + b"\r\n"),
    "HTTP/2 by name": (400, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "HTTP/2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/1.2": (400, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "RTSP": (400, b"DESCRIBE rtsp://CANARY RTSP/1.0\r\n" + HOST + b"\r\n"),
    "TLS on the plain port": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03CANARY"),
    "garbage": (400, b"CANARY CANARY CANARY\r\n\r\n"),
    "NUL": (400, b"\x00" * 100),
    "method in small letters": (400, GET.replace(b"GET", b"get")),
    "bare line feeds": (400, GET.replace(b"\r\n", b"\n")),
    "bare carriage return": (400, b"GET / HTTP/1.1\r\nX: a\rY: b\r\n" + HOST + b"\r\n"),
    "folded header": (400, b"GET / HTTP/1.1\r\nX: CANARY\r\n CANARY\r\n" + HOST + b"\r\n"),
    "folded header with a tab": (400, b"GET / HTTP/1.1\r\nX: CANARY\r\n\tCANARY\r\n" + HOST + b"\r\n"),
    "space before the colon": (400, b"GET / HTTP/1.1\r\nX : CANARY\r\n" + HOST + b"\r\n"),
    "space before the first header": (400, b"GET / HTTP/1.1\r\n X: CANARY\r\n" + HOST + b"\r\n"),
    "header without a name": (400, b"GET / HTTP/1.1\r\n: CANARY\r\n" + HOST + b"\r\n"),
    "header without a colon": (400, b"GET / HTTP/1.1\r\nCANARY\r\n" + HOST + b"\r\n"),
    "NUL in a header": (400, b"GET / HTTP/1.1\r\nX: CANARY\x00\r\n" + HOST + b"\r\n"),
    "control character in a header": (400, b"GET / HTTP/1.1\r\nX: CANARY\x01\r\n" + HOST + b"\r\n"),
    "CL and TE": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "TE and CL": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    "two CLs that differ": (400, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    "two CLs alike": (400, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    "a list of CLs": (400, POST + b"Content-Length: 5, 5\r\n\r\nhello"),
    "CL with a sign": (400, POST + b"Content-Length: +5\r\n\r\nhello"),
    "CL below nought": (400, POST + b"Content-Length: -5\r\n\r\nhello"),
    "CL in hex": (400, POST + b"Content-Length: 0x5\r\n\r\nhello"),
    "CL empty": (400, POST + b"Content-Length: \r\n\r\n"),
    "CL too large for 64 bits": (400, POST + b"Content-Length: 99999999999999999999999\r\n\r\n"),
    "TE gzip": (400, POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    "TE gzip, chunked": (400, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "TE chunked, gzip": (400, POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "TE identity": (400, POST + b"Transfer-Encoding: identity\r\n\r\n"),
    "TE xchunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "TE with a vertical tab": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "two TEs": (400, POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "TE in HTTP/1.0": (400, CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n"),
    "chunk size with bare line feed": (400, CHUNKED + b"5\nhello\r\n0\r\n\r\n"),
    "chunk longer than its size": (400, CHUNKED + b"5\r\nhelloX0\r\n\r\n"),
    "chunk size in 0x": (400, CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size below nought": (400, CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size too large": (400, CHUNKED + b"fffffffffffffffff\r\n"),
    "an offer of h2c with a body": (
        400,
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
    ),
    "target too long": (414, b"GET /" + b"q" * MAX_TARGET_BYTES + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target without an end": (414, b"GET /" + b"CANARY" * 50_000),
    "one header too many": (431, b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * MAX_HEADER_LINES + b"\r\n"),
    "20,000 headers": (431, b"GET / HTTP/1.1\r\n" + HOST + b"a: CANARY\r\n" * 20_000 + b"\r\n"),
    "header block too large": (
        431,
        b"GET / HTTP/1.1\r\nHost: a\r\nb: " + b"v" * (MAX_HEADER_BYTES - 13) + b"\r\n\r\n",
    ),
    "300 kB header": (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"v" * 300_000 + b"\r\n\r\n"),
    "header without an end": (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"CANARY" * 100_000),
    "header name without an end": (431, b"GET / HTTP/1.1\r\n" + HOST + b"X" * 300_000),
    "line ends without an end": (431, b"\r\n" * 300_000),
    "trailers too many": (431, CHUNKED + b"0\r\n" + b"a: b\r\n" * 20_000 + b"\r\n"),
    "trailer without an end": (431, CHUNKED + b"0\r\nX: " + b"CANARY" * 200_000),
    "chunk extension without an end": (431, CHUNKED + b"5;" + b"CANARY" * 200_000),
}


@pytest.mark.parametrize(("status", "raw"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_request_is_refused_and_the_connection_ends(port: int, status: int, raw: bytes) -> None:
    answer, rest = ask(port, raw)
    assert_refused(answer, status)
    assert rest == b""


@settings(max_examples=200)
@given(raw=st.binary(max_size=200))
def test_no_bytes_bring_the_server_down_or_uvicorns_own_words(quick_port: int, raw: bytes) -> None:
    with wire(quick_port) as client:
        client.send(raw + b"\r\n\r\n" + b"\x00")
        rest = client.rest()
    assert rest.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 200 "))
    assert b"Invalid HTTP request" not in rest


def test_a_query_of_32_kib_in_small_segments_passes(port: int) -> None:
    query = b"&".join([b"scope=repository%3Aa%2Fb%3Apull"] * 1_057)[: 32 * 1024]
    raw = b"GET /token?" + query + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    with wire(port) as client:
        for start in range(0, len(raw), 700):
            client.send(raw[start : start + 700])
        answer = client.answer()
    assert (answer.status, answer.json()["query"]) == (200, 32 * 1024)


def test_a_connection_is_used_again(port: int) -> None:
    with wire(port) as client:
        for _ in range(300):
            client.send(GET)
            assert client.answer().status == 200


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    with wire(port) as client:
        client.send(b"".join(GET.replace(b"GET /", b"GET /%d" % number) for number in range(10)))
        assert [client.answer().json()["path"] for _ in range(10)] == [f"/{number}" for number in range(10)]
        client.send(GET)
        assert client.answer().status == 200


def test_pipelining_is_bounded(port: int) -> None:
    limit = Limits().pipelined_requests
    with wire(port) as client:
        client.send(GET * 2_000)
        answers = [client.answer() for _ in range(limit + 1)]
        assert {answer.status for answer in answers} == {200}
        assert answers[-1].headers["connection"] == "close"
        assert client.rest() == b""


@pytest.mark.parametrize(
    "bad",
    [b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", CHUNKED + b"zz\r\n", b"GET /" + b"q" * 50_000],
    ids=["garbage", "no Host", "bad chunk", "long target"],
)
@pytest.mark.parametrize("good", [1, 2, 3])
def test_a_bad_request_behind_good_ones_takes_no_answer_from_them(port: int, good: int, bad: bytes) -> None:
    with wire(port) as client:
        client.send(GET * good + bad + GET)
        answers = [client.answer() for _ in range(good)]
        assert {answer.status for answer in answers} == {200}
        assert client.rest() == b""


def test_what_follows_an_error_is_ignored(port: int) -> None:
    answer, rest = ask(port, b"garbage\r\n\r\n" + GET * 100)
    assert_refused(answer, 400)
    assert rest == b""


def test_what_follows_a_last_request_is_ignored(port: int) -> None:
    answer, rest = ask(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)
    assert (answer.status, rest) == (200, b"")


def test_nothing_follows_an_offer_of_another_protocol(port: int) -> None:
    offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    answer, rest = ask(port, b"GET / HTTP/1.1\r\n" + offer + HOST + b"\r\n" + GET)
    assert (answer.status, answer.headers["connection"], rest) == (200, "close", b"")


def test_a_broken_body_is_answered_instead_of_the_application(port: int) -> None:
    with wire(port) as client:
        client.send(CHUNKED + b"5\r\nhello\r\n")
        client.send(b"zz\r\n")
        assert_refused(client.answer(), 400)
        assert client.rest() == b""


class TestDeadlines:
    def test_a_silent_client_is_cut_off_without_a_word(self, quick_port: int) -> None:
        with wire(quick_port) as client:
            assert client.rest() == b""

    @pytest.mark.parametrize("start", [b"G", b"\r\n", b"GET / HTTP/1.1\r\n", GET[:-2]])
    def test_a_head_that_stops_is_cut_off(self, quick_port: int, start: bytes) -> None:
        answer, rest = ask(quick_port, start)
        assert_refused(answer, 408)
        assert rest == b""

    def test_a_head_that_drips_is_cut_off(self, quick_port: int) -> None:
        raw = b"GET / HTTP/1.1\r\nX: " + b"x" * 5_000
        with wire(quick_port) as client:
            assert client.drip(raw, PAUSE_SECONDS) < len(raw)
            assert_refused(client.answer(), 408)

    def test_line_ends_that_drip_are_cut_off(self, quick_port: int) -> None:
        raw = b"\r\n" * 2_500
        with wire(quick_port) as client:
            assert client.drip(raw, PAUSE_SECONDS) < len(raw)

    @pytest.mark.parametrize("head", [POST + b"Content-Length: 9000\r\n\r\n", CHUNKED + b"2328\r\n"])
    def test_a_body_that_drips_is_cut_off(self, quick_port: int, head: bytes) -> None:
        with wire(quick_port) as client:
            client.send(head)
            assert client.drip(b"x" * 5_000, PAUSE_SECONDS) < 5_000
            assert_refused(client.answer(), 408)

    def test_a_body_that_stops_is_cut_off(self, quick_port: int) -> None:
        answer, rest = ask(quick_port, POST + b"Content-Length: 9000\r\n\r\nhello")
        assert_refused(answer, 408)
        assert rest == b""

    def test_an_idle_connection_is_closed(self, quick_port: int) -> None:
        answer, rest = ask(quick_port, GET)
        assert (answer.status, rest) == (200, b"")

    def test_line_ends_do_not_keep_an_idle_connection(self, quick_port: int) -> None:
        with wire(quick_port) as client:
            client.send(GET)
            assert client.answer().status == 200
            assert client.drip(b"\r\n" * 2_500, PAUSE_SECONDS) < 5_000

    def test_the_head_of_a_later_request_has_its_own_deadline(self, quick_port: int) -> None:
        with wire(quick_port) as client:
            client.send(GET)
            assert client.answer().status == 200
            assert client.drip(b"GET / HTTP/1.1\r\nX: " + b"x" * 5_000, PAUSE_SECONDS) < 5_000
            assert_refused(client.answer(), 408)

    @pytest.mark.parametrize("deadline", BodyDeadline)
    def test_a_body_that_nobody_reads_has_a_deadline(self, deadline: BodyDeadline) -> None:
        """uvicorn forgets its keep-alive timer here: the connection would stay for ever."""
        with serving(application, replace(QUICK, body_deadline=deadline)) as port, wire(port) as client:
            client.send(POST.replace(b"POST /", b"POST /early") + b"Content-Length: 9000\r\n\r\n")
            assert client.answer().status == 200
            assert client.drip(b"x" * 5_000, PAUSE_SECONDS) < 5_000
            assert client.rest() == b""

    def test_a_connection_is_good_again_after_a_body_that_nobody_read(self, port: int) -> None:
        with wire(port) as client:
            client.send(POST.replace(b"POST /", b"POST /early") + b"Content-Length: 5\r\n\r\n")
            assert client.answer().status == 200
            client.send(b"hello" + GET)
            assert client.answer().status == 200

    def test_after_a_body_that_nobody_read_the_connection_is_idle(self, quick_port: int) -> None:
        answer, rest = ask(quick_port, POST.replace(b"POST /", b"POST /early") + b"Content-Length: 5\r\n\r\nhello")
        assert (answer.status, rest) == (200, b"")

    def test_an_upload_may_take_long_as_long_as_it_makes_progress(self) -> None:
        limits = replace(QUICK, body_seconds=1.5, body_deadline=BodyDeadline.IDLE)
        with serving(application, limits) as port, wire(port) as client:
            client.send(POST + b"Content-Length: 20\r\n\r\n")
            assert client.drip(b"x" * 20, 0.1) == 20  # 2 seconds in all
            assert client.answer().json()["body"] == "x" * 20

    def test_an_upload_that_stops_is_cut_off(self) -> None:
        limits = replace(QUICK, body_deadline=BodyDeadline.IDLE)
        with serving(application, limits) as port:
            answer, rest = ask(port, POST + b"Content-Length: 20\r\n\r\nhello")
        assert_refused(answer, 408)
        assert rest == b""

    def test_a_reader_that_stops_is_cut_off(self) -> None:
        limits = replace(QUICK, unread_seconds=SHORT_SECONDS)
        gone = threading.Event()

        async def noticing(scope: Scope, receive: Receive, send: Send) -> None:
            await application(scope, receive, send)
            if scope["type"] == "http" and (await receive())["type"] == "http.disconnect":
                gone.set()

        with serving(noticing, limits) as port, wire(port) as client:
            client.send(GET.replace(b"GET /", b"GET /large"))
            assert gone.wait(PATIENCE_SECONDS)

    def test_a_reader_that_goes_on_reading_gets_everything(self, quick_port: int) -> None:
        with wire(quick_port) as client:
            client.send(GET.replace(b"GET /", b"GET /large"))
            assert len(client.answer().body) == 4_000_000
            client.send(GET)
            assert client.answer().status == 200

    def test_a_last_answer_that_nobody_reads_does_not_hold_the_connection(self) -> None:
        """Too little is left for the transport to say that it is full, and closing waits for the reader."""
        limits = replace(Limits(), connections_per_address=1, unread_seconds=SHORT_SECONDS)
        last = b"GET /page HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
        with serving(application, limits, send_buffer=4096) as port, wire(port, receive_buffer=4096) as client:
            client.send(last)
            assert ask_again(port) == 200
            with contextlib.suppress(ConnectionError):
                assert len(client.rest()) < 60_000

    def test_a_client_that_waits_for_us_is_not_late(self) -> None:
        """Reading stops while a pipelined request waits for its turn: what has not come is not the client's fault."""
        release = threading.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("path") == "/slow":
                await asyncio.to_thread(release.wait, PATIENCE_SECONDS)
            await application(scope, receive, send)

        with serving(slow, QUICK) as port, wire(port) as client:
            client.send(GET.replace(b"GET /", b"GET /slow") + POST + b"Content-Length: 5\r\n\r\nhe")
            assert client.is_quiet(3 * SHORT_SECONDS)
            client.send(b"llo")
            release.set()
            assert client.answer().json()["path"] == "/slow"
            assert client.answer().json()["body"] == "hello"


class TestConnections:
    def test_slow_clients_do_not_keep_a_good_one_waiting(self, port: int) -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(wire(port)).send(b"GET / HTTP/1.1\r\nX: ")
            answer, _ = ask(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert answer.status == 200

    def test_one_address_may_hold_only_so_many(self) -> None:
        with serving(application, replace(Limits(), connections_per_address=3)) as port:
            with contextlib.ExitStack() as stack:
                held = [stack.enter_context(wire(port)) for _ in range(3)]
                for client in held:
                    client.send(GET)
                    assert client.answer().status == 200
                with wire(port) as client:
                    answer = client.answer()
                    assert_refused(answer, 429)
                    assert answer.headers["retry-after"] == "5"
                    assert client.rest() == b""
            assert ask_again(port) == 200

    def test_there_is_a_limit_for_all_together(self) -> None:
        with serving(application, replace(Limits(), connections=3)) as port:
            with contextlib.ExitStack() as stack:
                for _ in range(3):
                    stack.enter_context(wire(port)).send(b"GET ")
                with wire(port) as client:
                    answer = client.answer()
                    assert_refused(answer, 503)
                    assert answer.headers["retry-after"] == "5"
            assert ask_again(port) == 200

    def test_an_idle_connection_gives_way_to_a_new_one(self) -> None:
        with serving(application, replace(Limits(), connections=3)) as port, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(wire(port)) for _ in range(3)]
            for client in clients:
                client.send(GET)
                assert client.answer().status == 200
            clients[0].send(GET)  # now the second has been idle for longest
            assert clients[0].answer().status == 200
            with wire(port) as newcomer:
                newcomer.send(GET)
                assert newcomer.answer().status == 200
            assert clients[1].rest() == b""
            clients[2].send(GET)
            assert clients[2].answer().status == 200


def ask_again(port: int) -> int:
    """Ask until the server has noticed that a connection is gone, or patience is."""
    until = time.monotonic() + PATIENCE_SECONDS
    status = 0
    while status != 200 and time.monotonic() < until:
        with wire(port) as client, contextlib.suppress(ConnectionError, EOFError):
            client.send(GET)
            status = client.answer().status
    return status
