"""Reading the file of a bulk operation a part at a time, from where one is.

It lies with a storage provider, at an address that needs no token (and is sent none).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from longshore.platforms.outbound import connection_error
from longshore.platforms.protocols import StoreRefused, StoreUnavailable
from longshore_connector_shopify.client.admin_api import AdminApi

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file from where they were asked for; `last`: the file ends with them."""

    data: bytes
    last: bool


async def read_part(api: AdminApi, url: str, start: int, size: int) -> Part:
    """Up to `size` bytes from `start`. Raises StoreUnavailable for a transfer that did not bring what it named."""
    _check(url, private=api.allows_private)
    # Compressed on the way, a range would be one of the compressed file.
    headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
    try:
        async with api.session().get(url, headers=headers, allow_redirects=False) as response:
            if response.status == 206:
                return await _ranged(response, start)
            if response.status == 200:
                return await _skipped(response, start, size)
            if response.status in (403, 404, 410):
                raise StoreUnavailable("bulk-file-gone", "The file of the bulk operation is not there any more.")
            raise StoreUnavailable("bulk-file", f"The file of the bulk operation is answered with {response.status}.")
    except aiohttp.InvalidURL:
        raise StoreRefused("bulk-file", "The address of the bulk operation's file is none.") from None
    except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
        raise connection_error(error) from None


async def _ranged(response: aiohttp.ClientResponse, start: int) -> Part:
    named = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    data = await response.read()
    if named is None or int(named[1]) != start or int(named[2]) - start + 1 != len(data):
        raise _broken()
    return Part(data, int(named[2]) + 1 == int(named[3]))


async def _skipped(response: aiohttp.ClientResponse, start: int, size: int) -> Part:
    """The server sends the whole file: what is before `start` is read and dropped."""
    length = response.content_length
    if length is None or length < start:
        raise _broken()
    left = start
    while left:
        piece = await response.content.read(min(left, 65536))
        if not piece:
            raise _broken()
        left -= len(piece)
    wanted = min(size, length - start)
    data = bytearray()
    while len(data) < wanted:
        piece = await response.content.read(wanted - len(data))
        if not piece:
            raise _broken()
        data += piece
    return Part(bytes(data), start + wanted == length)


def _check(url: str, *, private: bool) -> None:
    """The session refuses private addresses; the address itself must be of the web, and encrypted."""
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" or (private and parts.scheme == "http")
    except ValueError:
        good = False
    if not good:
        raise StoreRefused("bulk-file", "The address of the bulk operation's file is none that we would call.")


def _broken() -> StoreUnavailable:
    return StoreUnavailable("bulk-file-broken", "The file of the bulk operation did not come whole.")
