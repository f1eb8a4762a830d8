"""The published files: what they hold by the code as it is, and how that differs from what is committed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specs.apps import build_apps
from specs.asyncapi import asyncapi_document
from specs.compatibility import incompatibilities, withdrawn
from specs.contracts import contract_schema, event_contracts
from specs.openapi import openapi_document

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
CONTRACTS = Path("docs/contracts")
# The gateway serves the same files.
SERVED = Path("services/gateway/src/longshore_gateway/published")


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be done: `stale` files to be written (or removed), and contracts that changed in a breaking way."""

    stale: list[Path]
    breaking: list[str]


def generate() -> dict[Path, str]:
    """Every published file, by its path from the root."""
    apps = build_apps()
    openapi, asyncapi = to_text(openapi_document(apps)), to_text(asyncapi_document(apps))
    files = {Path("docs/openapi.json"): openapi, Path("docs/asyncapi.json"): asyncapi}
    files |= {SERVED / "openapi.json": openapi, SERVED / "asyncapi.json": asyncapi}
    for contract in event_contracts():
        files[CONTRACTS / f"{contract.event_type}.json"] = to_text(contract_schema(contract))
    return files


def compare(files: dict[Path, str], root: Path = ROOT) -> Difference:
    """How what is under `root` differs from `files`."""
    committed = {path.relative_to(root): path.read_text() for path in sorted((root / CONTRACTS).glob("*.json"))}
    stale = [path for path, text in files.items() if not (root / path).is_file() or (root / path).read_text() != text]
    stale += [path for path in committed if path not in files]
    return Difference(stale, _breaking(committed, files))


def write(files: dict[Path, str], root: Path = ROOT) -> list[Path]:
    """Bring what is under `root` up to date; returns the paths that changed."""
    stale = compare(files, root).stale
    for path in stale:
        target = root / path
        if path in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(files[path])
        else:
            target.unlink()
    return stale


def to_text(document: Json) -> str:
    """The bytes that are committed: the order of keys is that of the code, which does not change by itself."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _breaking(committed: dict[Path, str], files: dict[Path, str]) -> list[str]:
    before = {each["x-event-type"]: each for each in map(json.loads, committed.values())}
    after = {
        each["x-event-type"]: each
        for each in (json.loads(text) for path, text in files.items() if path.parent == CONTRACTS)
    }
    found = withdrawn(set(before), set(after))
    for name in sorted(before.keys() & after.keys()):
        found += [f"{name}: {each}" for each in incompatibilities(before[name], after[name])]
    return found
