"""Integrations on real PostgreSQL, through the vault's own migration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import longshore.vault
from longshore.contracts import IntegrationStatus, Platform
from longshore.db import migrate
from longshore.ids import IntegrationId, OrgId, integration_id
from longshore.vault import CHANNEL, SCHEMA, AlreadyConnected, IntegrationRow, InvalidKey, Sealer, Vault
from longshore.vault.models import metadata
from longshore_devkit.testing import MakeDatabase, eventually

MIGRATIONS = Path(longshore.vault.__file__).parent / "migrations"
NOW = datetime(2026, 11, 20, 21, 30, 25, tzinfo=UTC)
KEY = Fernet.generate_key().decode()
CREDENTIALS = {"consumer_key": "ck_visible", "consumer_secret": "cs_visible"}


@pytest.fixture(scope="module")
def url(make_database: MakeDatabase) -> str:
    url = make_database()
    asyncio.run(migrate(url, MIGRATIONS, SCHEMA))
    return url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url)
    yield engine
    await engine.dispose()


class Bench:
    """A vault and an organisation of this test alone."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.vault = Vault(Sealer([KEY]))
        self.org = OrgId(uuid4())

    async def create(
        self,
        store: str = "a",
        *,
        now: datetime = NOW,
        credentials: Mapping[str, str] = CREDENTIALS,
        platform: Platform = Platform.WOOCOMMERCE,
        settings: Mapping[str, Any] | None = None,
        org: OrgId | None = None,
    ) -> IntegrationRow:
        async with self.engine.begin() as conn:
            return await self.vault.create(
                conn,
                org_id=org or self.org,
                platform=platform,
                name=f"Store {store}",
                store_url=f"https://{store}.example",
                store_key=f"{store}.example",
                credentials=credentials,
                settings=settings or {},
                now=now,
            )

    async def get(self, id: UUID, org: OrgId | None = None) -> IntegrationRow | None:
        async with self.engine.connect() as conn:
            return await self.vault.get(conn, org or self.org, id)

    async def list(
        self, after: tuple[datetime, UUID] | None = None, limit: int = 50, org: OrgId | None = None
    ) -> list[IntegrationRow]:
        async with self.engine.connect() as conn:
            return list(await self.vault.list_for(conn, org or self.org, after, limit))

    async def delete(self, id: UUID, org: OrgId | None = None) -> IntegrationRow | None:
        async with self.engine.begin() as conn:
            return await self.vault.delete(conn, org or self.org, id, NOW)

    async def set_status(self, id: UUID, status: IntegrationStatus, reason: str | None = None) -> bool:
        async with self.engine.begin() as conn:
            return await self.vault.set_status(conn, id, status, reason, NOW + timedelta(minutes=1))

    async def destroy(self, id: UUID) -> None:
        async with self.engine.begin() as conn:
            await self.vault.destroy_credentials(conn, id)

    async def credentials(self, id: UUID, *, deleted: bool = False) -> Mapping[str, str] | None:
        async with self.engine.connect() as conn:
            found = await self.vault.open(conn, id, deleted=deleted)
        return found[0].credentials if found else None


@pytest.fixture
def bench(engine: AsyncEngine) -> Bench:
    return Bench(engine)


async def test_the_migration_makes_what_the_model_says(engine: AsyncEngine) -> None:
    def differences(conn: Connection) -> list[Any]:
        options = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
            "version_table_schema": SCHEMA,
        }
        return list(compare_metadata(MigrationContext.configure(conn, opts=options), metadata))

    async with engine.connect() as conn:
        assert await conn.run_sync(differences) == []


