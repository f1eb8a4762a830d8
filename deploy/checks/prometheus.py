"""Prometheus's configuration and rules, by promtool and against the code's metrics; Grafana's dashboards likewise."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from checks.metrics import Metric, unknown_in

ANNOTATIONS = ("summary", "description", "action", "runbook")
SEVERITIES = {"critical", "warning"}
DATASOURCE = "prometheus"


def find_promtool(tools: Path) -> Path:
    """promtool: the one named by PROMTOOL, an installed one, or Debian's, unpacked into `tools`.

    Raises FileNotFoundError that says what to install."""
    if given := os.environ.get("PROMTOOL") or shutil.which("promtool"):
        return Path(given)
    unpacked = tools / "usr/bin/promtool"
    if not unpacked.exists() and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        _unpack_debian_package("prometheus", tools)
    if not unpacked.exists():
        raise FileNotFoundError(
            "promtool is missing. Install Prometheus (Debian: apt-get install prometheus; macOS: brew install "
            "prometheus), or set PROMTOOL to where it is."
        )
    return unpacked


def check_with_promtool(promtool: Path, folder: Path) -> Iterator[str]:
    """Syntax of configuration and rules, and the unit tests of the alerts."""
    rules = [str(path) for path in sorted((folder / "rules").glob("*.yml"))]
    tests = [str(path) for path in sorted((folder / "tests").glob("*.yml"))]
    for what in (
        ["check", "config", str(folder / "prometheus.yml")],
        ["check", "rules", *rules],
        ["test", "rules", *tests],
    ):
        done = subprocess.run([promtool, *what], capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"promtool {' '.join(what[:2])}:\n{done.stdout}{done.stderr}"


def check_alerts(folder: Path, metrics: Mapping[str, Metric], root: Path) -> Iterator[str]:
    """That each alert can fire (its metrics exist), is tested, and says what to do where that can be read."""
    tested = "".join(path.read_text() for path in sorted((folder / "tests").glob("*.yml")))
    for path in sorted((folder / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                name = rule["alert"]
                yield from (f"{name}: {each}" for each in unknown_in(rule["expr"], metrics))
                yield from (f"{name}: {each}" for each in _alert_problems(rule, root))
                if name not in tested and not _covered_by_pattern(name, tested):
                    yield f"{name}: no test in {(folder / 'tests').name} names it"


def check_jobs(folder: Path, services: Mapping[str, object]) -> Iterator[str]:
    """That every service is scraped under its own name."""
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    jobs = {each["job_name"] for each in config["scrape_configs"]}
    yield from (f"prometheus.yml does not scrape {name}" for name in services if name not in jobs)


def check_dashboard(path: Path, metrics: Mapping[str, Metric]) -> Iterator[str]:
    """That Grafana can show every panel: ids, places, data source, and metrics that exist."""
    dashboard: dict[str, Any] = json.loads(path.read_text())
    for field in ("uid", "title", "schemaVersion", "panels"):
        if field not in dashboard:
            yield f"{path.name} has no {field}"
    seen: set[int] = set()
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard.get("panels", []):
        title = panel.get("title", "?")
        if panel["id"] in seen:
            yield f"{title}: another panel has the id {panel['id']}"
        seen.add(panel["id"])
        yield from (f"{title}: {each}" for each in _panel_problems(panel, metrics))
        yield from _overlaps(panel["gridPos"], title, taken)


def _panel_problems(panel: dict[str, Any], metrics: Mapping[str, Metric]) -> Iterator[str]:
    if panel["type"] == "row":
        return
    if not panel.get("description") or not panel.get("targets"):
        yield "it says not what it shows, or shows nothing"
    for target in panel.get("targets", []):
        if target.get("datasource", {}).get("uid") != DATASOURCE:
            yield f"its data source is not {DATASOURCE!r}"
        yield from unknown_in(target["expr"], metrics)
    references = [target["refId"] for target in panel.get("targets", [])]
    if len(references) != len(set(references)):
        yield "two queries have one refId"


def _overlaps(place: dict[str, int], title: str, taken: dict[tuple[int, int], str]) -> Iterator[str]:
    cells = [
        (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    ]
    if place["x"] + place["w"] > 24:
        yield f"{title}: it is wider than the page"
    if other := next((taken[cell] for cell in cells if cell in taken), None):
        yield f"{title}: it lies over {other}"
    taken |= dict.fromkeys(cells, title)


def _alert_problems(rule: dict[str, Any], root: Path) -> Iterator[str]:
    annotations = rule.get("annotations", {})
    for name in ANNOTATIONS:
        if not annotations.get(name):
            yield f"it has no {name}"
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"its severity is none of {', '.join(sorted(SEVERITIES))}"
    page, _, heading = annotations.get("runbook", "").partition("#")
    if not (root / page).is_file() or heading not in _anchors(root / page):
        yield f"its runbook {page}#{heading} does not exist"


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made from their text."""
    headings = re.findall(r"^#+ +(.+?) *$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _covered_by_pattern(name: str, tested: str) -> bool:
    patterns = re.findall(r'alertname=~"([^"]+)"', tested)
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def _unpack_debian_package(package: str, target: Path) -> None:
    """Download a package and unpack it; nothing is installed, so nothing of it is started."""
    with tempfile.TemporaryDirectory() as folder:
        download = ["apt-get", "-q", "download", package]
        if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode:
            # The lists of a fresh machine are empty; only root may fetch them.
            subprocess.run(["apt-get", "-q", "update"], capture_output=True, check=False)
            subprocess.run(download, cwd=folder, capture_output=True, check=False)
        for archive in Path(folder).glob("*.deb"):
            target.mkdir(parents=True, exist_ok=True)
            subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=False)
