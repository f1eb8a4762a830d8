"""Passwords: argon2id with the library's own parameters (RFC 9106), off the event loop."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Each takes 64 MiB and a good part of a core for a while; deliveries come first.
AT_ONCE = 2


class Passwords:
    """Hashes and verifies, a few at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """What to keep of a password."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the one that was kept. Without any it takes as long: who exists is not told by time."""
        if kept is None:
            if self._nobodys is None:
                self._nobodys = await self.hash(secrets.token_urlsafe(16))
            await self._verify(self._nobodys, password)
            return False
        return await self._verify(kept, password)

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with weaker parameters than those of today."""
        return self._hasher.check_needs_rehash(kept)

    async def _verify(self, kept: str, password: str) -> bool:
        async with self._slots:
            try:
                return await asyncio.to_thread(self._hasher.verify, kept, password)
            except (VerificationError, InvalidHashError):
                return False
