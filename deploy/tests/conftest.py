"""Makes `checks` importable, as it is for deploy/check.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
