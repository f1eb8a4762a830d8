"""Asking a store for something about a product: one transaction, command and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.clock import Clock, utc_now
from longshore.commands import command_message, new_command_view
from longshore.contracts import Command, CommandOutcome, CommandView, Platform, ProductAction
from longshore.idempotency import key_reused
from longshore.ids import OrgId, uuid7
from longshore.platforms.declaration import Ability
from longshore.problems import not_found
from longshore_inventory.database import SCHEMA
from longshore_inventory.selling import rules, store
from longshore_inventory.selling.rules import SetPrice
from longshore_inventory.stock.closing import REPLY_TO

# What sets the same thing as the other: of these the newest word counts.
_SHELF = ("product.publish", "product.unpublish")
_SAME = dict.fromkeys(_SHELF, _SHELF) | {"product.price": ("product.price",)}


class Selling:
    """Use cases of what is sold. `abilities`: what each platform can be asked, by its id."""

    def __init__(
        self, engine: AsyncEngine, abilities: Mapping[str, frozenset[Ability]], clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._abilities = abilities
        self._clock = clock

    async def publish(
        self, org_id: OrgId, product_id: UUID, integration_id: UUID, *, on: bool, key: str | None = None
    ) -> CommandView:
        """Put a product on its store's shelf, or take it off. Raises Problem 404, 409 or 422."""
        async with self._engine.begin() as conn:
            product = await store.find_product(conn, org_id, product_id)
            if product is None:
                raise not_found("The product")
            payload = rules.publish(product, integration_id, self._able(product.platform), on=on)
            return await self._ask(conn, org_id, product, payload, key, str(integration_id))

    async def set_price(self, org_id: OrgId, listing_id: UUID, wanted: SetPrice, key: str | None = None) -> CommandView:
        """Set what a listing costs. Raises Problem 404, 409 or 422."""
        async with self._engine.begin() as conn:
            listing = await store.find_listing(conn, org_id, listing_id)
            if listing is None:
                raise not_found("The listing")
            payload = rules.set_price(listing, wanted, self._able(listing.platform))
            return await self._ask(conn, org_id, listing, payload, key, wanted.digest())

    async def settle(self, outcomes: Sequence[CommandOutcome]) -> None:
        """Take in what became of commands; repeated and late outcomes change nothing."""
        if not outcomes:
            return
        async with self._engine.begin() as conn:
            for each in sorted(outcomes, key=lambda each: each.command_id):
                await store.settle(conn, each)

    def _able(self, platform: str) -> frozenset[Ability]:
        return self._abilities.get(platform, frozenset())

    async def _ask(
        self,
        conn: AsyncConnection,
        org_id: OrgId,
        about: rules.Product | rules.Listing,
        payload: ProductAction,
        key: str | None,
        digest: str,
    ) -> CommandView:
        command = Command(
            id=uuid7(),
            org_id=org_id,
            integration_id=about.integration_id,
            platform=Platform(about.platform),
            payload=payload,
            reply_to=REPLY_TO,
            created_at=self._clock(),
            supersedes=await store.open_commands(conn, org_id, about.id, _SAME[payload.type]),
        )
        if not await store.add_command(conn, command, about.id, key, digest):
            assert key is not None  # noqa: S101  (only a key stands in the way)
            before, request = await store.find_by_key(conn, org_id, about.id, payload.type, key)
            if request != digest:
                raise key_reused(f"another {payload.type}")
            return before
        await outbox.add(conn, SCHEMA, [command_message(command)])
        return new_command_view(command)
