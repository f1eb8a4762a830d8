"""bench/README.md from the published results."""

from __future__ import annotations

from typing import Any

_HEAD = """# Benchmarks

Written by `make bench`; do not edit. Each figure has its reference in the same run: judge the ratios, the machine is
shared and noisy. `bench/results.json` has all figures. Rerun: `make bench`, or one of them with
`.venv/bin/python -m bench ingest` (`--quick` to see that it works).

"""


def readme(results: dict[str, Any]) -> str:
    """The whole page."""
    parts = [_HEAD]
    if found := results.get("ingest"):
        parts.append(_ingest(found))
    if found := results.get("stream"):
        parts.append(_stream(found))
    if found := results.get("oversell"):
        parts.append(_oversell(found))
    return "".join(parts)


def _measured(found: dict[str, Any]) -> str:
    measured = found["measured"]
    return (
        f"Measured {measured['at']} at {measured['commit']}: {measured['cores']} cores, Python {measured['python']}, "
        f"load {measured['load_before']} before it began.\n\n"
    )


def _table(head: list[str], rows: list[list[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n\n"


def _ingest(found: dict[str, Any]) -> str:
    latency = found["at_2000_per_s"]
    return (
        "## Ingest\n\nSigned 5 KB deliveries, HMAC checked, acknowledged by Kafka (acks=all, idempotent) before the"
        " 200; 32 connections, closed loop, rounds interleaved. The reference is a bare ASGI application with the"
        " same HMAC and the same producer, and nothing else.\n\n"
        + _measured(found)
        + _table(
            ["", "deliveries/s", "at 2,000/s offered: p50 ms", "p99 ms"],
            [
                [
                    name,
                    found[f"{key}_per_s"],
                    round(latency[key]["p50_ms"], 1),
                    round(latency[key]["p99_ms"], 1),
                ]
                for name, key in (("gateway", "gateway"), ("bare ASGI + producer", "bare"))
            ],
        )
        + f"Ratio (median of rounds): **{found['ratio']}** ({', '.join(map(str, found['ratio_rounds']))}).\n\n"
    )


def _stream(found: dict[str, Any]) -> str:
    rates = found["rates"]
    rows = [
        [
            rate,
            each["achieved_per_s"],
            each["orders"],
            each["orders_missing"],
            f"{each['answer_p50_ms']:.1f} / {each['answer_p99_ms']:.1f}",
            f"{each['lag_p50_ms']} / {each['lag_p99_ms']} / {each['lag_max_ms']}",
            each["drain_s"],
            each["cpu_ms_per_delivery_all"],
        ]
        for rate, each in rates.items()
    ]
    names = sorted({name for each in rates.values() for name in each["peak_rss_mib"]})
    usage = [
        [name]
        + [
            f"{each['cpu_ms_per_delivery'].get(name, 0)} / {each['peak_rss_mib'].get(name, 0)}"
            for each in rates.values()
        ]
        for name in names
    ]
    return (
        "## Stream\n\nFrom socket to canonical order: open loop, "
        f"{found['seconds']:.0f} s at each rate, each order delivered twice (created and updated), everything and the"
        " load generator on this machine. Lag is from the intended send time of an order's first delivery to its"
        " OrderChanged event in Kafka, which is written after the row is committed.\n\n"
        + _measured(found)
        + _table(
            [
                "offered/s",
                "achieved/s",
                "orders",
                "missing",
                "answer ms p50 / p99",
                "lag ms p50 / p99 / max",
                "drained after s",
                "CPU ms per delivery",
            ],
            rows,
        )
        + "CPU ms per delivery / peak resident MiB of each process:\n\n"
        + _table(["process", *[f"at {rate}/s" for rate in rates]], usage)
    )


def _oversell(found: dict[str, Any]) -> str:
    rows = [
        [rate, each["orders"], each["pushes"], each["p50_ms"], each["p99_ms"], each["max_ms"]]
        for rate, each in found["orders_per_s"].items()
    ]
    return (
        "## Oversell window\n\nFrom the webhook of a sale at a simulated Shopify store to the answer of the simulated"
        f" WooCommerce store that took the new quantity; {found['seconds']:.0f} s at each rate.\n\n"
        + _measured(found)
        + _table(["orders/s", "orders", "pushes", "p50 ms", "p99 ms", "max ms"], rows)
    )
