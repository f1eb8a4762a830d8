"""What is said of a store's version."""

from __future__ import annotations

import pytest

from longshore_connector_woo.client.connection import version_warning


@pytest.mark.parametrize("version", ["8.0.0", "9.9", "11.0.1", "12.0.0-beta.1", "nightly"])
def test_good_versions(version: str) -> None:
    assert version_warning(version) is None


@pytest.mark.parametrize("version", [None, "7.9.0", "3.5.1"])
def test_versions_to_be_said_something_of(version: str | None) -> None:
    assert version_warning(version)
