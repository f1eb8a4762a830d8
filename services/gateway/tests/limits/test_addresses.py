"""Where a request comes from."""

from __future__ import annotations

import pytest

from longshore_gateway.limits.addresses import client_address, read_networks

TRUSTED = read_networks("10.0.0.0/8, 2001:db8:ffff::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        # Nobody has to believe a stranger.
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "10.0.0.1", "10.0.0.1"),
        ("10.1.2.3", " , ", "10.1.2.3"),
        ("10.1.2.3", "nonsense", "unknown"),
        ("::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:ffff::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", None, "2001:db8:1:2::/64"),
        (None, "198.51.100.1", "unknown"),
    ],
)
def test_addresses(peer: str | None, forwarded: str | None, address: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == address


def test_networks() -> None:
    assert read_networks("") == ()
    assert [str(each) for each in read_networks("10.1.2.3/8,::1")] == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(ValueError, match="nonsense"):
        read_networks("nonsense")
