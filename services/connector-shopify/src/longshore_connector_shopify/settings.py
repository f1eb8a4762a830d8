"""Settings of the connector, from LONGSHORE_* environment variables."""

from __future__ import annotations

from longshore.platforms.connector import ConnectorSettings


class Settings(ConnectorSettings):
    """What the Shopify connector needs beside what all connectors do."""

    # Development only: what would go to https://{shop}/... goes to <origin>/{shop}/...
    shopify_admin_origin: str | None = None
