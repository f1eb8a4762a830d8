"""Settings of order-sync: those of every service."""

from __future__ import annotations

from longshore.settings import ServiceSettings


class Settings(ServiceSettings):
    """LONGSHORE_* variables; order-sync needs none of its own."""
