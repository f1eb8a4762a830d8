"""Run a simulated Shopify: `python -m longshore_devkit.stores.shopify --port 9300 --shop demo-shop`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from longshore_devkit.stores.common import Faults
from longshore_devkit.stores.shopify.buyers import PLAIN
from longshore_devkit.stores.shopify.schema import SchemaMissingError
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import RATES, ShopConfig, ShopError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_serve(options))
    except (SchemaMissingError, ShopError, ValueError, OSError) as error:
        print(f"simulated Shopify: {error}", file=sys.stderr)
        return 1


async def _serve(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    faults = Faults()
    faults.update({name: float(value) for name, _, value in (text.partition("=") for text in options.fault)})
    store = SimulatedShopify(
        [_config(options, name) for name in options.shop or ["demo-shop"]],
        port=options.port,
        faults=faults,
        orders_per_minute=options.orders_per_minute,
        aftermath=options.aftermath,
    )
    async with store:
        print(f"simulated Shopify at {store.url}: {', '.join(store.engines)}", flush=True)
        await stop.wait()
    return 0


def _config(options: argparse.Namespace, name: str) -> ShopConfig:
    return ShopConfig(
        domain=name if "." in name else f"{name}.myshopify.com",
        access_token=options.access_token,
        api_secret=options.api_secret,
        client_id=options.client_id,
        scopes=frozenset(options.scopes.split(",")) if options.scopes else None,
        products=options.products,
        seed=options.seed,
        plan=options.plan,
        currency=options.currency,
        taxes_included={"yes": True, "no": False, "mixed": None}[options.taxes_included],
        sku_prefix=options.sku_prefix,
        stock=options.stock,
        locations=options.locations,
        retry_scale=options.retry_scale,
        habits=PLAIN if options.plain else None,
    )


def _parser() -> argparse.ArgumentParser:
    defaults = ShopConfig()
    parser = argparse.ArgumentParser(prog="python -m longshore_devkit.stores.shopify", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=9300, help="0 takes a free one")
    add("--shop", action="append", help="name or domain; several may be given (demo-shop)")
    add("--access-token", default=defaults.access_token)
    add("--api-secret", default=defaults.api_secret, help="signs the webhooks; the public app's client secret")
    add("--client-id", default=defaults.client_id, help="of the public app (LONGSHORE_SHOPIFY_CLIENT_ID)")
    add("--scopes", default="", help="comma-separated access scopes of the token (all)")
    add("--products", type=int, default=defaults.products, help="number of SKUs")
    add("--sku-prefix", default=defaults.sku_prefix)
    add("--stock", type=int, default=defaults.stock, help="units of each SKU at the start")
    add("--locations", type=int, default=defaults.locations)
    add("--seed", type=int, default=defaults.seed)
    add("--plan", choices=sorted(RATES), default=defaults.plan)
    add("--currency", default=defaults.currency)
    add("--taxes-included", choices=("yes", "no", "mixed"), default="mixed")
    add("--orders-per-minute", type=float, default=0.0)
    add("--aftermath", type=float, default=0.1, help="share of traffic that refunds, cancels or edits")
    add("--plain", action="store_true", help="orders without discounts, tips, duties and other extras")
    add("--retry-scale", type=float, default=1.0, help="shrinks the 4 h of webhook retries")
    add("--fault", action="append", default=[], metavar="NAME=VALUE", help="a fault knob at the start")
    return parser


if __name__ == "__main__":
    sys.exit(main())
