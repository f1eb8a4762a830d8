"""The version of this client, as it says it to hubs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _own() -> str:
    try:
        return version("longshore-client")
    except PackageNotFoundError:  # run from a copy of the sources, as in the image
        return "0"


VERSION = _own()
USER_AGENT = f"longshore-client/{VERSION}"
