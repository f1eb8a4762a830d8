"""The client for asyncio. `longshore_client.sync` is made of this package by libs/client/generate_sync.py."""

from longshore_client.aio.client import AsyncLongshore
from longshore_client.aio.transport import AsyncPages

__all__ = ["AsyncLongshore", "AsyncPages"]
