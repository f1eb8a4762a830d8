"""Settings of inventory: those of every service, and how long a store's report may differ."""

from __future__ import annotations

from pydantic import Field

from longshore.settings import ServiceSettings


class Settings(ServiceSettings):
    """LONGSHORE_* variables."""

    # Seconds for which a store's report may differ from what we expect before the difference counts.
    stock_settle_s: float = Field(default=30.0, ge=0)
