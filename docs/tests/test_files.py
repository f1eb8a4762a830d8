"""The published files: written, compared, and refused when a contract breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from specs.files import CONTRACTS, compare, generate, write

OPENAPI = Path("docs/openapi.json")
ASYNCAPI = Path("docs/asyncapi.json")
SNAPSHOT = CONTRACTS / "longshore.order.snapshot.v1.json"


@pytest.fixture(scope="module")
def files() -> dict[Path, str]:
    return generate()


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for part in value.values() for each in references(part)]
    return [each for part in value for each in references(part)] if isinstance(value, list) else []


def resolves(document: Any, reference: str) -> bool:
    target = document
    for part in reference.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(target, dict) or name not in target:
            return False
        target = target[name]
    return True


def test_every_reference_leads_somewhere(files: dict[Path, str]) -> None:
    for path, text in files.items():
        document = json.loads(text)
        dangling = [each for each in references(document) if not resolves(document, each)]
        assert not dangling, f"{path}: {dangling}"


def test_generating_twice_gives_the_same(files: dict[Path, str]) -> None:
    assert generate() == files


def test_the_public_interface_is_in_it(files: dict[Path, str]) -> None:
    paths = json.loads(files[OPENAPI])["paths"]
    for path in (
        "/api/v1/integrations",
        "/api/v1/orders",
        "/api/v1/inventory",
        "/api/v1/commands",
        "/webhooks/shopify",
    ):
        assert path in paths
    assert not [path for path in paths if path.startswith("/internal")]


def test_no_route_of_the_api_is_open_to_anyone(files: dict[Path, str]) -> None:
    for path, operations in json.loads(files[OPENAPI])["paths"].items():
        for method, operation in operations.items():
            # Nobody is known yet who logs in.
            known = path.startswith("/api/") and not path.startswith("/api/v1/auth/")
            assert bool(operation.get("security")) == known, f"{method} {path}"
            names = [each.get("name", "").lower() for each in operation.get("parameters", [])]
            assert not [name for name in names if name.startswith("x-longshore-")], path


def test_each_topic_has_its_readers_and_senders(files: dict[Path, str]) -> None:
    operations = json.loads(files[ASYNCAPI])["operations"]

    def who(topic: str, action: str) -> set[str]:
        channel = {"$ref": f"#/channels/{topic}"}
        return {name for name, each in operations.items() if each["channel"] == channel and each["action"] == action}

    assert {"order-sync.orders", "inventory.orders"} <= who("commerce.orders", "receive")
    translators = ("connector-shopify", "connector-woo", "gateway")
    assert who("commerce.orders", "send") == {f"{each}>commerce.orders" for each in translators}
    assert who("raw.woocommerce", "receive") == {"connector-woo.raw"}


def test_what_is_written_is_up_to_date(files: dict[Path, str], tmp_path: Path) -> None:
    assert set(compare(files, tmp_path).stale) == set(files)
    assert set(write(files, tmp_path)) == set(files)
    assert compare(files, tmp_path).stale == []
    assert compare(files, tmp_path).breaking == []


def test_a_stale_file_is_named(files: dict[Path, str], tmp_path: Path) -> None:
    write(files, tmp_path)
    (tmp_path / OPENAPI).write_text("{}")
    (tmp_path / ASYNCAPI).unlink()
    assert set(compare(files, tmp_path).stale) == {OPENAPI, ASYNCAPI}


def test_a_removed_field_is_refused(files: dict[Path, str], tmp_path: Path) -> None:
    write(files, tmp_path)
    committed = json.loads(files[SNAPSHOT])
    committed["properties"]["colour"] = {"type": "string"}
    (tmp_path / SNAPSHOT).write_text(json.dumps(committed))
    assert compare(files, tmp_path).breaking == [
        "longshore.order.snapshot.v1: colour: the field was removed (or renamed)"
    ]


def test_a_withdrawn_contract_is_refused_and_a_superseded_one_removed(files: dict[Path, str], tmp_path: Path) -> None:
    write(files, tmp_path)
    for version in ("longshore.old.v1", "longshore.order.snapshot.v0"):
        schema = json.dumps({"x-event-type": version, "type": "object"})
        (tmp_path / CONTRACTS / f"{version}.json").write_text(schema)
    difference = compare(files, tmp_path)
    assert difference.breaking == ["longshore.old.v1: is gone, and no newer version takes its place"]
    write(files, tmp_path)
    assert not (tmp_path / CONTRACTS / "longshore.order.snapshot.v0.json").exists()