class TestCreate:
    async def test_as_it_was_given(self, bench: Bench) -> None:
        made = await bench.create(settings={"stock": {"mode": "shared", "buffer": 2}})
        assert made.id == integration_id(bench.org, "woocommerce", "a.example")
        assert (made.status, made.status_reason) == (IntegrationStatus.CONNECTING, None)
        assert made.settings == {"stock": {"mode": "shared", "buffer": 2}}
        assert (made.created_at, made.updated_at) == (NOW, NOW)
        assert await bench.get(made.id) == made

    async def test_the_same_store_twice(self, bench: Bench) -> None:
        made = await bench.create()
        with pytest.raises(AlreadyConnected) as error:
            await bench.create(credentials={"consumer_key": "other"})
        assert error.value.id == made.id
        assert await bench.credentials(made.id) == CREDENTIALS

    async def test_the_same_store_twice_at_once(self, bench: Bench) -> None:
        made = await asyncio.gather(*[bench.create() for _ in range(4)], return_exceptions=True)
        assert [type(each) for each in made].count(IntegrationRow) == 1
        assert [type(each) for each in made].count(AlreadyConnected) == 3

    async def test_two_organisations_may_have_the_same_store(self, bench: Bench) -> None:
        other = OrgId(uuid4())
        one, two = await bench.create(), await bench.create(org=other)
        assert one.id != two.id

    async def test_connected_again_it_has_its_old_id(self, bench: Bench) -> None:
        made = await bench.create()
        await bench.set_status(made.id, IntegrationStatus.ERROR, "No.")
        await bench.delete(made.id)
        await bench.destroy(made.id)
        later = NOW + timedelta(days=1)
        again = await bench.create(now=later, credentials={"consumer_key": "new"}, settings={"x": 1})
        assert (again.id, again.created_at, again.updated_at) == (made.id, NOW, later)
        assert (again.status, again.status_reason, again.settings) == (IntegrationStatus.CONNECTING, None, {"x": 1})
        assert await bench.credentials(made.id) == {"consumer_key": "new"}

    async def test_the_database_itself_knows_a_store_once(self, bench: Bench) -> None:
        made = await bench.create()
        with pytest.raises(IntegrityError, match="integrations_store"):
            async with bench.engine.begin() as conn:
                await conn.execute(
                    text(
                        "INSERT INTO vault.integrations SELECT :new, org_id, platform, name, store_url, store_key,"
                        " status, status_reason, settings, credentials, created_at, updated_at, deleted_at"
                        " FROM vault.integrations WHERE id = :id"
                    ),
                    {"new": uuid4(), "id": made.id},
                )


class TestSecrets:
    async def test_nothing_is_in_clear_in_the_table(self, bench: Bench) -> None:
        made = await bench.create()
        async with bench.engine.connect() as conn:
            row = (
                await conn.execute(
                    text("SELECT i::text AS shown, credentials FROM vault.integrations i WHERE id = :id"),
                    {"id": made.id},
                )
            ).one()
        for secret in ("ck_visible", "cs_visible", "consumer_key"):
            assert secret not in row.shown
            assert secret.encode() not in bytes(row.credentials)
            assert secret.encode().hex() not in row.shown

    async def test_nor_does_a_row_or_an_integration_show_them(self, bench: Bench) -> None:
        made = await bench.create()
        async with bench.engine.connect() as conn:
            found = await bench.vault.open(conn, made.id)
        assert found is not None
        assert "visible" not in repr(made)
        assert "visible" not in repr(found)

    async def test_rotated_keys_open_what_older_ones_sealed(self, bench: Bench) -> None:
        made = await bench.create()
        new = Fernet.generate_key().decode()
        bench.vault = Vault(Sealer([new, KEY]))
        assert await bench.credentials(made.id) == CREDENTIALS
        bench.vault = Vault(Sealer([new]))
        with pytest.raises(InvalidKey):
            await bench.credentials(made.id)


class TestReading:
    async def test_another_organisation_sees_nothing(self, bench: Bench) -> None:
        made = await bench.create()
        other = OrgId(uuid4())
        assert await bench.get(made.id, other) is None
        assert await bench.list(org=other) == []
        assert await bench.delete(made.id, other) is None
        assert await bench.get(made.id) is not None

    async def test_listed_oldest_first_and_page_by_page(self, bench: Bench) -> None:
        # Two of them at the same moment: the id decides.
        moments = [NOW + timedelta(seconds=each) for each in (3, 1, 1, 2, 0)]
        made = [await bench.create(str(n), now=moment) for n, moment in enumerate(moments)]
        expected = sorted(made, key=lambda each: (each.created_at, each.id))
        assert await bench.list() == expected
        seen: list[IntegrationRow] = []
        after = None
        while page := await bench.list(after, limit=2):
            seen += page
            after = (page[-1].created_at, page[-1].id)
        assert seen == expected

    async def test_opened_for_a_connector(self, bench: Bench) -> None:
        made = await bench.create(settings={"x": 1})
        async with bench.engine.connect() as conn:
            found = await bench.vault.open(conn, made.id)
        assert found is not None
        integration, status = found
        assert status is IntegrationStatus.CONNECTING
        assert (integration.id, integration.org_id, integration.store_url) == (made.id, bench.org, made.store_url)
        assert (integration.credentials, integration.settings) == (CREDENTIALS, {"x": 1})

    async def test_opened_by_store_for_the_gateway(self, bench: Bench) -> None:
        name = str(uuid4())
        one = await bench.create(name)
        two = await bench.create(name, org=OrgId(uuid4()))
        gone = await bench.create(name, org=OrgId(uuid4()))
        await bench.create(name, platform=Platform.API)
        async with bench.engine.begin() as conn:
            assert await bench.vault.delete(conn, gone.org_id, gone.id, NOW)
        async with bench.engine.connect() as conn:
            found = await bench.vault.open_by_store(conn, Platform.WOOCOMMERCE, f"{name}.example")
            assert await bench.vault.open_by_store(conn, Platform.SHOPIFY, f"{name}.example") == []
        assert {each.id for each in found} == {one.id, two.id}
        assert found[0].credentials == CREDENTIALS


