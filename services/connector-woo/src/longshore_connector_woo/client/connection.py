"""Is this a WooCommerce store, do the keys open it, and how far?"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from longshore.platforms.protocols import StoreInfo, StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_woo.client.answers import NO_REST_API, plain
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.pages import NO_WORDPRESS
from longshore_connector_woo.client.parcels import Parcels

# Of 2023: the first with High-Performance Order Storage as a rule.
OLDEST = 8

# Where the Shipment Tracking plugin's own API is.
_PLUGIN = "wc-shipment-tracking/"

# What we read, and what a missing right for it is called.
_READS = {"/orders": "read orders", "/products": "read products", "/webhooks": "read webhooks"}


async def check(http: StoreHttp, parcels: Parcels, store_url: str) -> StoreInfo:
    """Reach, authenticate and compare permissions. Raises StoreUnauthorized when the key is no key of this store."""
    try:
        return await _check(http, parcels, store_url)
    except StoreUnavailable as error:
        if error.code in (NO_REST_API, NO_WORDPRESS):
            # Of a store that has worked it may pass; one that is being connected has another address.
            raise StoreRefused(error.code, error.detail) from None
        raise


async def _check(http: StoreHttp, parcels: Parcels, store_url: str) -> StoreInfo:
    name, namespaces = await _index(http, store_url)
    missing: list[str] = []
    refusals: set[str] = set()
    for path, right in _READS.items():
        try:
            await http.get(path, {"per_page": "1", "_fields": "id"})
        except StoreUnauthorized as error:
            if error.code in ("bad-key", "clock"):
                raise
            refusals.add(error.code)
            missing.append(right)
    if len(missing) == len(_READS) and refusals == {"not-allowed"}:
        # As if no key had been sent: that is no key without rights, it is one that does not arrive.
        raise StoreUnauthorized(
            "not-allowed", "The store treats us as a stranger: wrong key, or its host drops the Authorization header."
        )
    if not await _may_write(http):
        missing.append("write")
    version = await _version(http)
    return StoreInfo(
        name,
        version,
        await _currency(http),
        tuple(missing),
        version_warning=version_warning(version),
        note=shipments_note(await parcels.are_there(), namespaces),
    )


def version_warning(version: str | None) -> str | None:
    """What is to be said of a store's version."""
    if version is None:
        return "The store does not show its version to the key's owner."
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST:
        return f"WooCommerce {version[:20]} is older than {OLDEST}.0, the oldest that this is made for."
    return None


def shipments_note(own: bool, namespaces: Sequence[object]) -> str:
    """How a shipment is told to a store that has fulfilments of its `own` or not."""
    if own:
        return "Shipments become WooCommerce's own fulfilments, of which the store mails the buyer."
    if any(str(each).startswith(_PLUGIN) for each in namespaces):
        return "Shipments are shown by the Shipment Tracking plugin; the buyer gets a note."
    return "The store has no place of its own for shipments: they are kept in the order, and the buyer gets a note."


async def _index(http: StoreHttp, store_url: str) -> tuple[str, Sequence[object]]:
    """The site's name, and the parts of its API as far as it shows them."""
    host = urlsplit(store_url).hostname or store_url
    try:
        index = (await http.index()).object()
    except StoreUnauthorized:
        return host, ()  # security plugins hide the index from strangers
    except StoreRefused as error:
        if error.code in ("redirect", "store-url", "private-address"):
            raise
        return host, ()
    namespaces = index.get("namespaces")
    if isinstance(namespaces, list) and "wc/v3" not in namespaces:
        raise StoreRefused("no-woocommerce", "This WordPress site has no WooCommerce (or one older than 3.5).")
    return plain(index.get("name")) or host, namespaces if isinstance(namespaces, list) else ()


async def _may_write(http: StoreHttp) -> bool:
    """An empty batch changes nothing; WooCommerce looks at the key's permission before anything else."""
    try:
        await http.post("/webhooks/batch", {})
    except StoreUnauthorized:
        return False
    except StoreRefused:
        return True
    return True


async def _currency(http: StoreHttp) -> str | None:
    try:
        code = (await http.get("/data/currencies/current", {"_fields": "code"})).object().get("code")
    except StoreRefused:
        return None
    return code if isinstance(code, str) else None


async def _version(http: StoreHttp) -> str | None:
    try:
        status = (await http.get("/system_status", {"_fields": "environment.version"})).object()
    except StoreRefused:
        return None
    environment = status.get("environment")
    version = environment.get("version") if isinstance(environment, dict) else None
    return version if isinstance(version, str) else None
