"""A wrong key shows when a service starts, not at the first order."""

from __future__ import annotations

from longshore.runtime import Hook, Service, WrongSetting
from longshore.vault.crypto import InvalidKey, Sealer
from longshore.vault.keys import check_keys


def fitting_keys(service: Service, sealer: Sealer) -> Hook:
    """A start hook that ends the process when its keys do not open all that is stored."""

    async def check() -> None:
        try:
            await check_keys(service.engine, sealer)
        except InvalidKey as error:
            raise WrongSetting(f"LONGSHORE_ENCRYPTION_KEYS is wrong: {error}.") from None

    return check
