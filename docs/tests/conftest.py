"""Makes `specs` importable, as it is for docs/generate.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
