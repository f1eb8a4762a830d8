"""Settings of the connector, from LONGSHORE_* environment variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import NoDecode

from longshore.platforms.connector import ConnectorSettings
from longshore.settings import CommaSeparated


class Settings(ConnectorSettings):
    """What the Shopify connector needs beside what all connectors do."""

    # Development only: what would go to https://{shop}/... goes to <origin>/{shop}/...
    shopify_admin_origin: str | None = None
    # The public app, whose tokens are refreshed here; newest secret first.
    shopify_client_id: str | None = None
    shopify_client_secrets: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(default=(), repr=False)
