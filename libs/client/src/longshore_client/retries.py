"""When to ask again, and after how long. Pure but for the dice."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

# Every request is safe to repeat: GET, PUT, PATCH and DELETE by nature, POST by its Idempotency-Key.
RETRIED = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """How patient a client is. `attempts` counts the first try too; times are in seconds.

    The wait doubles from `first_wait` to `longest_wait`; a random part of it is waited, so that many clients do not
    come back at once, and never less than the hub's Retry-After. If that is more than `patience`, the client gives up.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 20.0
    patience: float = 60.0

    def wait(self, attempt: int, retry_after: float | None, dice: Callable[[], float] = random.random) -> float | None:
        """Seconds to wait after this failed attempt (1 is the first); None: give up."""
        if attempt >= self.attempts or (retry_after is not None and retry_after > self.patience):
            return None
        backoff = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))
        wait = backoff * (0.5 + dice() / 2)
        return wait if retry_after is None else max(wait, retry_after)


NO_RETRIES = Retries(attempts=1)
