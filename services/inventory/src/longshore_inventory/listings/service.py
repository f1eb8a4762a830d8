"""Use cases of the catalogue: products of the stores become variants and listings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import ids
from longshore.broker import Transient
from longshore.clock import Clock, utc_now
from longshore.contracts import ProductDeleted, ProductSnapshot, has_detail
from longshore.db import UnitOfWork, unit_of_work
from longshore_inventory.database import SCHEMA
from longshore_inventory.listings import store
from longshore_inventory.listings.locks import own_catalogues
from longshore_inventory.listings.rules import Content, VariantIds, clean_sku, content_of, digest_of
from longshore_inventory.listings.store import ListingRow, ProductRow
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.orders.store import lines_without_sku
from longshore_inventory.stock.closing import close_book
from longshore_inventory.stock.linking import move_again, take_reports
from longshore_inventory.stock.store import Wanted, load_book


class Catalogue:
    """What is sold, and where."""

    def __init__(
        self, engine: AsyncEngine, metrics: InventoryMetrics, variant_ids: VariantIds, clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._variant_ids = variant_ids
        self._clock = clock
        self._known: set[UUID] = set()

    async def apply(self, snapshots: Iterable[ProductSnapshot], tombstones: Iterable[ProductDeleted]) -> None:
        """Take in snapshots and deletions, any number per product, in any order."""
        newest: dict[UUID, ProductSnapshot] = {}
        detailed: dict[UUID, ProductSnapshot] = {}
        for each in snapshots:
            id = _product_id(each)
            for kept in (newest, detailed) if has_detail(each.digest) else (newest,):
                if id not in kept or each.version.key() > kept[id].version.key():
                    kept[id] = each
        gone: dict[UUID, ProductDeleted] = {}
        for tombstone in tombstones:
            id = _product_id(tombstone)
            if id not in gone or tombstone.observed_at > gone[id].observed_at:
                gone[id] = tombstone
        if not newest and not gone:
            return
        async with unit_of_work(self._engine, SCHEMA) as work:
            known = await store.lock_products(work.conn, {*newest, *gone})
            moved: list[ProductRow] = []
            changed: dict[UUID, Content | None] = {}
            for id in sorted({*newest, *gone}):
                row = known.get(id)
                before = None if row is None else (row.digest, row.deleted)
                row, news, content = _merge(id, row, newest.get(id), detailed.get(id), gone.get(id))
                if not news:
                    continue
                moved.append(row)
                if before is None or not row.digest or before != (row.digest, row.deleted):
                    changed[id] = None if row.deleted else content
            await store.save_products(work.conn, moved)
            rows = {row.id: row for row in moved}
            # Deleted, or no snapshot of it: nothing of it is sold.
            listed = {id: each for id, each in changed.items() if each is not None or rows[id].deleted}
            await self._list(work, rows, listed)

    async def _list(
        self, work: UnitOfWork, products: Mapping[UUID, ProductRow], changed: Mapping[UUID, Content | None]
    ) -> None:
        """Bring listings to what these products sell, and stock with them."""
        if not changed:
            return
        conn = work.conn
        await own_catalogues(conn, {products[id].integration_id for id in changed})
        rows = {
            row.id: row for id, each in changed.items() if each is not None for row in self._rows(products[id], each)
        }
        known = await store.listings_of_products(conn, changed, rows)
        ended = {id for id, product, _, _, active in known if active and id not in rows and product in changed}
        variants_before = {id: (variant, sku) for id, _, variant, sku, _ in known}
        newly = [row for id, row in rows.items() if variants_before.get(id, (None, None))[0] != row.variant_id]
        nameless = [(row.product.integration_id, row.variant.external_id) for row in newly]
        wanted = _wanted(rows.values(), products, known)
        for line in await lines_without_sku(conn, nameless):
            if line.variant_id is not None:
                wanted.setdefault(line.variant_id, Wanted(line.org_id, ""))
        # Variants exist before their levels are locked: making them waits for nobody who holds a level.
        await store.save_variants(
            conn,
            sorted(
                {(row.variant_id, row.product.org_id, row.sku) for row in rows.values() if row.variant_id and row.sku}
            ),
        )
        await self._write(work, wanted, list(rows.values()), ended, newly, nameless)

    async def _write(
        self,
        work: UnitOfWork,
        wanted: Mapping[UUID, Wanted],
        rows: Sequence[ListingRow],
        ended: set[UUID],
        newly: Sequence[ListingRow],
        nameless: Sequence[tuple[UUID, str]],
    ) -> None:
        conn = work.conn
        await load_book(conn, wanted, self._known)
        await store.save_listings(conn, rows)
        if ended:
            await store.end_listings(conn, ended)
        # Loaded again, with the listings as they are now; the locks are held.
        book = await load_book(conn, wanted, self._known)
        attached = {(row.product.integration_id, row.variant.external_id): row.variant_id for row in newly}
        lines = await lines_without_sku(conn, nameless)
        variants: dict[UUID, UUID | None] = {}
        for line in lines:
            variants[line.id] = attached[line.integration_id, line.variant_external_id or ""]
            if line.variant_id is not None and line.variant_id not in book.levels:
                raise Transient("A line was given another variant meanwhile.")
        await move_again(conn, book, lines, variants)
        listing_ids = {row.id for row in rows}
        found = [each for listings in book.listings.values() for each in listings if each.id in listing_ids]
        now = self._clock()
        await take_reports(conn, book, found, now)
        for listing in found:
            book.touched.add(listing.variant_id)
            if listing.believed is None:
                # Its store has not told what it has: that comes at once, or else with the next change of stock.
                book.held.add(listing.id)
        await close_book(work, book, now, self._metrics)

    def _rows(self, product: ProductRow, content: Content) -> list[ListingRow]:
        rows = []
        for variant, keeps_detail in content.variants():
            id = ids.listing_id(ids.IntegrationId(product.integration_id), variant.external_id)
            sku = clean_sku(variant.sku)
            variant_id = None if sku is None else self._variant_ids.of(product.org_id, sku)
            rows.append(ListingRow(id, product, variant, variant_id, sku, keeps_detail))
        return rows


def _product_id(product: ProductSnapshot | ProductDeleted) -> UUID:
    return ids.entity_id(ids.IntegrationId(product.integration_id), "product", product.external_id)


def _merge(
    id: UUID,
    row: ProductRow | None,
    snapshot: ProductSnapshot | None,
    detailed: ProductSnapshot | None,
    gone: ProductDeleted | None,
) -> tuple[ProductRow, bool, Content | None]:
    """The product with what is newer taken in, whether anything was, and what it holds now if that is among it.

    `snapshot` is the newest of those given, `detailed` the newest that holds what only some ways of reading tell.
    """
    news = False
    if row is None:
        about = snapshot if snapshot is not None else gone
        assert about is not None  # noqa: S101  (one of the two names the product)
        row = ProductRow(id, about.org_id, about.integration_id, about.platform.value, about.external_id)
        news = True
    if gone is not None and (row.gone_at is None or gone.observed_at > row.gone_at):
        row.gone_at = gone.observed_at
        news = True
    content = None if snapshot is None else content_of(row.rank, row.digest, snapshot, detailed)
    if content is not None:
        row.digest = digest_of(row.digest, content)
        shown = content.newest
        if row.rank is None or shown.version.key() > row.rank:
            row.rank = shown.version.key()
            row.parent_external_id = shown.parent_external_id
            row.title = shown.title
            row.status = shown.status.value
            row.platform_status = shown.platform_status
        news = True
    row.deleted = row.gone_at is not None and (row.rank is None or row.gone_at >= row.rank[1])
    return row, news, content


def _wanted(
    rows: Iterable[ListingRow],
    products: Mapping[UUID, ProductRow],
    known: Iterable[tuple[UUID, UUID, UUID | None, str | None, bool]],
) -> dict[UUID, Wanted]:
    wanted = {row.variant_id: Wanted(row.product.org_id, row.sku) for row in rows if row.variant_id and row.sku}
    org_id = next(iter(products.values())).org_id
    for _, product, variant, sku, _ in known:
        if variant is not None:
            org = products[product].org_id if product in products else org_id
            wanted.setdefault(variant, Wanted(org, sku or ""))
    return wanted
