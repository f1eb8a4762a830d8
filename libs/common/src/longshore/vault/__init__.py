"""Integrations and their encrypted credentials: the one place that services share."""

from pathlib import Path

from longshore.vault.crypto import InvalidKey, Sealer
from longshore.vault.keys import Rotated, check_keys, forget_unreadable, rotate
from longshore.vault.models import CHANNEL, SCHEMA
from longshore.vault.store import AlreadyConnected, IntegrationRow, Owner, Vault
from longshore.vault.tokens import GRANTED, StoredTokens, TokenPair, TokenStore, is_granted

__all__ = [
    "CHANNEL",
    "GRANTED",
    "MIGRATIONS",
    "SCHEMA",
    "AlreadyConnected",
    "IntegrationRow",
    "InvalidKey",
    "Owner",
    "Rotated",
    "Sealer",
    "StoredTokens",
    "TokenPair",
    "TokenStore",
    "Vault",
    "check_keys",
    "forget_unreadable",
    "is_granted",
    "rotate",
]

MIGRATIONS = Path(__file__).parent / "migrations"
