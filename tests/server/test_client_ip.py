"""Whose address a request has. What is not certain is None, and a rule on `source_ip` then allows nothing."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.server.client_ip import ClientIp

PROXIES = ["10.0.0.0/8", "2001:db8:aaaa::/48", "127.0.0.1/32"]
CLIENT = "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("fe80::1%eth0", None),
        ("/run/token.sock", None),
        ("localhost", None),
        ("203.0.113.7:80", None),
        ("203.0.113.07", None),
        ("3405803783", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("forwarded", [[], [b"198.51.100.1"], [b"garbage"]])
def test_by_default_nobody_is_believed_and_the_peer_is_the_client(
    peer: str | None, address: str | None, forwarded: list[bytes]
) -> None:
    assert ClientIp([]).resolve(peer, forwarded) == address


CHAINS: list[tuple[str, str, list[bytes], str | None]] = [
    ("a proxy that adds nothing", "10.0.0.1", [], None),
    ("one proxy", "10.0.0.1", [b"203.0.113.7"], CLIENT),
    ("two proxies", "10.0.0.1", [b"203.0.113.7, 10.9.9.9"], CLIENT),
    ("two headers", "10.0.0.1", [b"203.0.113.7", b"10.9.9.9"], CLIENT),
    ("no space", "10.0.0.1", [b"203.0.113.7,10.9.9.9"], CLIENT),
    ("much space", "10.0.0.1", [b"  203.0.113.7 \t,  10.9.9.9 "], CLIENT),
    ("only proxies", "10.0.0.1", [b"10.3.3.3, 10.2.2.2"], "10.3.3.3"),
    ("a client who wrote one himself", "10.0.0.1", [b"198.51.100.1, 203.0.113.7"], CLIENT),
    ("a client who wrote a proxy's address", "10.0.0.1", [b"10.5.5.5, 203.0.113.7, 10.9.9.9"], CLIENT),
    ("a client who wrote garbage", "10.0.0.1", [b"<script>, 203.0.113.7"], CLIENT),
    ("a client who wrote nothing", "10.0.0.1", [b", 203.0.113.7"], CLIENT),
    ("a client in a header of his own", "10.0.0.1", [b"127.0.0.1", b"203.0.113.7"], CLIENT),
    ("a peer that is no proxy", "203.0.113.7", [b"10.0.0.1"], CLIENT),
    ("a peer that claims to be local", "203.0.113.7", [b"127.0.0.1"], CLIENT),
    ("a proxy over IPv6", "2001:db8:aaaa::5", [b"2001:db8::1"], "2001:db8::1"),
    ("a proxy on a dual-stack listener", "::ffff:10.0.0.1", [b"203.0.113.7"], CLIENT),
    ("a mapped address in the header", "10.0.0.1", [b"::ffff:203.0.113.7"], CLIENT),
    ("a mapped proxy in the header", "10.0.0.1", [b"203.0.113.7, ::ffff:10.9.9.9"], CLIENT),
    ("an address in brackets", "10.0.0.1", [b"[2001:db8::1]"], None),
    ("an address with a port", "10.0.0.1", [b"203.0.113.7:4711"], None),
    ("brackets and a port", "10.0.0.1", [b"[2001:db8::1]:4711"], None),
    ("a zone", "10.0.0.1", [b"fe80::1%eth0"], None),
    ("the word unknown", "10.0.0.1", [b"unknown"], None),
    ("a name", "10.0.0.1", [b"client.example.com"], None),
    ("an empty header", "10.0.0.1", [b""], None),
    ("an empty hop", "10.0.0.1", [b"203.0.113.7,,10.9.9.9"], None),
    ("an empty hop at the end", "10.0.0.1", [b"203.0.113.7,"], None),
    ("garbage between proxies", "10.0.0.1", [b"203.0.113.7, ?, 10.9.9.9"], None),
    ("bytes", "10.0.0.1", [b"\xff\xfe"], None),
    ("Arabic digits", "10.0.0.1", ["\u0661.2.3.4".encode()], None),
    ("a leading zero", "10.0.0.1", [b"010.0.0.1"], None),
    ("a number", "10.0.0.1", [b"2130706433"], None),
    ("a network", "10.0.0.1", [b"203.0.113.0/24"], None),
    ("a quoted address", "10.0.0.1", [b'"203.0.113.7"'], None),
]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"), [row[1:] for row in CHAINS], ids=[row[0] for row in CHAINS]
)
def test_the_rightmost_address_that_is_no_proxy_is_the_client(
    peer: str, forwarded: list[bytes], address: str | None
) -> None:
    assert ClientIp(PROXIES).resolve(peer, forwarded) == address


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"10.0.0.9", b"127.0.0.1", b"::1"]), max_size=4))
def test_nothing_that_a_client_writes_to_the_left_of_what_the_proxy_adds_matters(spoofed: list[bytes]) -> None:
    resolver = ClientIp(PROXIES)
    assert resolver.resolve("10.0.0.1", [*spoofed, CLIENT.encode()]) == CLIENT
    assert resolver.resolve("10.0.0.1", [b",".join([*spoofed, CLIENT.encode()])]) == CLIENT
    assert resolver.resolve(CLIENT, spoofed) == CLIENT


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_no_header_raises(forwarded: list[bytes]) -> None:
    for trusted, peer in product(([], PROXIES), ("10.0.0.1", "fe80::1%x", None)):
        ClientIp(trusted).resolve(peer, forwarded)
