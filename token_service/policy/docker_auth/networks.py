"""Sets of addresses: what of some networks is not in others, and whether they meet. Pure.

IPv4 and IPv6 are apart: an IPv4 address that is written as IPv6 has become IPv4 before anybody looks at it, so the
networks of such addresses are empty, and left out.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from token_service.policy.condition import Network

ALL_NETWORKS: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


def networks_minus(networks: tuple[Network, ...], others: tuple[Network, ...]) -> tuple[Network, ...]:
    for other in others:
        networks = tuple(part for network in networks for part in _network_minus(network, other))
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return (*four, *(network for network in six if network.network_address.ipv4_mapped is None))


def _network_minus(network: Network, other: Network) -> Iterator[Network]:
    if network.version != other.version or not network.overlaps(other):
        yield network
    elif network.prefixlen < other.prefixlen:
        yield from network.address_exclude(other)  # type: ignore[arg-type] # of the same version


def networks_meet(ones: tuple[Network, ...], others: tuple[Network, ...]) -> bool:
    return any(one.overlaps(other) for one in ones for other in others if one.version == other.version)
