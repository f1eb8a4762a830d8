"""Metrics are read from source, and an expression that asks for another is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from checks.metrics import defined_metrics, unknown_in

ROOT = Path(__file__).parents[2]
SOURCE = """
from prometheus_client import Counter, Gauge, Histogram
import prometheus_client as p
a = Counter("longshore_things_total", "Things.", ["kind"])
b = Counter("longshore_jobs", "Jobs.")
c = Histogram("longshore_time_seconds", "Time.", labelnames=("group",))
d = p.Gauge("longshore_level", "Level.")
e = Counter(name_of_it, "Unknown to us.")
"""

METRIC_NAMES = {
    "longshore_things_total",
    "longshore_jobs_total",
    "longshore_time_seconds_bucket",
    "longshore_time_seconds_sum",
    "longshore_time_seconds_count",
    "longshore_level",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "metrics.py").write_text(SOURCE)
    return tmp_path


def test_definitions_are_found_as_prometheus_names_them(source: Path) -> None:
    metrics = defined_metrics([source])
    assert metrics.keys() == METRIC_NAMES
    assert metrics["longshore_things_total"].labels == {"kind"}
    assert metrics["longshore_time_seconds_bucket"].labels == {"group"}


@pytest.mark.parametrize(
    "expression",
    [
        'sum by (kind) (rate(longshore_things_total{kind=~"a|b", job!="x"}[5m]))',
        "histogram_quantile(0.99, sum by (le, group) (rate(longshore_time_seconds_bucket[5m])))",
        'up{whatever="x"} == 0',
        "longshore_level > 0 and longshore_jobs_total == 1",
    ],
)
def test_known(source: Path, expression: str) -> None:
    assert unknown_in(expression, defined_metrics([source])) == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("longshore_thing_total", "no code defines the metric longshore_thing_total"),
        ("longshore_jobs", "no code defines the metric longshore_jobs"),
        ("rate(longshore_time_seconds[5m])", "no code defines the metric longshore_time_seconds"),
        ('longshore_things_total{sort="a"}', "longshore_things_total has no label sort"),
        ("sum by (sort) (longshore_things_total)", "no metric in it has the label sort"),
    ],
)
def test_unknown(source: Path, expression: str, problem: str) -> None:
    assert unknown_in(expression, defined_metrics([source])) == [problem]


def test_the_services_own_metrics_are_found() -> None:
    metrics = defined_metrics([ROOT / "libs/common/src", *ROOT.glob("services/*/src")])
    assert metrics["longshore_webhook_deliveries_total"].labels == {"platform", "status"}
    assert metrics["longshore_consumer_lag"].labels == {"group", "topic"}
    assert {"longshore_oversell_window_seconds_bucket", "longshore_order_lag_seconds_bucket"} <= metrics.keys()
