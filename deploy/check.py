"""Checks the compose file, the image, Prometheus's rules and Grafana's dashboards. No Docker engine is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from checks.compose import SERVICES, check_compose, check_with_plugin
from checks.dockerfile import check_dockerfile, check_pins
from checks.metrics import defined_metrics
from checks.prometheus import check_alerts, check_dashboard, check_jobs, check_with_promtool, find_promtool

HERE = Path(__file__).parent
ROOT = HERE.parent

TOOLS = ROOT / ".venv/share/longshore-tools"


def problems() -> Iterator[str]:
    """All that is wrong, as sentences."""
    compose = ROOT / "docker-compose.yml"
    yield from check_compose(compose)
    yield from check_with_plugin(compose)
    yield from check_dockerfile(HERE / "Dockerfile", ROOT)
    yield from check_pins(HERE / "requirements.lock", ROOT / "requirements.lock")
    metrics = defined_metrics([ROOT / "libs/common/src", *ROOT.glob("services/*/src")])
    prometheus = HERE / "prometheus"
    yield from check_jobs(prometheus, SERVICES)
    yield from check_alerts(prometheus, metrics, ROOT)
    for dashboard in sorted((HERE / "grafana/dashboards").glob("*.json")):
        yield from check_dashboard(dashboard, metrics)
    try:
        yield from check_with_promtool(find_promtool(TOOLS), prometheus)
    except FileNotFoundError as error:
        yield str(error)


def main() -> int:
    """Print what is wrong; returns the exit code."""
    found = list(problems())
    for each in found:
        sys.stdout.write(f"{each}\n")
    if not found:
        sys.stdout.write("Compose file, image, alert rules and dashboards are in order.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
