"""How far a store's clock is from ours, by the Date of its answers.

Orders carry the store's time. What we compare with it (when a push took effect, when a stock level was read) has to be
told by the same clock: with an hour between the two, orders of before a push count as of after it, or the reverse.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RIGHT_WITHIN_S = 5.0
"""Date has whole seconds, and an answer takes its time: a clock that is off by no more counts as right."""


def clock_ahead_s(date: str | None, now: datetime) -> float | None:
    """Seconds by which the clock behind an HTTP `Date` is ahead of `now`: 0 for a few. None when there is no date."""
    try:
        said = parsedate_to_datetime(date or "")
    except (ValueError, TypeError):
        return None
    ahead = ((said.replace(tzinfo=UTC) if said.tzinfo is None else said) - now).total_seconds()
    return 0.0 if abs(ahead) <= RIGHT_WITHIN_S else ahead
