"""Too little room, and room again."""

from __future__ import annotations

import pytest

from longshore_gateway.disk.rules import MIB, is_full

GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("was_full", "free", "floor", "expected"),
    [
        (False, GIB, GIB, False),
        (False, GIB - 1, GIB, True),
        (False, 0, GIB, True),
        # Once full it takes a little more than the floor.
        (True, GIB, GIB, True),
        (True, GIB + 64 * MIB - 1, GIB, True),
        (True, GIB + 64 * MIB, GIB, False),
        # Of a small floor a tenth.
        (True, 109 * MIB, 100 * MIB, True),
        (True, 110 * MIB, 100 * MIB, False),
        # Unknown: as before.
        (False, None, GIB, False),
        (True, None, GIB, True),
        # No floor: never.
        (False, 0, 0, False),
        (True, 0, 0, False),
    ],
)
def test_is_full(was_full: bool, free: int | None, floor: int, expected: bool) -> None:
    assert is_full(was_full=was_full, free=free, floor=floor) is expected
