"""Writes docs/openapi.json, docs/asyncapi.json and docs/contracts/*.json from the code; --check only compares.

A contract that changed in a way that its subscribers would feel is refused in both cases: it needs a new version.
"""

from __future__ import annotations

import argparse
import sys

from specs.files import compare, generate, write


def main() -> int:
    """Generate or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    parser.add_argument(
        "--accept-breaking", action="store_true", help="keep the versions of contracts all the same: before a release"
    )
    arguments = parser.parse_args()
    files = generate()
    difference = compare(files)
    if difference.breaking and not arguments.accept_breaking:
        _say("These contracts changed so that subscribers or old records break. Give them a new version")
        _say("(the suffix of event_type), or take the change back; docs/contracts.md has the rules:")
        for each in difference.breaking:
            _say(f"  {each}")
        return 1
    if not arguments.check:
        for path in write(files):
            _say(f"wrote {path}" if path in files else f"removed {path}")
        return 0
    if difference.stale:
        _say("Out of date with the code; run `make docs` and commit:")
        for path in difference.stale:
            _say(f"  {path}")
        return 1
    _say(f"{len(files)} published files are up to date.")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
