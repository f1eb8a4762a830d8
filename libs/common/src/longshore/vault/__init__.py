"""Integrations and their encrypted credentials: the one table that services share."""

from pathlib import Path

from longshore.vault.crypto import InvalidKey, Sealer
from longshore.vault.models import CHANNEL, SCHEMA
from longshore.vault.store import AlreadyConnected, IntegrationRow, Vault

__all__ = ["CHANNEL", "MIGRATIONS", "SCHEMA", "AlreadyConnected", "IntegrationRow", "InvalidKey", "Sealer", "Vault"]

MIGRATIONS = Path(__file__).parent / "migrations"