class TestDelete:
    async def test_it_is_gone_for_the_api_but_not_yet_for_the_connector(self, bench: Bench) -> None:
        made = await bench.create()
        gone = await bench.delete(made.id)
        assert gone is not None
        assert gone.status is IntegrationStatus.DELETED
        assert await bench.get(made.id) is None
        assert await bench.list() == []
        assert await bench.delete(made.id) is None
        assert await bench.credentials(made.id) is None
        assert await bench.credentials(made.id, deleted=True) == CREDENTIALS

    async def test_then_its_credentials_are_destroyed(self, bench: Bench) -> None:
        made = await bench.create()
        await bench.delete(made.id)
        await bench.destroy(made.id)
        assert await bench.credentials(made.id, deleted=True) is None

    async def test_those_of_one_that_is_connected_are_not(self, bench: Bench) -> None:
        made = await bench.create()
        await bench.destroy(made.id)
        assert await bench.credentials(made.id) == CREDENTIALS


class TestStatus:
    async def test_news_are_told_apart(self, bench: Bench) -> None:
        made = await bench.create()
        assert await bench.set_status(made.id, IntegrationStatus.ERROR, "No.")
        assert not await bench.set_status(made.id, IntegrationStatus.ERROR, "No.")
        assert await bench.set_status(made.id, IntegrationStatus.ERROR, "Still no.")
        assert await bench.set_status(made.id, IntegrationStatus.ACTIVE)
        assert not await bench.set_status(made.id, IntegrationStatus.ACTIVE)
        found = await bench.get(made.id)
        assert found is not None
        assert (found.status, found.status_reason) == (IntegrationStatus.ACTIVE, None)
        assert found.updated_at > made.updated_at

    async def test_a_deleted_one_stays_deleted(self, bench: Bench) -> None:
        made = await bench.create()
        await bench.delete(made.id)
        assert not await bench.set_status(made.id, IntegrationStatus.ACTIVE)
        async with bench.engine.connect() as conn:
            found = await bench.vault.open(conn, made.id, deleted=True)
        assert found is not None
        assert found[1] is IntegrationStatus.DELETED

    async def test_one_that_never_was_is_no_news(self, bench: Bench) -> None:
        assert not await bench.set_status(IntegrationId(uuid4()), IntegrationStatus.ACTIVE)


class TestNotifications:
    @pytest.fixture
    async def heard(self, url: str) -> AsyncIterator[list[str]]:
        heard: list[str] = []

        def on_news(_: object, __: int, ___: str, payload: object) -> None:
            heard.append(str(payload))

        connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
        await connection.add_listener(CHANNEL, on_news)
        yield heard
        await connection.close()

    async def test_gateways_hear_of_new_and_deleted_stores(self, bench: Bench, heard: list[str]) -> None:
        made = await bench.create()
        await eventually(lambda: heard == [str(made.id)])
        await bench.delete(made.id)
        await eventually(lambda: heard == [str(made.id)] * 2)

    async def test_not_of_what_is_rolled_back(self, bench: Bench, heard: list[str]) -> None:
        async with bench.engine.connect() as conn:
            await conn.begin()
            gone = await bench.create("kept")
            assert await bench.vault.delete(conn, bench.org, gone.id, NOW)
            await conn.rollback()
        last = await bench.create("last")
        await eventually(lambda: str(last.id) in heard)
        assert heard == [str(gone.id), str(last.id)]
