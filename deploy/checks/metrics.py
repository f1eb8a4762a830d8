"""The metrics that the code defines, read from its source, and those that rules and dashboards ask for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

KINDS = {"Counter", "Gauge", "Histogram", "Summary"}
# Labels that Prometheus adds, or that the kind of a metric brings.
COMMON_LABELS = frozenset({"job", "instance", "le", "alertname", "alertstate", "severity"})

_NAME = re.compile(r"\blongshore_[a-z0-9_]+\b")
_SELECTOR = re.compile(r"\b(longshore_[a-z0-9_]+)\s*\{([^}]*)\}")
_LABEL = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as the code defines it. `names`: those under which Prometheus knows it."""

    kind: str
    names: frozenset[str]
    labels: frozenset[str]


def defined_metrics(roots: Iterable[Path]) -> dict[str, Metric]:
    """Every metric defined below `roots`, by each name of its series."""
    found: dict[str, Metric] = {}
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            for metric in _metrics_of(ast.parse(path.read_text(), str(path))):
                found |= dict.fromkeys(metric.names, metric)
    return found


def unknown_in(expression: str, metrics: Mapping[str, Metric]) -> list[str]:
    """What `expression` (PromQL) asks for that the code does not have, as sentences."""
    names = set(_NAME.findall(expression))
    problems = [f"no code defines the metric {name}" for name in sorted(names - metrics.keys())]
    for name, selector in _SELECTOR.findall(expression):
        if name in metrics:
            wrong = set(_LABEL.findall(_without_strings(selector))) - metrics[name].labels - COMMON_LABELS
            problems += [f"{name} has no label {label}" for label in sorted(wrong)]
    labels = COMMON_LABELS.union(*(metrics[name].labels for name in names & metrics.keys()))
    for grouping in _GROUPING.findall(expression):
        wrong = {label.strip() for label in grouping.split(",") if label.strip()} - labels
        problems += [f"no metric in it has the label {label}" for label in sorted(wrong) if names]
    return problems


def _metrics_of(tree: ast.AST) -> Iterator[Metric]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        kind = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        # A collector of its own makes families at each scrape.
        kind = kind.removesuffix("MetricFamily")
        first = node.args[0]
        if kind in KINDS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield Metric(kind, _series(kind, first.value), _labels(node))


def _series(kind: str, name: str) -> frozenset[str]:
    """As prometheus_client exposes it."""
    if kind == "Counter":
        return frozenset({name.removesuffix("_total") + "_total"})
    if kind == "Histogram":
        return frozenset({f"{name}_bucket", f"{name}_sum", f"{name}_count"})
    return frozenset({name, f"{name}_sum", f"{name}_count"} if kind == "Summary" else {name})


def _labels(call: ast.Call) -> frozenset[str]:
    given: ast.expr | None = call.args[2] if len(call.args) > 2 else None
    for keyword in call.keywords:
        if keyword.arg in {"labelnames", "labels"}:
            given = keyword.value
    if not isinstance(given, ast.List | ast.Tuple):
        return frozenset()
    return frozenset(str(each.value) for each in given.elts if isinstance(each, ast.Constant))


def _without_strings(text: str) -> str:
    return re.sub(r'"[^"]*"', '""', text)
