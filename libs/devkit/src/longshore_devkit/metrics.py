"""Reading what services measure: Prometheus text into numbers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from prometheus_client.parser import text_string_to_metric_families


class Samples:
    """The samples of one or several /metrics pages, summed over what is not asked for."""

    def __init__(self, pages: Iterable[str]) -> None:
        self._samples: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for page in pages:
            for family in text_string_to_metric_families(page):
                for sample in family.samples:
                    self._samples[sample.name].append((sample.labels, sample.value))

    def total(self, name: str, **labels: str | Iterable[str]) -> float:
        """The sum of a counter or gauge over all samples with these labels (a value, or any of several)."""
        wanted = {key: {value} if isinstance(value, str) else set(value) for key, value in labels.items()}
        return sum(
            value
            for found, value in self._samples.get(name, ())
            if all(found.get(key) in values for key, values in wanted.items())
        )

    def quantile(self, name: str, share: float) -> float | None:
        """A quantile (0..1) of a histogram, linear inside its bucket as in Prometheus; None without observations."""
        counts: dict[float, float] = defaultdict(float)
        for labels, value in self._samples.get(f"{name}_bucket", ()):
            counts[float(labels["le"])] += value
        bounds = sorted(counts)
        if not bounds or not counts[bounds[-1]]:
            return None
        rank = share * counts[bounds[-1]]
        lower, below = 0.0, 0.0
        for bound in bounds:
            if counts[bound] >= rank:
                if math.isinf(bound):
                    return lower
                inside = counts[bound] - below
                return lower + (bound - lower) * ((rank - below) / inside if inside else 1.0)
            lower, below = bound, counts[bound]
        return lower
