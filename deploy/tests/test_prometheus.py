"""Alerts and dashboards: what would not work in operation is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks.dockerfile import check_dockerfile, check_pins
from checks.metrics import Metric
from checks.prometheus import check_alerts, check_dashboard, check_jobs

METRICS = {"longshore_lag": Metric("Gauge", frozenset({"longshore_lag"}), frozenset({"group"}))}
RULE: dict[str, Any] = {
    "alert": "LagHigh",
    "expr": "sum by (group) (longshore_lag) > 5",
    "labels": {"severity": "warning"},
    "annotations": {"summary": "s", "description": "d", "action": "a", "runbook": "operations.md#lag-high"},
}
PANEL: dict[str, Any] = {
    "id": 1,
    "type": "timeseries",
    "title": "Lag",
    "description": "Records not yet applied.",
    "gridPos": {"x": 0, "y": 0, "w": 8, "h": 8},
    "targets": [{"refId": "A", "expr": "longshore_lag", "datasource": {"uid": "prometheus"}}],
}


def alerts(folder: Path, rule: dict[str, Any], tests: str = "alertname: LagHigh") -> list[str]:
    for name in ("rules", "tests"):
        (folder / name).mkdir()
    (folder / "operations.md").write_text("# Operations\n\n## Lag high\n")
    (folder / "rules/r.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}))
    (folder / "tests/t.yml").write_text(tests)
    return list(check_alerts(folder, METRICS, folder))


def test_a_good_alert(tmp_path: Path) -> None:
    assert alerts(tmp_path, RULE) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"expr": "longshore_lagg > 5"}, "LagHigh: no code defines the metric longshore_lagg"),
        ({"labels": {"severity": "high"}}, "LagHigh: its severity is none of critical, warning"),
        ({"alert": "LagLow"}, "LagLow: no test in tests names it"),
        (
            {"annotations": {**RULE["annotations"], "runbook": "operations.md#lag"}},
            "LagHigh: its runbook operations.md#lag does not exist",
        ),
        ({"annotations": {**RULE["annotations"], "action": ""}}, "LagHigh: it has no action"),
    ],
)
def test_an_alert_that_would_not_help(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    assert alerts(tmp_path, {**RULE, **changes}) == [problem]


def test_an_alert_may_be_tested_by_a_pattern(tmp_path: Path) -> None:
    assert alerts(tmp_path, RULE, 'expr: ALERTS{alertname=~"Lag.+"}') == []


def dashboard(folder: Path, *panels: dict[str, Any]) -> list[str]:
    path = folder / "d.json"
    path.write_text(json.dumps({"uid": "u", "title": "t", "schemaVersion": 39, "panels": panels}))
    return list(check_dashboard(path, METRICS))


def test_a_good_dashboard(tmp_path: Path) -> None:
    beside = {**PANEL, "id": 2, "title": "More", "gridPos": {"x": 8, "y": 0, "w": 8, "h": 8}}
    assert dashboard(tmp_path, PANEL, beside) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": 1, "gridPos": {"x": 8, "y": 0, "w": 8, "h": 8}}, "More: another panel has the id 1"),
        ({"gridPos": {"x": 4, "y": 7, "w": 8, "h": 8}}, "More: it lies over Lag"),
        ({"gridPos": {"x": 20, "y": 0, "w": 8, "h": 8}}, "More: it is wider than the page"),
        ({"targets": []}, "More: it says not what it shows, or shows nothing"),
        (
            {"targets": [{"refId": "A", "expr": "longshore_lag", "datasource": {"uid": "other"}}]},
            "More: its data source is not 'prometheus'",
        ),
        (
            {"targets": [{"refId": "A", "expr": "longshore_lug", "datasource": {"uid": "prometheus"}}]},
            "More: no code defines the metric longshore_lug",
        ),
    ],
)
def test_a_panel_that_would_not_show(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    beside = {**PANEL, "id": 2, "title": "More", "gridPos": {"x": 8, "y": 0, "w": 8, "h": 8}}
    assert dashboard(tmp_path, PANEL, {**beside, **changes}) == [problem]


def test_a_service_that_is_not_scraped(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("scrape_configs: [{job_name: gateway}]")
    assert list(check_jobs(tmp_path, {"gateway": 1, "inventory": 2})) == ["prometheus.yml does not scrape inventory"]


def test_a_dockerfile_that_forgets_a_service(tmp_path: Path) -> None:
    for folder in ("services/a/src", "services/b/src", "services/b/migrations"):
        (tmp_path / folder).mkdir(parents=True)
    path = tmp_path / "Dockerfile"
    path.write_text(
        "FROM x\nCOPY --from=y /a /b\nCOPY services/a/src/ gone/ \\\n  ./\nRUN pip --require-hashes\nUSER u\n"
    )
    assert list(check_dockerfile(path, tmp_path)) == [
        "Dockerfile copies gone/, which does not exist",
        "Dockerfile does not copy services/b/migrations",
        "Dockerfile does not copy services/b/src",
    ]


def test_an_image_with_other_versions_than_were_tested(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text("Pydantic_Core==2.0 \\\n    --hash=sha256:0\nattrs==1.0\n")
    (tmp_path / "b.lock").write_text("pydantic-core==2.1\nattrs==1.0\n")
    found = list(check_pins(tmp_path / "a.lock", tmp_path / "b.lock"))
    assert found == ["the image has pydantic-core 2.0, b.lock has 2.1: run make lock"]
