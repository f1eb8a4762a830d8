"""The custom channel as the hub shows it: see longshore.platforms.declaration."""

from __future__ import annotations

from longshore.platforms.addresses import WRONG, BadStoreUrl
from longshore.platforms.declaration import Availability, Capability, Declaration, NoCredentials, StoreAddress


def read_store(url: str, name: str, allow_private: bool) -> StoreAddress:
    """A custom channel has no address that we call: it is its name. What is given is for people to follow."""
    if url and not url.startswith(("https://", "http://")):
        raise BadStoreUrl(WRONG, "it must begin with https://, or be left out")
    return StoreAddress(url, name.casefold())


PLATFORM = Declaration(
    id="api",
    name="Custom channel",
    availability=Availability.AVAILABLE,
    capabilities=tuple(Capability),
    setup_steps=(
        "Connect it by a name; it needs no address and no credentials.",
        "Make an API key with the scope ingest:write for the shop.",
        "Let the shop send its orders, products, stock and customers to /api/v1/ingest/{id}/... "
        "(docs/guides/custom-channel.md).",
    ),
    credentials=NoCredentials,
    read_store=read_store,
)
