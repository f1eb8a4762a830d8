"""`python -m longshore_devkit.loadgen`: send signed webhooks to an address and print the result as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import uvloop

from longshore_devkit.loadgen import LoadPlan, run_load


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m longshore_devkit.loadgen", description=__doc__)
    parser.add_argument("url", help="the webhook address")
    parser.add_argument("--secret", required=True, help="signs the deliveries")
    parser.add_argument("--platform", choices=["woocommerce", "shopify"], default="woocommerce")
    parser.add_argument("--shop", default="http://shop.example.test/", help="the shop's address or domain")
    parser.add_argument("--rate", type=float, default=100.0, help="deliveries per second; 0: as fast as answered")
    parser.add_argument("--duration", type=float, help="seconds")
    parser.add_argument("--orders", type=int, help="distinct orders, instead of a duration")
    parser.add_argument("--copies", type=int, choices=[1, 2, 3], default=2, help="deliveries of each order")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--body-bytes", type=int, default=5000)
    parser.add_argument("--skus", help="what is ordered, separated by commas")
    parser.add_argument("--first-id", type=int, default=LoadPlan.first_id)
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to an answer")
    parser.add_argument("--retry-for", type=float, default=0.0, help="repeat what is not accepted for so many seconds")
    parser.add_argument("--ids-file", type=Path, help="write ids and intended times there, as JSON")
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace) -> LoadPlan:
    """The plan that the command line asks for."""
    return LoadPlan(
        url=options.url,
        secret=options.secret,
        platform=options.platform,
        shop=options.shop,
        rate=options.rate or None,
        orders=options.orders,
        duration_s=options.duration,
        copies=options.copies,
        connections=options.connections,
        body_bytes=options.body_bytes,
        skus=tuple(options.skus.split(",")) if options.skus else None,
        first_id=options.first_id,
        timeout_s=options.timeout,
        retry_for_s=options.retry_for,
    )


def main() -> None:
    """Run and print."""
    options = parse()
    result = uvloop.run(run_load(plan_of(options)))
    if options.ids_file:
        options.ids_file.write_text(json.dumps(result.as_dict(with_ids=True)))
    print(json.dumps(result.as_dict(), indent=2))


if __name__ == "__main__":
    main()
