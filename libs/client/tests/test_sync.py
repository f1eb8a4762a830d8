"""The client without asyncio is the one with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "generate_sync.py"


def test_it_is_what_would_be_written() -> None:
    checked = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_nothing_of_asyncio_is_left_in_it() -> None:
    package = SCRIPT.parent / "src" / "longshore_client" / "sync"
    files = list(package.glob("*.py"))
    assert files
    for each in files:
        text = each.read_text()
        assert not [word for word in ("async ", "await ", "Async", "asyncio.") if word in text], each.name
