"""Products become variants and listings; the newest snapshot of each counts."""

from __future__ import annotations

import itertools

from sqlalchemy import text

from ..conftest import World, line  # noqa: TID252  (tests are no package of their own)


async def active(world: World) -> dict[str, str | None]:
    """External id and SKU of active listings."""
    async with world.engine.connect() as conn:
        rows = await conn.execute(
            text("SELECT variant_external_id, sku FROM inventory.listings WHERE org_id = :org AND active"),
            {"org": world.org},
        )
        return {row.variant_external_id: row.sku for row in rows}


class TestApply:
    async def test_one_sku_is_one_variant_wherever_it_is_listed(self, world: World) -> None:
        a, b = world.store(), world.store()
        await world.catalogue.apply(
            [world.product(a, "p", [("v1", "HAT")]), world.product(b, "q", [("v2", " HAT ")])], []
        )
        level = await world.show("HAT")
        assert {each.integration_id for each in level.channels} == {a.id, b.id}

    async def test_without_sku_it_is_listed_but_not_kept(self, world: World) -> None:
        a = world.store()
        await world.catalogue.apply([world.product(a, "p", [("v1", None), ("v2", "  ")])], [])
        assert await active(world) == {"v1": None, "v2": None}

    async def test_a_variant_that_is_missing_later_is_not_sold_any_more(self, world: World) -> None:
        a = world.store()
        await world.catalogue.apply([world.product(a, "p", [("v1", "HAT"), ("v2", "CAP")])], [])
        await world.catalogue.apply([world.product(a, "p", [("v2", "CAP")], updated=5)], [])
        assert await active(world) == {"v2": "CAP"}
        await world.catalogue.apply([world.product(a, "p", [("v1", "HAT")], updated=4)], [])
        assert await active(world) == {"v2": "CAP"}

    async def test_deleted_and_back_again(self, world: World) -> None:
        a = world.store()
        product = world.product(a, "p", [("v1", "HAT")], updated=5)
        await world.catalogue.apply([product], [world.product_gone(a, "p", 6)])
        assert await active(world) == {}
        await world.catalogue.apply([product], [])
        assert await active(world) == {}
        await world.catalogue.apply([world.product(a, "p", [("v1", "HAT")], updated=7)], [])
        assert await active(world) == {"v1": "HAT"}

    async def test_any_order_gives_one_catalogue(self, world: World) -> None:
        a = world.store()
        events = [
            world.product(a, "p", [("v1", "HAT"), ("v2", "CAP")], updated=1),
            world.product(a, "p", [("v1", "HAT")], updated=3),
            world.product_gone(a, "p", 2),
        ]
        found = set()
        for order in itertools.permutations(events):
            async with world.engine.begin() as conn:
                for table in ("products", "listings"):
                    await conn.execute(text(f"DELETE FROM inventory.{table} WHERE org_id = :org"), {"org": world.org})
            for each in order:
                if hasattr(each, "variants"):
                    await world.catalogue.apply([each], [])
                else:
                    await world.catalogue.apply([], [each])
            found.add((await world.hashes())["products"])
            assert await active(world) == {"v1": "HAT"}
        assert len(found) == 1

    async def test_a_store_that_does_not_count_is_not_told(self, world: World) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 5, updated=10)
        await world.catalogue.apply([world.product(b, "q", [("v", "HAT")], tracked=False)], [])
        await world.adjust("HAT", delta=1)
        assert [store for store, *_ in await world.quantities()] == [a.id]
        await world.catalogue.apply([world.product(b, "q", [("v", "HAT")], updated=3)], [])
        # It counts now; what it has is told at once, and till then it is left alone.
        assert await world.told() == []
        await world.adjust("HAT", delta=1)
        assert {store for store, *_ in await world.quantities()} == {a.id, b.id}

    async def test_a_new_sku_moves_lines_that_name_none(self, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT", 5)
        await world.order(a, "1", [line("1", None, 2, variant="v-HAT")])
        await world.catalogue.apply([world.product(a, "p-HAT", [("v-HAT", "CAP")], updated=20)], [])
        assert (await world.figures("HAT"))[1] == 0
        assert (await world.figures("CAP"))[1] == 2

    async def test_products_of_two_organisations_share_nothing(self, world: World) -> None:
        other = World(world.engine)
        await world.list_sku(world.store(), "HAT", 5)
        await other.list_sku(other.store(), "HAT", 9)
        assert await world.figures("HAT") == (5, 0, 5)
        assert await other.figures("HAT") == (9, 0, 9)
