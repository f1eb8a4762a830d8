"""When there is too little room to take deliveries."""

from __future__ import annotations

MIB = 2**20
MOST_MARGIN = 64 * MIB


def is_full(*, was_full: bool, free: int | None, floor: int) -> bool:
    """Whether nothing more may be taken, with `free` bytes (None: not known now) and a floor (0: there is none).

    What is unknown changes nothing. Room that has fallen below the floor has to rise a little above it, or the answer
    would change with every segment that Kafka writes and deletes.
    """
    if floor <= 0:
        return False
    if free is None:
        return was_full
    return free < floor + (min(floor // 10, MOST_MARGIN) if was_full else 0)
