"""When a channel's terms change, its store is told what follows."""

from __future__ import annotations

from ..conftest import World  # noqa: TID252  (tests are no package of their own)


class TestApply:
    async def test_a_buffer_is_kept_from_the_store(self, world: World) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 10, updated=10)
        await world.list_sku(b, "HAT", 10, updated=20)
        await world.said()
        await world.set_channel(b, {"buffer": 4}, when=1)
        assert await world.quantities() == [(b.id, "HAT", 6, 10)]
        await world.deliver(a, b)
        await world.set_channel(b, {"buffer": 4}, when=2)
        await world.set_channel(b, {"buffer": 9}, when=0.5)
        assert await world.told() == []
        assert await world.figures("HAT") == (10, 0, 10)

    async def test_a_deleted_store_is_told_nothing_and_when_it_is_back_it_is(self, world: World) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 10, updated=10)
        await world.list_sku(b, "HAT", 10, updated=20)
        await world.said()
        await world.set_channel(b, {}, deleted=True, when=1)
        await world.adjust("HAT", delta=1)
        assert [store for store, *_ in await world.quantities()] == [a.id]
        assert [each.integration_id for each in (await world.show("HAT")).channels] == [a.id]
        await world.set_channel(b, {}, when=2)
        assert await world.quantities() == [(b.id, "HAT", 11, 10)]
