"""All benchmarks, in the order of the page."""

from __future__ import annotations

from bench import (
    apply,
    burst,
    consumers,
    disk,
    faults,
    growth,
    idle,
    ingest,
    oversell,
    reads,
    replay,
    shopify,
    stores,
    stream,
    sustained,
    woo,
)
from bench.benchmark import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    each.BENCHMARK.name: each.BENCHMARK
    for each in (
        ingest,
        apply,
        stream,
        sustained,
        oversell,
        burst,
        growth,
        reads,
        shopify,
        faults,
        woo,
        stores,
        consumers,
        replay,
        idle,
        disk,
    )
}
