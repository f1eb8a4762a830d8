"""What was heard of each store, kept between processes, and what the watchdog makes of a silence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from longshore.contracts import IntegrationStatus, WebhookStatus
from longshore.platforms.heard import RENEW_AGAIN_AFTER, SILENT_AFTER, Ears, HeardStore
from longshore.platforms.hearing import Heard, Voice

from .conftest import PLATFORM, SCHEMA
from .test_webhook_care import told, watch

HEARD = HeardStore(SCHEMA)


async def silent_shop(connector: Any, *batches: Heard) -> tuple[Any, Any]:
    """A store whose webhooks are all there."""
    id, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
    await watch(connector, id)
    shop.calls.clear()
    await note_for(connector, id, *batches)
    return id, shop


async def note_for(connector: Any, id: Any, *batches: Heard) -> None:
    async with connector.engine.begin() as conn:
        org = (await connector.vault.open(conn, id))[0].org_id
        for batch in batches:
            await HEARD.note(conn, Voice(org, id, "orders"), batch)


async def repairs(connector: Any) -> list[Any]:
    """Those of the watchdog's events that tell of a silence."""
    return [each for each in await told(connector) if each.webhooks[0].was is WebhookStatus.SILENT]


async def test_webhooks_that_have_stopped_are_made_anew_and_told(connector: Any) -> None:
    last = connector.now - timedelta(hours=1)
    id, shop = await silent_shop(connector, Heard(last), *[Heard(missed=1)] * SILENT_AFTER)
    await watch(connector, id)
    assert [call for call in shop.calls if call != "webhooks"] == ["remove_webhooks", "ensure_webhooks"]
    (event,) = await repairs(connector)
    assert (event.integration_id, event.heard_at) == (id, last)


async def test_a_delivery_or_two_that_were_lost_on_their_way_are_no_silence(connector: Any) -> None:
    id, shop = await silent_shop(connector, Heard(missed=SILENT_AFTER - 1))
    await watch(connector, id)
    assert "remove_webhooks" not in shop.calls


async def test_what_is_heard_ends_a_silence(connector: Any) -> None:
    missed = [Heard(missed=1)] * (SILENT_AFTER - 1)
    id, shop = await silent_shop(connector, *missed, Heard(connector.now), *missed)
    await watch(connector, id)
    assert "remove_webhooks" not in shop.calls


async def test_those_that_stay_silent_are_made_anew_once_in_a_while_only(connector: Any) -> None:
    silence = [Heard(missed=1)] * SILENT_AFTER
    id, _ = await silent_shop(connector, *silence)
    await watch(connector, id)
    await note_for(connector, id, *silence)
    await watch(connector, id)
    assert len(await repairs(connector)) == 1
    connector.now += RENEW_AGAIN_AFTER
    await watch(connector, id)
    assert len(await repairs(connector)) == 2


async def test_whoever_cares_for_webhooks_alone_is_left_alone(connector: Any) -> None:
    id, shop = await connector.add_store(status=IntegrationStatus.ACTIVE, settings={"manage_webhooks": False})
    await note_for(connector, id, Heard(missed=SILENT_AFTER))
    await watch(connector, id)
    assert shop.calls == []


async def test_it_is_written_seldom_and_a_miss_at_once(connector: Any) -> None:
    id, _ = await connector.add_store(status=IntegrationStatus.ACTIVE)
    async with connector.engine.connect() as conn:
        org = (await connector.vault.open(conn, id))[0].org_id
    ears = Ears(PLATFORM.value, connector.engine, HEARD, connector.metrics)
    voice = Voice(org, id, "orders")
    later = connector.now + timedelta(seconds=1)
    await ears.note({voice: Heard(connector.now)})
    await ears.note({voice: Heard(later)})
    assert await heard_at(connector, org, id) == connector.now
    await ears.note({voice: Heard(missed=2)})
    labels = {"platform": PLATFORM.value, "resource": "orders"}
    assert connector.registry.get_sample_value("longshore_missed_deliveries_total", labels) == 2
    # After a miss what is heard is news again.
    await ears.note({voice: Heard(later)})
    assert await heard_at(connector, org, id) == later


async def heard_at(connector: Any, org: Any, id: Any) -> Any:
    async with connector.engine.connect() as conn:
        (quiet,) = await HEARD.of_store(conn, org, id, connector.now)
    return quiet.heard_at
