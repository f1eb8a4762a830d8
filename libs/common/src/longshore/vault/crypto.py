"""Credentials at rest: Fernet (AES-128-CBC + HMAC-SHA256), several keys so that they can be rotated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class InvalidKey(ValueError):
    """An encryption key is malformed, or none of the keys opens what is stored."""


class Sealer:
    """Seals credentials with the newest key; opens what any of the keys has sealed."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise InvalidKey("LONGSHORE_ENCRYPTION_KEYS holds no key")
        try:
            self._newest = Fernet(keys[0])
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise InvalidKey(
                "LONGSHORE_ENCRYPTION_KEYS holds something that is not a Fernet key (32 bytes in url-safe base64)"
            ) from None

    def seal(self, credentials: Mapping[str, str]) -> bytes:
        """Encrypt; the only form in which credentials reach the database."""
        return self._fernet.encrypt(json.dumps(dict(credentials)).encode())

    def open(self, sealed: bytes) -> dict[str, str]:
        """Decrypt. Raises InvalidKey if the key that sealed it is not among ours."""
        try:
            opened: dict[str, str] = json.loads(self._fernet.decrypt(bytes(sealed)))
        except InvalidToken:
            raise InvalidKey("stored credentials were sealed with a key that LONGSHORE_ENCRYPTION_KEYS lacks") from None
        return opened

    def opens(self, sealed: bytes) -> bool:
        """Whether any of the keys has sealed this."""
        return _opens(self._fernet, sealed)

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key has sealed this."""
        return _opens(self._newest, sealed)

    def reseal(self, sealed: bytes) -> bytes:
        """The same, sealed with the newest key and as of the same time. Raises InvalidKey as `open` does."""
        try:
            return self._fernet.rotate(bytes(sealed))
        except InvalidToken:
            raise InvalidKey("stored credentials were sealed with a key that LONGSHORE_ENCRYPTION_KEYS lacks") from None


def _opens(fernet: Fernet | MultiFernet, sealed: bytes) -> bool:
    try:
        fernet.decrypt(bytes(sealed))
    except InvalidToken:
        return False
    return True
