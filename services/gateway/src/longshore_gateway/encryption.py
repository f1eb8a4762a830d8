"""`python -m longshore_gateway keys ...`: what an operator does with the encryption keys, while the services run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from longshore.broker import describe
from longshore.clock import utc_now
from longshore.db import make_engine
from longshore.settings import ServiceSettings
from longshore.vault import InvalidKey, Sealer, check_keys, forget_unreadable, rotate

USAGE = "keys check | keys rotate | keys forget-unreadable"


def keys_command(arguments: Sequence[str], settings: ServiceSettings) -> int:
    """Do it, and say in one line what was done; the exit code: 0, 1 when it failed, 2 for other arguments."""
    if len(arguments) != 1 or arguments[0] not in {"check", "rotate", "forget-unreadable"}:
        sys.stderr.write(f"It is one of: {USAGE}.\n")
        return 2
    try:
        done = asyncio.run(_do(arguments[0], settings))
    except InvalidKey as error:
        sys.stderr.write(f"{error}.\n")
        return 1
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        sys.stderr.write(f"The database does not answer: {describe(error)}.\n")
        return 1
    sys.stdout.write(done + "\n")
    return 0


async def _do(what: str, settings: ServiceSettings) -> str:
    engine = make_engine(settings, "longshore-keys")
    sealer = Sealer(settings.encryption_keys)
    try:
        if what == "rotate":
            done = await rotate(engine, sealer)
            return (
                f"{done.resealed} of {done.rows} stored credentials were sealed anew;"
                " the newest key opens all of them, older ones can go."
            )
        if what == "forget-unreadable":
            count = await forget_unreadable(engine, sealer, utc_now())
            return f"{count} stores have to be connected once more."
        await check_keys(engine, sealer)
        return "The keys open all that is stored."
    finally:
        await engine.dispose()
