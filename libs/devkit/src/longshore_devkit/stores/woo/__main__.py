"""`python -m longshore_devkit.stores.woo`: a simulated WooCommerce shop until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

import uvloop

from longshore_devkit.stores.woo import SimulatedWoo, WooConfig


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    default = WooConfig()
    parser = argparse.ArgumentParser(prog="python -m longshore_devkit.stores.woo", description=__doc__)
    parser.add_argument("--port", type=int, default=9400, help="plain HTTP, OAuth 1.0a only (0: a free one)")
    parser.add_argument("--https-port", type=int, help="also HTTPS, where Basic works (0: a free one)")
    parser.add_argument("--tls-dir", type=Path, help="where ca.pem and the certificate are written")
    parser.add_argument("--products", type=int, default=default.products, help="how many SKUs")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--sku-prefix", default=default.sku_prefix)
    parser.add_argument("--currency", default=default.currency)
    parser.add_argument("--timezone", default=default.timezone)
    parser.add_argument("--prices-include-tax", action="store_true")
    parser.add_argument("--decimals", type=int, default=default.decimals)
    parser.add_argument("--initial-stock", type=int, default=default.initial_stock, help="of each SKU")
    parser.add_argument("--backorders", choices=["no", "notify", "yes"], default=default.backorders)
    parser.add_argument("--consumer-key", default=default.consumer_key)
    parser.add_argument("--consumer-secret", default=default.consumer_secret)
    parser.add_argument("--read-only-key", help="a second key that may only read")
    parser.add_argument("--read-only-secret")
    parser.add_argument("--orders-per-minute", type=float, default=0.0)
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace) -> None:
    """Open the shop, say on one line of JSON where it is, and wait for a signal."""
    names = {"port", "https_port", "tls_dir"}
    config = WooConfig(**{name: value for name, value in vars(options).items() if name not in names})
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    shop = SimulatedWoo(config, port=options.port, https_port=options.https_port, tls_dir=options.tls_dir)
    async with shop:
        where = {"url": shop.url}
        if options.https_port is not None:
            where |= {"https_url": shop.https_url, "ca_file": str(shop.ca_file)}
        print(json.dumps(where), flush=True)
        await stopped.wait()


if __name__ == "__main__":
    uvloop.run(run(parse()))
