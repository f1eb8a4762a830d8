"""Which addresses a store may have: a store's URL is a stranger's input, and we call it from inside the house.

Read here once, by the gateway when a store is connected and by its connector before every call; what a name leads to is
checked when the connection is made (see outbound). Pure.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

NOT_PUBLIC = "private-address"
WRONG = "store-url"

# Names that lead nowhere in public: of this machine, of the local network, and those that no registry gives out.
_LOCAL = frozenset(
    "localhost local internal intranet lan home corp private localdomain test invalid onion i2p arpa".split()
)
# What no browser calls either (WHATWG Fetch, "bad ports"), from 1024 up; below it only https's own is called.
_BAD_PORTS = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)
)
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
# WHATWG URL: a host whose last label is a number is an IPv4 address, however it is written.
_ENDS_IN_NUMBER = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")
_ANYCAST_6TO4 = ipaddress.IPv4Network("192.88.99.0/24")


class BadStoreUrl(ValueError):
    """An address that we do not call: `code` is `store-url` or `private-address`, `detail` says what it must be."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A store's address in one spelling: host in lower case and ASCII, no trailing slash, no default port."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def key(self) -> str:
        """What makes it one store: the address without its scheme."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{shown if self.port is None else f'{shown}:{self.port}'}{self.path}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}"


def read_store_url(text: str, *, allow_private: bool) -> StoreUrl:
    """The address in `text`. Raises BadStoreUrl for one that we do not call.

    `allow_private` (development only) lets private addresses, any port and plain http through.
    """
    text = text.strip()
    if _UNSEEN.search(text):
        raise BadStoreUrl(WRONG, "it is not an address")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadStoreUrl(WRONG, "it is not an address") from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadStoreUrl(WRONG, "it must begin with https:// and name a host")
    if "@" in parts.netloc or parts.query or parts.fragment or text.endswith(("?", "#")):
        raise BadStoreUrl(WRONG, "it must hold no user, query or fragment")
    default = 443 if parts.scheme == "https" else 80
    host = _host(host, allow_private=allow_private)
    if not allow_private:
        if parts.scheme == "http":
            raise BadStoreUrl(WRONG, "plain http is for development only (LONGSHORE_ALLOW_PRIVATE_STORES)")
        if port not in (None, default) and (port < 1024 or port in _BAD_PORTS):
            raise BadStoreUrl(WRONG, f"port {port} is no port of a shop; it is 443, or one from 1024 up")
    return StoreUrl(parts.scheme, host, None if port == default else port, parts.path.rstrip("/"))


def is_public(address: str) -> bool:
    """Whether `address`, an IP address, is of the public internet. Raises ValueError for anything else."""
    if "%" in address:
        return False  # of one network interface
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not (ip.is_multicast or ip in _ANYCAST_6TO4)
    inner = _inner(ip)
    if inner is not None:
        return all(is_public(str(each)) for each in inner)
    return ip in _GLOBAL_UNICAST and ip.is_global and ip not in _DOCUMENTATION


def _inner(ip: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...] | None:
    """The IPv4 addresses that an IPv6 address leads to."""
    if ip.ipv4_mapped is not None:
        return (ip.ipv4_mapped,)
    if ip.sixtofour is not None:
        return (ip.sixtofour,)
    if ip.teredo is not None:
        return ip.teredo
    if ip in _NAT64:
        return (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF),)
    return None


def _host(host: str, *, allow_private: bool) -> str:
    """The host in its one spelling."""
    if ":" in host:
        try:
            public, shown = is_public(host), str(ipaddress.IPv6Address(host))
        except ValueError:
            raise BadStoreUrl(WRONG, "its host is no address") from None
        if not (public or allow_private):
            raise _private()
        return shown
    host = _ascii(host)
    if _ENDS_IN_NUMBER.search(host):
        try:
            public = is_public(host)
        except ValueError:
            raise BadStoreUrl(WRONG, "an IPv4 address is four numbers from 0 to 255") from None
        if not (public or allow_private):
            raise _private()
        return host
    if not _NAME.fullmatch(host):
        raise BadStoreUrl(WRONG, "its host is no name")
    labels = host.split(".")
    if not allow_private and (len(labels) == 1 or labels[-1] in _LOCAL):
        raise _private()
    return host


def _ascii(host: str) -> str:
    """As resolvers read it: full-width digits and dots are digits and dots, an umlaut is its `xn--` form."""
    host = unicodedata.normalize("NFKC", host).lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise BadStoreUrl(WRONG, "its host is no name") from None
    return host.removesuffix(".")


def _private() -> BadStoreUrl:
    return BadStoreUrl(NOT_PUBLIC, "private addresses are for development only (LONGSHORE_ALLOW_PRIVATE_STORES)")
