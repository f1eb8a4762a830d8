"""Which addresses a store may have: a store's URL is a stranger's input, and we call it from inside the house."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from longshore.platforms.protocols import StoreRefused


class PrivateAddress(OSError):
    """A name leads to an address that is not of the public internet."""


def store_base(store_url: str, *, allow_private: bool) -> str:
    """The store's address without a trailing slash. Raises StoreRefused for what we do not call.

    `allow_private` (development only) lets private addresses and plain http through.
    """
    try:
        parts = urlsplit(store_url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise StoreRefused("store-url", "The store's address cannot be read.") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise StoreRefused("store-url", "The store's address must be https://host[:port][/path].")
    if parts.scheme == "http" and not allow_private:
        raise StoreRefused(
            "store-url", "The store's address must be https: over http its data could be read on the way."
        )
    if not allow_private and is_private(host):
        raise StoreRefused("private-address", "The store's address is not of the public internet.")
    host = f"[{host}]" if ":" in host else host
    authority = host if port is None else f"{host}:{port}"
    return f"{parts.scheme}://{authority}{parts.path.rstrip('/')}"


def is_private(address: str) -> bool:
    """Whether `address`, an IP address, is not of the public internet; False for names."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_private(str(inner))
    return not ip.is_global or ip.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead inside. It resolves for the very connection that is then made, so a
    name that changes its mind after a check gains nothing."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of `host`. Raises PrivateAddress if any of them is private."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        addresses = [(family, str(address[0])) for family, _, _, _, address in found]
        if not self._allow_private and any(is_private(address) for _, address in addresses):
            raise PrivateAddress("the name leads to a private address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family, address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept."""
