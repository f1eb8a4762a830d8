"""Settings of the WooCommerce connector: those of every connector."""

from __future__ import annotations

from longshore.platforms.connector import ConnectorSettings


class Settings(ConnectorSettings):
    """LONGSHORE_* variables; this connector needs none of its own."""
