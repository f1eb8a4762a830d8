"""Where a request comes from, behind proxies that are trusted to say so. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The address of the client: the peer's own, or what the last trusted proxy has seen.

    X-Forwarded-For is read from its end for as long as those who wrote it are trusted; what stands before is anybody's
    word. IPv6 addresses count by their /64, which is what one customer gets.
    """
    address = peer or "unknown"
    hops = [each.strip() for each in (forwarded_for or "").split(",") if each.strip()]
    while hops and _is_trusted(address, trusted):
        address = hops.pop()
    return _network_of(address)


def read_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks separated by commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip())


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed.version == each.version and parsed in each for each in trusted)


def _network_of(address: str) -> str:
    parsed = _parse(address)
    if parsed is None:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return mapped if mapped is not None else parsed
