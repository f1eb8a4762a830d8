"""The pages are true where that can be checked: links lead somewhere, every setting and every alert is told of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from longshore.settings import ENV_PREFIX
from longshore_connector_shopify.settings import Settings as ShopifySettings
from longshore_gateway.settings import GatewaySettings
from longshore_inventory.settings import Settings as InventorySettings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/guides/*.md"), *ROOT.glob("docs/adr/*.md")]
)
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.+?) *$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("settings", [GatewaySettings, InventorySettings, ShopifySettings])
def test_every_setting_is_told_of(settings: type[GatewaySettings]) -> None:
    missing = [name for name in settings.model_fields if f"`{ENV_PREFIX}{name.upper()}`" not in OPERATIONS]
    assert not missing


def test_no_setting_is_invented() -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for each in (GatewaySettings, InventorySettings, ShopifySettings)
             for name in each.model_fields} | {"LONGSHORE_DATA_DIR", "LONGSHORE_MIGRATIONS_DIR"}  # fmt: skip
    known |= {"LONGSHORE_TEST_SEED", "LONGSHORE_FAULTS", "LONGSHORE_FAULTS_LOAD"}  # the fault suite's
    known |= {"LONGSHORE_URL", "LONGSHORE_API_KEY", "LONGSHORE_CONFIG"}  # the `longshore` command's
    # The architecture also names what is still to come.
    pages = [page.read_text() for page in PAGES if page.name != "ARCHITECTURE.md"]
    told = {name for text in pages for name in re.findall(r"LONGSHORE_[A-Z_]+[A-Z]", text)}
    assert told <= known


def test_every_alert_has_a_run_book_and_no_run_book_is_left_over() -> None:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/rules/longshore.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    assert set(re.findall(r"^### (Longshore\w+)$", OPERATIONS, re.MULTILINE)) == alerts


def test_decisions_have_a_number_each_and_say_what_would_change_them() -> None:
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    # A gap is one that is being written.
    assert len({int(page.name[:4]) for page in pages}) == len(pages)
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {page.name[:4]} ")
        for part in ("**Context.**", "**Choice.**", "**What would change our mind.**"):
            assert part in text, page.name


def test_every_promise_names_a_test_that_is_there() -> None:
    """docs/reliability.md: `path::name`, or `path::Class::name`."""
    named = re.findall(r"`([\w/.-]+\.py)::([\w:]+)`", (ROOT / "docs/reliability.md").read_text())
    assert named

    def is_there(path: str, name: str) -> bool:
        text = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
        parts = name.split("::")
        return all(re.search(rf"^\s*(class|def|async def) {part}\b", text, re.MULTILINE) for part in parts)

    assert not [f"{path}::{name}" for path, name in named if not is_there(path, name)]


def test_the_api_guide_tells_of_every_kind_of_route_and_no_other() -> None:
    paths = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    kinds = {path.split("/")[3] for path in paths if path.startswith("/api/v1/")} - {"auth", "platforms"}
    table = (ROOT / "docs/guides/api.md").read_text().partition("## The routes")[2]
    told = set(re.findall(r"`/(?:api/v1/)?([a-z-]+)", table))
    assert not [kind for kind in sorted(kinds) if kind not in told]
