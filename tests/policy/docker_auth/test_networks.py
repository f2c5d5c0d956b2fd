"""Sets of addresses: differences and meetings, against counting the addresses of small networks."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token_service.policy.condition import Network
from token_service.policy.docker_auth.networks import ALL_NETWORKS, networks_meet, networks_minus

Networks = tuple[Network, ...]

FOUR, SIX = (int(IPv4Address("10.0.0.0")), 32), (int(IPv6Address("2001:db8::")), 128)


def _network(start: int, bits: int, address: int, fewer: int) -> Network:
    return ip_network((start + address >> fewer << fewer, bits - fewer))


small_networks = st.lists(
    st.builds(
        lambda of, *where: _network(*of, *where), st.sampled_from([FOUR, SIX]), st.integers(0, 15), st.integers(0, 4)
    ),
    max_size=4,
).map(tuple)


def networks(*texts: str) -> Networks:
    return tuple(map(ip_network, texts))


def addresses(some: Networks) -> set[IPv4Address | IPv6Address]:
    return {address for network in some for address in network}


@given(small_networks, small_networks)
@settings(max_examples=60)
def test_what_is_left_is_what_counting_leaves(ones: Networks, others: Networks) -> None:
    left = networks_minus(ones, others)
    assert addresses(left) == addresses(ones) - addresses(others)
    assert len({address for network in left for address in network}) == sum(one.num_addresses for one in left)


@given(small_networks, small_networks)
@settings(max_examples=60)
def test_networks_meet_where_they_share_an_address(ones: Networks, others: Networks) -> None:
    assert networks_meet(ones, others) is bool(addresses(ones) & addresses(others))


@pytest.mark.parametrize(
    ("ones", "others", "left"),
    [
        (networks("10.0.0.0/8"), (), ["10.0.0.0/8"]),
        (networks("10.0.0.0/8"), networks("10.0.0.0/8"), []),
        (networks("10.1.0.0/16"), networks("10.0.0.0/8"), []),
        (networks("10.0.0.0/30"), networks("10.0.0.1/32"), ["10.0.0.0/32", "10.0.0.2/31"]),
        (networks("10.0.0.0/30"), networks("10.0.0.1/32", "10.0.0.2/31"), ["10.0.0.0/32"]),
        (networks("10.0.0.0/31", "10.0.0.2/31"), (), ["10.0.0.0/30"]),
        (networks("10.0.0.0/8"), networks("11.0.0.0/8", "::/0"), ["10.0.0.0/8"]),
        (networks("2001:db8::/32", "10.0.0.0/8"), (), ["10.0.0.0/8", "2001:db8::/32"]),
        (networks("2001:db8::/127"), networks("2001:db8::1/128", "0.0.0.0/0"), ["2001:db8::/128"]),
        (ALL_NETWORKS, networks("::/0"), ["0.0.0.0/0"]),
        (ALL_NETWORKS, networks("0.0.0.0/0"), ["::/0"]),
        (ALL_NETWORKS, networks("128.0.0.0/1", "8000::/1"), ["0.0.0.0/1", "::/1"]),
    ],
)
def test_what_is_left_is_few_networks_of_each_version(ones: Networks, others: Networks, left: list[str]) -> None:
    assert [str(one) for one in networks_minus(ones, others)] == left


def test_an_address_is_never_looked_at_as_ipv4_written_as_ipv6() -> None:
    """Such a network would be what is left here, and no request comes from it."""
    assert networks_minus(networks("::ffff:0:0/96"), ()) == ()
    assert networks_minus(networks("::fffe:0:0/95"), networks("::fffe:0:0/96")) == ()
    assert networks_minus(networks("::fffe:0:0/95"), networks("::ffff:0:0/96")) == networks("::fffe:0:0/96")


@pytest.mark.parametrize(
    ("ones", "others", "expected"),
    [
        (networks("10.0.0.0/8"), networks("10.1.0.0/16"), True),
        (networks("10.1.0.0/16"), networks("10.0.0.0/8"), True),
        (networks("10.0.0.0/8"), networks("11.0.0.0/8"), False),
        (networks("0.0.0.0/0"), networks("::/0"), False),
        (networks("0.0.0.0/0", "2001:db8::/32"), networks("2001:db8::1/128"), True),
        (networks("10.0.0.0/8"), (), False),
        ((), networks("10.0.0.0/8"), False),
    ],
)
def test_networks_of_different_versions_never_meet(ones: Networks, others: Networks, expected: bool) -> None:
    assert networks_meet(ones, others) is expected
