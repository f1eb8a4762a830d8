# Made of aio/__init__.py: see the package.
"""The client without asyncio, made of `longshore_client.aio` by libs/client/generate_sync.py."""

from longshore_client.sync.client import Longshore
from longshore_client.sync.transport import Pages

__all__ = ["Longshore", "Pages"]
