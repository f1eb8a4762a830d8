"""Connections to stores: to public addresses only, and to the very address that was checked."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from longshore.platforms.addresses import NOT_PUBLIC, BadStoreUrl, StoreUrl, is_public, read_store_url
from longshore.platforms.protocols import StoreRefused, StoreUnavailable

# (name, port, family) -> (family, address) of each that the name leads to. Raises OSError.
Lookup = Callable[[str, int, int], Awaitable[Sequence[tuple[int, str]]]]


class PrivateAddress(OSError):
    """A name leads to an address that is not of the public internet."""


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead inside. It resolves for the very connection that is then made, so a
    name that changes its mind after a check gains nothing."""

    def __init__(self, *, allow_private: bool, lookup: Lookup | None = None) -> None:
        self._allow_private = allow_private
        self._lookup = lookup or _getaddrinfo

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of `host`. Raises PrivateAddress if any of them is private."""
        addresses = await self._lookup(host, port, family)
        if not self._allow_private and not all(is_public(address) for _, address in addresses):
            raise PrivateAddress("the name leads to a private address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=of,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for of, address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept."""


def store_url(text: str, *, allow_private: bool) -> StoreUrl:
    """As addresses.read_store_url, for who talks to the store. Raises StoreRefused."""
    try:
        return read_store_url(text, allow_private=allow_private)
    except BadStoreUrl as error:
        raise StoreRefused(error.code, f"The store's address cannot be called: {error.detail}.") from None


def store_session(
    *,
    allow_private: bool,
    tls_ca_file: str | None,
    limit: int,
    timeout: aiohttp.ClientTimeout,
    lookup: Lookup | None = None,
) -> aiohttp.ClientSession:
    """A session for one store. Its requests must not follow redirects: an address is checked where a URL is read.

    `limit`: connections at a time. `tls_ca_file`: a CA besides the usual. `lookup`: another way to resolve names.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=limit,
            ssl=trusting(tls_ca_file),
            resolver=PublicResolver(allow_private=allow_private, lookup=lookup),
            ttl_dns_cache=60,
            # Shorter than the usual server's (Apache's is 5 s): a write on a line that is being closed may have arrived
            # or not.
            keepalive_timeout=4.0,
        ),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def connection_error(error: BaseException) -> StoreRefused | StoreUnavailable:
    """What went wrong with a connection to a store, of what aiohttp raises (TimeoutError, ClientError, OSError)."""
    match error:
        case TimeoutError():
            return StoreUnavailable("timeout", "The store did not answer in time.")
        case aiohttp.ClientConnectorDNSError():
            if isinstance(error.os_error, PrivateAddress):
                return StoreRefused(NOT_PUBLIC, "The store's address is not of the public internet.")
            return StoreUnavailable("unknown-host", "The store's name cannot be found.")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return StoreUnavailable("certificate", "The store's certificate is not one that we trust.")
        case aiohttp.ClientConnectorError():
            return StoreUnavailable("unreachable", "The store does not take our connection.")
    # The connection was lost: whether a write was done is not known.
    return StoreUnavailable("connection-lost", "The connection to the store was lost.")


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """One for all stores, until the file is another: to read the usual CAs takes 10 ms and most of a megabyte."""
    return _read_cas(ca_file, None if ca_file is None else os.stat(ca_file).st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _read_cas(ca_file: str | None, written_at: int | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


async def _getaddrinfo(host: str, port: int, family: int) -> list[tuple[int, str]]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
    )
    return [(of, str(address[0])) for of, _, _, _, address in found]
