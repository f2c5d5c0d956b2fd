"""Whose address a request comes from. `X-Forwarded-For` is believed from configured proxies only."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from token_service.policy.condition import Address, parse_address


class ClientIp:
    """Resolves the client's address. With no trusted proxies, which is the default, it is the peer's."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        self._trusted: Sequence[IPv4Network | IPv6Network] = tuple(ip_network(proxy) for proxy in trusted_proxies)

    def resolve(self, peer: str | None, forwarded_for: Sequence[bytes]) -> str | None:
        """The rightmost address that is not a trusted proxy. None where it cannot be told: rules on `source_ip`
        then do not allow anything (CVE-2024-47070 was a parse failure that did)."""
        address = parse_address(peer)
        if address is None or not self._is_trusted(address):
            return None if address is None else str(address)
        hops = b",".join(forwarded_for).decode("latin-1").split(",") if forwarded_for else []
        # A trusted proxy that names nobody (a health check, or it does not forward addresses) is not the client.
        if not hops:
            return None
        for hop in reversed(hops):
            address = parse_address(hop.strip())
            if address is None:
                return None
            if not self._is_trusted(address):
                break
        return str(address)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)
