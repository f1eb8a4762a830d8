"""A store's URL is a stranger's input: where it may lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.platforms.addresses import NOT_PUBLIC, WRONG, BadStoreUrl, is_public, read_store_url
from longshore.platforms.outbound import store_url
from longshore.platforms.protocols import StoreRefused

GOOD = [
    ("https://shop.example", "https://shop.example"),
    (" https://Shop.EXAMPLE/ \n", "https://shop.example"),
    ("https://shop.example:443/", "https://shop.example"),
    ("https://shop.example.", "https://shop.example"),
    ("https://shop.example:8443/eu/store/", "https://shop.example:8443/eu/store"),
    ("HTTPS://shop.example:8080", "https://shop.example:8080"),
    ("https://m\u00fcller.example", "https://xn--mller-kva.example"),
    ("https://my_shop.hoster.example", "https://my_shop.hoster.example"),
    ("https://8.8.8.8", "https://8.8.8.8"),
    ("https://[2606:4700:0:0::1111]/x", "https://[2606:4700::1111]/x"),
    ("https://[::ffff:8.8.8.8]", "https://[::ffff:808:808]"),
    ("https://1password.example", "https://1password.example"),
    ("https://127.0.0.1.shop.example", "https://127.0.0.1.shop.example"),
]

# (what is refused, why)
BAD = [
    # schemes, and what is no address at all
    ("", WRONG),
    ("shop.example", WRONG),
    ("//shop.example", WRONG),
    ("http://shop.example", WRONG),
    ("ftp://shop.example", WRONG),
    ("file:///etc/passwd", WRONG),
    ("gopher://shop.example", WRONG),
    ("javascript:alert(1)", WRONG),
    ("https://", WRONG),
    ("https:///path", WRONG),
    ("https://[::1", WRONG),
    ("https://shop..example", WRONG),
    ("https://-shop.example", WRONG),
    ("https://shop!.example", WRONG),
    ("https://" + "a" * 64 + ".example", WRONG),
    ("https://" + "a." * 130 + "example", WRONG),
    # what is read differently by different readers
    ("https://shop.example\\@127.0.0.1", WRONG),
    ("https://shop.example\t.evil.example", WRONG),
    ("https://shop\r\n.example", WRONG),
    ("https://shop\x00.example", WRONG),
    ("https://shop%2eexample", WRONG),
    ("https://127.0.0.1%2f.example", WRONG),
    ("https://shop.example?x=1", WRONG),
    ("https://shop.example?", WRONG),
    ("https://shop.example#@127.0.0.1", WRONG),
    # user-info
    ("https://user@shop.example", WRONG),
    ("https://user:pw@shop.example", WRONG),
    ("https://@shop.example", WRONG),
    ("https://8.8.8.8@127.0.0.1", WRONG),
    # ports
    ("https://shop.example:0", WRONG),
    ("https://shop.example:22", WRONG),
    ("https://shop.example:25", WRONG),
    ("https://shop.example:80", WRONG),
    ("https://shop.example:6667", WRONG),
    ("https://shop.example:65536", WRONG),
    ("https://shop.example:-1", WRONG),
    ("https://shop.example:https", WRONG),
    # names of the house
    ("https://localhost", NOT_PUBLIC),
    ("https://LOCALHOST.", NOT_PUBLIC),
    ("https://a.localhost", NOT_PUBLIC),
    ("https://intranet", NOT_PUBLIC),
    ("https://postgres:5432", NOT_PUBLIC),
    ("https://db.internal", NOT_PUBLIC),
    ("https://metadata.google.internal", NOT_PUBLIC),
    ("https://printer.local", NOT_PUBLIC),
    ("https://router.home.arpa", NOT_PUBLIC),
    ("https://1.0.0.127.in-addr.arpa", NOT_PUBLIC),
    ("https://nas.lan", NOT_PUBLIC),
    # IPv4, well written
    ("https://127.0.0.1", NOT_PUBLIC),
    ("https://127.255.255.254:8443", NOT_PUBLIC),
    ("https://10.0.0.1", NOT_PUBLIC),
    ("https://172.16.0.1", NOT_PUBLIC),
    ("https://172.31.255.255", NOT_PUBLIC),
    ("https://192.168.1.1", NOT_PUBLIC),
    ("https://169.254.169.254/latest", NOT_PUBLIC),
    ("https://100.64.0.1", NOT_PUBLIC),
    ("https://100.100.100.200", NOT_PUBLIC),
    ("https://0.0.0.0", NOT_PUBLIC),
    ("https://192.0.2.1", NOT_PUBLIC),
    ("https://198.18.0.1", NOT_PUBLIC),
    ("https://198.51.100.7", NOT_PUBLIC),
    ("https://203.0.113.7", NOT_PUBLIC),
    ("https://192.88.99.1", NOT_PUBLIC),
    ("https://224.0.0.1", NOT_PUBLIC),
    ("https://240.0.0.1", NOT_PUBLIC),
    ("https://255.255.255.255", NOT_PUBLIC),
    ("https://127.0.0.1.", NOT_PUBLIC),
    # IPv4 as only C reads it: decimal, hex, octal, short, padded
    ("https://2130706433", WRONG),
    ("https://0x7f000001", WRONG),
    ("https://0x7F.0.0.1", WRONG),
    ("https://0x7f.1", WRONG),
    ("https://017700000001", WRONG),
    ("https://0177.0.0.1", WRONG),
    ("https://127.1", WRONG),
    ("https://127.0.1", WRONG),
    ("https://127.000.000.001", WRONG),
    ("https://10.0.0.256", WRONG),
    ("https://8.8.8.8.8", WRONG),
    ("https://0", WRONG),
    ("https://0x", WRONG),
    # the same in characters that resolvers take for digits and dots
    ("https://\uff11\uff12\uff17.0.0.1", NOT_PUBLIC),
    ("https://127\u30020\u30020\u30021", NOT_PUBLIC),
    ("https://\u2460\u2461\u2466.0.0.1", NOT_PUBLIC),
    ("https://\uff4cocalhost", NOT_PUBLIC),
    # IPv6
    ("https://[::1]", NOT_PUBLIC),
    ("https://[0:0:0:0:0:0:0:1]:8443", NOT_PUBLIC),
    ("https://[::]", NOT_PUBLIC),
    ("https://[fe80::1]", NOT_PUBLIC),
    ("https://[fe80::1%25eth0]", NOT_PUBLIC),
    ("https://[fec0::1]", NOT_PUBLIC),
    ("https://[fc00::1]", NOT_PUBLIC),
    ("https://[fd00:ec2::254]", NOT_PUBLIC),
    ("https://[ff02::1]", NOT_PUBLIC),
    ("https://[2001:db8::1]", NOT_PUBLIC),
    ("https://[3fff::1]", NOT_PUBLIC),
    ("https://[100::1]", NOT_PUBLIC),
    # IPv4 inside it: mapped, compatible, 6to4, NAT64, Teredo
    ("https://[::ffff:127.0.0.1]", NOT_PUBLIC),
    ("https://[::ffff:7f00:1]", NOT_PUBLIC),
    ("https://[::ffff:a9fe:a9fe]", NOT_PUBLIC),
    ("https://[::127.0.0.1]", NOT_PUBLIC),
    ("https://[2002:7f00:1::]", NOT_PUBLIC),
    ("https://[64:ff9b::10.0.0.1]", NOT_PUBLIC),
    ("https://[64:ff9b:1::10.0.0.1]", NOT_PUBLIC),
    ("https://[2001:0:4136:e378:8000:63bf:80ff:fffe]", NOT_PUBLIC),
]


@pytest.mark.parametrize(("url", "spelled"), GOOD)
def test_public_addresses_in_one_spelling(url: str, spelled: str) -> None:
    assert str(read_store_url(url, allow_private=False)) == spelled
    assert str(read_store_url(spelled, allow_private=False)) == spelled


@pytest.mark.parametrize(("url", "why"), BAD)
def test_addresses_that_we_do_not_call(url: str, why: str) -> None:
    with pytest.raises(BadStoreUrl) as caught:
        read_store_url(url, allow_private=False)
    assert caught.value.code == why
    with pytest.raises(StoreRefused) as refused:
        store_url(url, allow_private=False)
    assert refused.value.code == why


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9400", "https://localhost:8143", "http://shop.test", "http://[::1]:8180", "http://woo:81"]
)
def test_in_development_they_may_lead_inside(url: str) -> None:
    assert str(read_store_url(url, allow_private=True)) == url


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://user@127.0.0.1", "http://127.1", "http://shop.test?x"])
def test_not_everything_may_even_then(url: str) -> None:
    with pytest.raises(BadStoreUrl):
        read_store_url(url, allow_private=True)


@pytest.mark.parametrize("address", ["", "shop.example", "127.1", "0x7f.0.0.1"])
def test_only_addresses_are_public_or_not(address: str) -> None:
    with pytest.raises(ValueError, match="IPv4 or IPv6"):
        is_public(address)


def test_an_address_of_one_interface_is_not_public() -> None:
    assert not is_public("fe80::1%eth0")


@given(st.text(max_size=60))
def test_anything_else_is_refused_and_never_fails_otherwise(text: str) -> None:
    try:
        found = read_store_url(f"https://{text}", allow_private=False)
    except BadStoreUrl:
        return
    # What was let through is read the same again.
    assert read_store_url(str(found), allow_private=False) == found
