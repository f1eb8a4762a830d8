"""The hub keeps to its own document: schemathesis makes right and wrong requests of it, and looks at the answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from .conftest import World
from .secrets import FUZZ_KEY, KEY

pytestmark = pytest.mark.e2e

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")

# What the checks cannot know, or what is not the document's:
LEFT_OUT = {
    # Rules that no schema can say: a date that is past, a SKU that is there, one of two members.
    "positive_data_acceptance",
    # A body and an Idempotency-Key that were used before have the answer of then, of something that is deleted by now.
    "ensure_resource_availability",
}

# Deliveries are JSON objects of which the store's signature says whether they are right; tests/faults breaks them.
DELIVERIES = "/webhooks/"


def run(world: World, tmp_path: Path, *arguments: str) -> str:
    """What it has to say; empty if the hub keeps to its document."""
    document = tmp_path / "openapi.json"
    paths = {path: each for path, each in world.document["paths"].items() if not path.startswith(DELIVERIES)}
    document.write_text(json.dumps(world.document | {"paths": paths}))
    command = [
        SCHEMATHESIS, "run", document, "--url", world.stack.url, "--header", f"Authorization: Bearer {FUZZ_KEY}",
        "--exclude-checks", ",".join(sorted(LEFT_OUT)), "--generation-deterministic", "--continue-on-failure",
        "--warnings", "off", "--no-color", "--workers", "1", *arguments,
    ]  # fmt: skip
    # One worker: to compile source in two threads at once is an error now and then before Python 3.11.9 (gh-106905).
    # In a folder of its own: it keeps what it has found there.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=1_800)
    assert "Tested" in done.stdout, done.stdout + done.stderr
    return "" if done.returncode == 0 else done.stdout


def test_the_hub_keeps_to_its_document(world: World, tmp_path: Path) -> None:
    said = run(world, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "2", "--no-shrink")
    assert not said, said


@pytest.mark.long
def test_the_hub_keeps_to_its_document_at_the_edges(world: World, tmp_path: Path) -> None:
    said = run(world, tmp_path, "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "60")
    assert not said, said


@pytest.mark.parametrize("given", ["%2E%2E", "%2e", "x%3Fas_of=1", "x%23", "%C3%A4%F0%BE%88%AD", "%0F", "%5D", "a%25b"])
def test_an_encoded_path_reaches_no_other_route_behind_the_gateway(world: World, given: str) -> None:
    with world.http(KEY) as client:
        # As bytes: a client of HTTP would write it anew.
        for path in (f"/api/v1/orders/{given}", f"/api/v1/orders/{given}/revisions"):
            url = httpx.URL(f"{world.stack.url}/").copy_with(raw_path=path.encode())
            answer = client.get(url)
            assert answer.status_code in {404, 422}, f"{path}: {answer.status_code} {answer.text}"
            assert answer.headers["content-type"] == "application/problem+json"
