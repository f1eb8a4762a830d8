"""The gateway's own settings, from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from longshore.settings import explain
from longshore_gateway.accounts.rules import Role
from longshore_gateway.settings import GatewaySettings


@pytest.fixture(autouse=True)
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGSHORE_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("LONGSHORE_DATABASE_URL", "postgresql://me@db/longshore")
    monkeypatch.setenv("LONGSHORE_ENCRYPTION_KEYS", Fernet.generate_key().decode())


def test_the_floor_has_a_default_and_may_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GatewaySettings().min_free_disk_mib == 2048
    monkeypatch.setenv("LONGSHORE_MIN_FREE_DISK_MIB", "0")
    assert GatewaySettings().min_free_disk_mib == 0
    monkeypatch.setenv("LONGSHORE_MIN_FREE_DISK_MIB", "-1")
    with pytest.raises(ValidationError):
        GatewaySettings()


@pytest.mark.parametrize(
    ("text", "disks"),
    [
        ("", {}),
        ("postgres=/var/lib/postgresql", {"postgres": Path("/var/lib/postgresql")}),
        (" postgres=/a=b , logs=/var/log,", {"postgres": Path("/a=b"), "logs": Path("/var/log")}),
    ],
)
def test_watched_disks(monkeypatch: pytest.MonkeyPatch, text: str, disks: dict[str, Path]) -> None:
    monkeypatch.setenv("LONGSHORE_WATCHED_DISKS", text)
    assert GatewaySettings().watched_disks == disks


@pytest.mark.parametrize("text", ["/var/lib/postgresql", "postgres=", "=/var", "Post gres=/var", "kafka=/var"])
def test_watched_disks_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LONGSHORE_WATCHED_DISKS", text)
    with pytest.raises(ValidationError):
        GatewaySettings()


class TestOidc:
    @pytest.fixture(autouse=True)
    def provider(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LONGSHORE_OIDC_ISSUER", "https://id.example/realms/shop")
        monkeypatch.setenv("LONGSHORE_OIDC_CLIENT_ID", "longshore")

    def test_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LONGSHORE_OIDC_SCOPES", "openid email groups")
        monkeypatch.setenv("LONGSHORE_OIDC_CREATE_DOMAINS", "Shop.example, other.example")
        monkeypatch.setenv("LONGSHORE_OIDC_ROLES", "cn=staff=operator, bosses=owner,")
        settings = GatewaySettings()
        assert settings.oidc_scopes == ("openid", "email", "groups")
        assert settings.oidc_create_domains == ("shop.example", "other.example")
        assert settings.oidc_roles == {"cn=staff": Role.OPERATOR, "bosses": Role.OWNER}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ISSUER", "http://id.example"),
            ("CLIENT_ID", ""),
            ("SCOPES", "email"),
            ("ROLES", "staff=king"),
            ("ROLES", "operator"),
            ("ORG", "mine"),
        ],
    )
    def test_what_makes_no_sense_is_named(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        monkeypatch.setenv(f"LONGSHORE_OIDC_{name}", value)
        with pytest.raises(ValidationError) as raised:
            GatewaySettings()
        assert f"LONGSHORE_OIDC_{name} is " in explain(raised.value)
