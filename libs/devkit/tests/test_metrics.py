"""Sums and quantiles of Prometheus text."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from longshore_devkit.metrics import Samples


@pytest.fixture
def page() -> str:
    registry = CollectorRegistry()
    pushes = Counter("pushes_total", "Pushes.", ["platform", "status"], registry=registry)
    pushes.labels("shopify", "succeeded").inc(3)
    pushes.labels("woocommerce", "succeeded").inc(4)
    pushes.labels("shopify", "failed").inc()
    window = Histogram("window_seconds", "Window.", ["platform"], buckets=(0.1, 0.2, 1.0), registry=registry)
    for seconds in (0.05, 0.15, 0.15, 0.5):
        window.labels("shopify").observe(seconds)
    Histogram("empty_seconds", "Nothing yet.", registry=registry)
    return generate_latest(registry).decode()


def test_totals_add_up_over_pages_and_labels(page: str) -> None:
    samples = Samples([page, page])
    assert samples.total("pushes_total") == 16
    assert samples.total("pushes_total", status="succeeded") == 14
    assert samples.total("pushes_total", status=("succeeded", "failed"), platform="shopify") == 8
    assert samples.total("nothing_total") == 0


def test_quantiles_are_linear_inside_a_bucket(page: str) -> None:
    samples = Samples([page])
    assert samples.quantile("window_seconds", 0.25) == pytest.approx(0.1)
    assert samples.quantile("window_seconds", 0.5) == pytest.approx(0.15)
    assert samples.quantile("window_seconds", 1.0) == pytest.approx(1.0)


def test_no_observation_is_no_quantile(page: str) -> None:
    assert Samples([page]).quantile("empty_seconds", 0.5) is None
    assert Samples([page]).quantile("unknown_seconds", 0.5) is None


def test_beyond_the_last_bound_the_quantile_is_that_bound() -> None:
    registry = CollectorRegistry()
    Histogram("slow_seconds", "Slow.", buckets=(1.0,), registry=registry).observe(5)
    assert Samples([generate_latest(registry).decode()]).quantile("slow_seconds", 0.99) == 1.0
