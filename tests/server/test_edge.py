"""What the connections of a listener share: counts, idle ones, and how a refusal looks."""

import json

import pytest

from token_service.errors import OAuthError, too_busy
from token_service.server.edge import (
    TOO_MANY_CONNECTIONS,
    TOO_MANY_FROM_ADDRESS,
    Edge,
    Limits,
    network_of,
    render,
)


class Idler:
    """A connection that remembers whether it was told to go."""

    def __init__(self) -> None:
        self.gone = False

    def hang_up(self) -> None:
        self.gone = True


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/token.sock", "/run/token.sock"),
    ],
)
def test_what_counts_as_one_address(host: str, network: str) -> None:
    assert network_of(host) == network


def test_one_address_is_counted_by_itself() -> None:
    edge = Edge(Limits(connections=10, connections_per_address=2))
    assert [edge.enter("a") for _ in range(3)] == [None, None, TOO_MANY_FROM_ADDRESS]
    assert edge.enter("b") is None
    edge.leave("a")
    edge.leave("a")
    assert edge.enter("a") is None


def test_all_together_are_counted() -> None:
    edge = Edge(Limits(connections=2, connections_per_address=2))
    assert [edge.enter(network) for network in "abc"] == [None, None, TOO_MANY_CONNECTIONS]
    for network in "abc":
        edge.leave(network)
    assert edge.enter("a") is None


def test_the_longest_idle_makes_room() -> None:
    edge = Edge(Limits(connections=2))
    assert [edge.enter(network) for network in "ab"] == [None, None]
    first, second = Idler(), Idler()
    edge.idle[first] = edge.idle[second] = None
    assert edge.enter("c") is None
    assert (first.gone, second.gone) == (True, False)


def test_a_refusal_is_a_whole_response_in_both_vocabularies() -> None:
    head, _, body = render(too_busy("not now", 7), [(b"date", b"today")]).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 429 Too Many Requests",
        b"date: today",
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"cache-control: no-store",
        b"connection: close",
        b"retry-after: 7",
    ]
    assert json.loads(body) == {
        "errors": [{"code": "TOOMANYREQUESTS", "message": "not now", "detail": None}],
        "error": "temporarily_unavailable",
        "error_description": "not now",
    }


def test_a_refusal_without_a_time_to_come_back() -> None:
    assert b"retry-after" not in render(OAuthError("invalid_request", "no"), [])
