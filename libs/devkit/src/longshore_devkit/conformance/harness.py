"""A connector in this process, on real Kafka and PostgreSQL, with what stands around it in the hub: the door that
stores deliver to, somebody who sends commands, and somebody who listens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
from cryptography.fernet import Fernet
from starlette.types import ASGIApp

from longshore.broker import Consumer, Message, Record, make_broker, subscribe
from longshore.broker.topics import dlq_of
from longshore.contracts import (
    Command,
    CommandOutcome,
    CommandPayload,
    CommandStatus,
    Contract,
    EntityFetch,
    IntegrationChanged,
    IntegrationStatus,
    OrderSnapshot,
    ProductSnapshot,
    StockLevel,
    same_content,
)
from longshore.ids import OrgId, uuid7
from longshore.internal import internal_headers
from longshore.platforms.connector import Connector, ConnectorSettings, build_connector
from longshore.platforms.declaration import find_platforms
from longshore.platforms.outcomes import row_message
from longshore.platforms.protocols import Integration, StoreClient
from longshore.runtime import Service
from longshore.vault import GRANTED, IntegrationRow, Sealer, TokenStore, Vault
from longshore_devkit.conformance.door import Door
from longshore_devkit.conformance.store import Knob, Store
from longshore_devkit.testing import eventually

PATIENCE_S = 30.0
FINAL = (CommandStatus.SUCCEEDED, CommandStatus.FAILED, CommandStatus.SUPERSEDED)

C = TypeVar("C", bound=Contract)
S = TypeVar("S", bound=ConnectorSettings)

# (the connector's service, its vault) -> the gateway's route for deliveries.
MakeRoute = Callable[[Service, Vault], ASGIApp]


@dataclass(frozen=True, slots=True)
class Product:
    """What is known of a SKU from the events."""

    product: ProductSnapshot
    variant_external_id: str
    inventory_external_id: str
    level: StockLevel


class RunningConnector:
    """The connector, and all that was heard of it. One for all tests of a platform; each has a store of its own."""

    def __init__(
        self,
        make: Callable[[S], Connector],
        settings: type[S],
        route: MakeRoute,
        *,
        bootstrap_servers: str,
        database_url: str,
        topic_prefix: str,
        more: Mapping[str, Any],
    ) -> None:
        self._make = make
        self._settings = settings
        self._route = route
        self._values = {
            "kafka_bootstrap_servers": bootstrap_servers,
            "database_url": database_url,
            "topic_prefix": topic_prefix,
            "topic_partitions": 1,
            "encryption_keys": (Fernet.generate_key().decode(),),
            "allow_private_stores": True,
            **more,
        }
        self._listener: Any = None
        self.door = Door()
        self.heard: dict[UUID, list[Record]] = {}

    async def start(self) -> None:
        """Bring it up, and wait until it is."""
        await self.door.start()
        settings = self._settings(**self._values, public_url=self.door.url)
        self.connector = self._make(settings)
        sealer = Sealer(settings.encryption_keys)
        self.vault, self.tokens = Vault(sealer), TokenStore(sealer)
        self.app = build_connector(settings, self.connector)
        self.service: Service = self.app.state.service
        self.keys = settings.encryption_keys
        self.door.behind = self._route(self.service, self.vault)
        await self.service.start()
        await eventually(lambda: not self.service.missing(), timeout=60)
        platform = self.connector.platform.value
        topics = [f"commerce.{kind}" for kind in ("orders", "products", "stock", "customers")]
        topics += ["commands.outcomes", "integrations.events", dlq_of(f"raw.{platform}")]
        self._listener = make_broker(
            str(self._values["kafka_bootstrap_servers"]),
            producer=self.service.producer,
            prefix=str(self._values["topic_prefix"]),
        )
        consumer: Consumer = subscribe(self._listener, topics=topics, group="conformance", apply=self._hear)
        await self._listener.start()
        await eventually(lambda: consumer.ready, timeout=30)

    async def stop(self) -> None:
        """Take it down."""
        if self._listener is not None:
            await self._listener.stop()
        await self.service.stop()
        await self.door.stop()

    async def _hear(self, records: Sequence[Record]) -> None:
        for record in records:
            self.heard.setdefault(record.integration_id, []).append(record)

    async def connect(self, store: Store, **settings: Any) -> Connected:
        """Connect a store, and wait until it is active. The door forgets what other stores delivered."""
        self.door.forget()
        declaration = find_platforms()[self.connector.platform.value]
        assert declaration.read_store is not None, "a platform without stores"
        address = declaration.read_store(store.url, "Conformance", True)
        async with self.service.engine.begin() as conn:
            row = await self.vault.create(
                conn,
                org_id=OrgId(uuid4()),
                platform=self.connector.platform,
                name="Conformance",
                store_url=address.url,
                store_key=address.key,
                credentials=declaration.credentials(**store.credentials).to_keep(),
                # What there was before is read when a test asks for it.
                settings={"backfill": False} | settings,
                now=datetime.now(UTC),
            )
        connected = Connected(self, store, row)
        await connected.told(row)
        await connected.is_now(IntegrationStatus.ACTIVE, 1)
        return connected


@dataclass
class Connected:
    """A store that the connector is connected to."""

    running: RunningConnector
    store: Store
    row: IntegrationRow

    # Hearing

    def all(self, kind: type[C]) -> list[C]:
        """What was heard of one contract, in its order."""
        heard = self.running.heard.get(self.row.id, ())
        return [kind.from_json(each.value) for each in heard if each.headers.get("ce_type") == kind.event_type]

    def letters(self) -> list[Record]:
        """The dead letters."""
        return [each for each in self.running.heard.get(self.row.id, ()) if each.topic.endswith(".dlq")]

    def orders(self, external_id: str) -> list[OrderSnapshot]:
        """The snapshots of an order."""
        return [each for each in self.all(OrderSnapshot) if each.external_id == external_id]

    async def order(
        self, external_id: str, such: Callable[[OrderSnapshot], bool] = lambda snapshot: True
    ) -> OrderSnapshot:
        """The first snapshot of an order that is such; waits for it."""
        found = await eventually(lambda: [each for each in self.orders(external_id) if such(each)], timeout=PATIENCE_S)
        return found[0]

    async def newest(self, external_id: str) -> OrderSnapshot:
        """How an order is, for those who subscribe: the newest snapshot, and where snapshots of one store time
        contradict each other, what the store then answers (ARCHITECTURE, the stream, rule 3)."""
        known = sorted(self.orders(external_id), key=lambda each: each.version.key())
        newest = known[-1]
        rivals = [each for each in known if each.version.updated_at == newest.version.updated_at]
        if all(same_content(each.digest, newest.digest) for each in rivals):
            return newest
        count = len(known)
        fetched = await self.finish(EntityFetch(resource="order", external_id=external_id))
        assert fetched.status is CommandStatus.SUCCEEDED, fetched.error
        await eventually(lambda: len(self.orders(external_id)) > count, timeout=PATIENCE_S)
        return max(self.orders(external_id), key=lambda each: each.version.key())

    async def product(self, sku: str) -> Product:
        """What the catalogue says of a SKU; waits for it."""

        def find() -> Product | None:
            # Where there is some: a store may have many locations, and all of its goods at one.
            levels = {each.inventory_external_id: each for each in self.all(StockLevel) if each.quantity > 0}
            for snapshot in self.all(ProductSnapshot):
                for variant in snapshot.variants:
                    level = levels.get(variant.inventory_external_id)
                    if variant.sku == sku and level is not None:
                        return Product(snapshot, variant.external_id, variant.inventory_external_id, level)
            return None

        found = await eventually(find, timeout=PATIENCE_S)
        assert found is not None
        return found

    def statuses(self) -> list[IntegrationStatus]:
        """What was said of the connection."""
        return [each.status for each in self.all(IntegrationChanged)]

    async def is_now(self, status: IntegrationStatus, times: int) -> None:
        """Wait until it was said so often that the connection is in this status."""
        await eventually(
            lambda: (self.statuses().count(status) >= times and self.statuses()[-1] is status) or self._complain(),
            timeout=PATIENCE_S,
        )

    def _complain(self) -> bool:
        reasons = [(each.status.value, each.reason) for each in self.all(IntegrationChanged)]
        raise AssertionError(f"the connection: {reasons}")

    # Asking

    async def send(self, payload: CommandPayload, id: UUID | None = None) -> UUID:
        """Send a command; its id."""
        command = Command(
            id=id or uuid7(),
            org_id=self.row.org_id,
            integration_id=self.row.id,
            platform=self.row.platform,
            payload=payload,
            reply_to="conformance",
            created_at=datetime.now(UTC),
        )
        topic, headers = f"commands.{self.row.platform.value}", {"ce_type": Command.event_type}
        await self.running.service.producer.send(Message(topic, str(self.row.id), command.to_json(), headers))
        return command.id

    async def outcome(self, id: UUID, *wanted: CommandStatus, times: int = 1) -> CommandOutcome:
        """Wait for the outcome of a command to be one of these, for so many times; the last such."""

        def found() -> list[CommandOutcome]:
            told = [each for each in self.all(CommandOutcome) if each.command_id == id]
            return [each for each in told if each.status in wanted]

        await eventually(lambda: len(found()) >= times, timeout=PATIENCE_S)
        return found()[-1]

    async def finish(self, payload: CommandPayload) -> CommandOutcome:
        """Send a command and wait for its end."""
        return await self.outcome(await self.send(payload), *FINAL)

    async def finish_through(self, knob: Knob, payload: CommandPayload) -> CommandOutcome:
        """Send a command while a knob is on (if the store has it), until it was tried; turn it off, and wait for the
        end."""
        if knob not in self.store.knobs:
            return await self.finish(payload)
        await self.store.turn(knob, True)
        id = await self.send(payload)
        await self.outcome(id, CommandStatus.RUNNING)
        await self.store.turn(knob, False)
        return await self.outcome(id, *FINAL)

    async def put_webhooks_right(self) -> None:
        """As a person asks for it: `POST /api/v1/integrations/{id}/webhooks`."""
        transport = httpx.ASGITransport(self.running.app)
        headers = internal_headers(self.running.keys, self.row.org_id)
        async with httpx.AsyncClient(transport=transport, base_url="http://connector", headers=headers) as client:
            answer = await client.post(f"/internal/integrations/{self.row.id}/webhooks")
        assert answer.status_code == 200, answer.text

    async def integration(self) -> Integration:
        """With its credentials."""
        async with self.running.service.engine.connect() as conn:
            found = await self.running.vault.open(conn, self.row.id)
        assert found is not None, "its credentials are gone"
        return found[0]

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[StoreClient]:
        """A client that nobody has used yet."""
        made = self.running.connector.make_client(await self.integration())
        try:
            yield made
        finally:
            await made.close()

    # Changing the connection

    async def told(self, row: IntegrationRow) -> None:
        """Tell the connector, as the gateway does."""
        await self.running.service.producer.send(row_message(row))

    async def connect_again(self) -> None:
        """With the credentials that it has."""
        await self._reconnect((await self.integration()).credentials)

    async def grant(self) -> None:
        """By the merchant's consent; an hour ago, so that a token that is refused is not a new one."""
        now = datetime.now(UTC)
        pair = self.store.grant()
        async with self.running.service.engine.begin() as conn:
            await self.running.tokens.put(conn, self.row.id, self.row.org_id, pair, now - timedelta(hours=1))
        await self._reconnect(GRANTED)

    async def _reconnect(self, credentials: Mapping[str, str]) -> None:
        times = self.statuses().count(IntegrationStatus.ACTIVE)
        async with self.running.service.engine.begin() as conn:
            row = await self.running.vault.reconnect(conn, self.row.id, credentials, datetime.now(UTC))
        assert row is not None
        await self.told(row)
        await self.is_now(IntegrationStatus.ACTIVE, times + 1)

    async def disconnect(self) -> None:
        """Take it down, and wait until its credentials are forgotten; nothing if that was done."""
        async with self.running.service.engine.begin() as conn:
            row = await self.running.vault.delete(conn, self.row.org_id, self.row.id, datetime.now(UTC))
        if row is None:
            return
        await self.told(row)

        async def forgotten() -> bool:
            async with self.running.service.engine.connect() as conn:
                return await self.running.vault.open(conn, self.row.id, deleted=True) is None

        await eventually(forgotten, timeout=PATIENCE_S)

    async def abandon(self) -> None:
        """Forget a store that is about to vanish; nothing is said to it."""
        now = datetime.now(UTC)
        async with self.running.service.engine.begin() as conn:
            await self.running.vault.delete(conn, self.row.org_id, self.row.id, now)
            await self.running.vault.destroy_credentials(conn, self.row.id)
