"""A store's URL is a stranger's input: where it may lead."""

from __future__ import annotations

import socket

import pytest

from longshore.platforms.protocols import StoreRefused
from longshore_connector_woo.client.addresses import PrivateAddress, PublicResolver, is_private, store_base
from longshore_connector_woo.client.http import StoreHttp


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
    ],
)
def test_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "shop.example"])
def test_public(address: str) -> None:
    assert not is_private(address)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://shop.example/", "https://shop.example"),
        (" https://Shop.example:8443/eu/store/ ", "https://shop.example:8443/eu/store"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]"),
        ("https://shop.example/?x=1#y", "https://shop.example"),
    ],
)
def test_base(url: str, base: str) -> None:
    assert store_base(url, allow_private=False) == base


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://shop.example", "store-url"),
        ("ftp://shop.example", "store-url"),
        ("shop.example", "store-url"),
        ("https://user:pw@shop.example", "store-url"),
        ("https://", "store-url"),
        ("https://shop.example:99999", "store-url"),
        ("https://[::1", "store-url"),
        ("https://127.0.0.1", "private-address"),
        ("https://[::1]:8443", "private-address"),
    ],
)
def test_refused(url: str, code: str) -> None:
    with pytest.raises(StoreRefused) as caught:
        store_base(url, allow_private=False)
    assert caught.value.code == code


def test_development_may() -> None:
    assert store_base("http://127.0.0.1:8180", allow_private=True) == "http://127.0.0.1:8180"


class TestResolver:
    async def test_a_name_that_leads_inside(self) -> None:
        with pytest.raises(PrivateAddress):
            await PublicResolver(allow_private=False).resolve("localhost", 443)

    async def test_it_may_in_development(self) -> None:
        found = await PublicResolver(allow_private=True).resolve("localhost", 443, socket.AF_INET)
        assert {each["host"] for each in found} == {"127.0.0.1"}

    async def test_the_client_says_so(self) -> None:
        http = StoreHttp("https://localhost:1", "ck", "cs")
        with pytest.raises(StoreRefused) as caught:
            await http.get("/orders")
        assert caught.value.code == "private-address"
        await http.close()
