"""Tests have two forms: the short one of `make test`, and a long one with more of everything (docs/reliability.md)."""

from __future__ import annotations

import os

LONG_FORM = os.environ.get("LONGSHORE_FAULTS") == "long"
"""Whether the long form runs: more load, longer faults, more examples."""


def examples(count: int) -> int:
    """How many examples hypothesis is to try: `count` in the long form, a third of them in the short one."""
    return count if LONG_FORM else max(count // 3, 5)
