"""Idle: what the five services use together when nothing happens: one store is connected, and silent."""

from __future__ import annotations

import asyncio
import time

from bench.benchmark import Benchmark, Figure, Found
from bench.page import table
from bench.selling import SecondStore
from bench.system import running_system
from bench.usage import MIB, cpu_by_name, pss_by_name
from longshore_devkit.stack import SERVICES

NAMES = tuple(service.name for service in SERVICES)


async def run(*, quick: bool) -> Found:
    """CPU in per cent of one core over a minute, and memory. There is no reference: nothing costs nothing."""
    calm_s, seconds = (8.0, 20.0) if quick else (30.0, 60.0)
    second = SecondStore.new()
    async with running_system(beside=(second.spec,)) as system:
        await second.connect(system)
        await asyncio.sleep(calm_s)
        before, began = cpu_by_name(), time.monotonic()
        await asyncio.sleep(seconds)
        after, took = cpu_by_name(), time.monotonic() - began
        memory = pss_by_name()
    percent = {name: round((used - before.get(name, 0.0)) / took * 100, 2) for name, used in sorted(after.items())}
    return {
        "seconds": seconds,
        "cpu_percent": percent,
        "pss_mib": {name: round(size / MIB) for name, size in sorted(memory.items())},
        "services_cpu_percent": round(sum(percent[name] for name in NAMES), 2),
        "services_pss_mib": round(sum(memory[name] for name in NAMES) / MIB),
    }


def section(found: Found) -> str:
    """For bench/README.md."""
    return (
        f"One store is connected, and nothing happens for {found['seconds']:.0f} s. The five services together:"
        f" **{found['services_cpu_percent']} % of one core, {found['services_pss_mib']} MiB** (goal: 3 %, 1,229 MiB)."
        " Memory is PSS: what processes share is counted once.\n\n"
        + table(
            ["process", "CPU, % of one core", "PSS MiB"],
            [[name, used, found["pss_mib"].get(name)] for name, used in found["cpu_percent"].items()],
        )
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure("services' CPU, % of one core", found["services_cpu_percent"], "lower"),
        Figure("services' PSS MiB", found["services_pss_mib"], "lower"),
    ]


BENCHMARK = Benchmark("idle", "CPU and memory when nothing happens", 2.0, run, section, figures, default=True)
