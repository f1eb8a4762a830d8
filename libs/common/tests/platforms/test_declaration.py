"""Platforms declare themselves; the gateway finds them."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from longshore.platforms.declaration import COMING_SOON, Availability, Declaration, find_platforms

MODULE = """
from longshore.platforms.declaration import Availability, Declaration
PLATFORM = Declaration("{id}", "Toy", Availability.AVAILABLE, webhook_path="/webhooks/toy/{{id}}")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def add(path: Path, package: str, id: str) -> None:
    folder = path / package
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "declaration.py").write_text(MODULE.format(id=id))


def test_a_new_connector_is_its_own_folder(install: Path) -> None:
    add(install, "longshore_connector_toy_one", "toy")
    found = find_platforms()["toy"]
    assert found.available
    assert found.webhook_url("https://hub.example", UUID(int=7)) == f"https://hub.example/webhooks/toy/{UUID(int=7)}"


def test_its_declaration_counts_when_it_was_announced(install: Path) -> None:
    announced = COMING_SOON[0]
    add(install, "longshore_connector_toy_two", announced.id)
    assert find_platforms()[announced.id].available


def test_until_then_it_is_coming_soon() -> None:
    assert find_platforms()[COMING_SOON[0].id] is COMING_SOON[0]


def test_two_cannot_have_one_name(install: Path) -> None:
    with pytest.raises(ValueError, match="two platforms"):
        find_platforms(Declaration("shopify", "Another", Availability.AVAILABLE))


def test_one_without_credentials_takes_none() -> None:
    schema = COMING_SOON[0].credentials_schema()
    assert schema["additionalProperties"] is False
    assert schema.get("properties", {}) == {}
