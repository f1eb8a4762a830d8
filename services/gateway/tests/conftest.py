"""A gateway on real Kafka and PostgreSQL, called in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

import longshore_gateway.app
from longshore.db import make_engine, migrate, migrations_path
from longshore.runtime import Service
from longshore.vault import MIGRATIONS as VAULT_MIGRATIONS
from longshore.vault import SCHEMA as VAULT_SCHEMA
from longshore_devkit.testing import MakeDatabase, eventually
from longshore_gateway.app import build, front
from longshore_gateway.models import SCHEMA
from longshore_gateway.people.passwords import Passwords
from longshore_gateway.settings import GatewaySettings

KEY = "lsk_first_organisation"
OTHER_KEY = "lsk_second_organisation"


@dataclass(frozen=True)
class RunningGateway:
    """The app, and clients of two organisations and of nobody."""

    app: FastAPI
    settings: GatewaySettings
    client: httpx.AsyncClient
    other: httpx.AsyncClient
    stranger: httpx.AsyncClient

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service


@pytest.fixture(scope="session")
def migrated(make_database: MakeDatabase) -> str:
    """A database with all tables: to copy it takes a fraction of what it takes to migrate one."""
    url = make_database()

    async def migrate_all() -> None:
        await migrate(url, VAULT_MIGRATIONS, VAULT_SCHEMA)
        await migrate(url, migrations_path(longshore_gateway.app.__file__), SCHEMA)

    asyncio.run(migrate_all())
    return url


@pytest.fixture
def database_url(make_database: MakeDatabase, migrated: str) -> str:
    """A fresh database for this test alone, with all tables."""
    return make_database(migrated)


@pytest.fixture
def settings(bootstrap_servers: str, database_url: str, topic_prefix: str) -> GatewaySettings:
    return GatewaySettings(
        kafka_bootstrap_servers=bootstrap_servers,
        database_url=database_url,
        topic_prefix=topic_prefix,
        topic_partitions=1,
        encryption_keys=(Fernet.generate_key().decode(),),
        bootstrap_api_key=(KEY, OTHER_KEY),
        public_url="https://hub.example",
        # Tests are faster than people; those of the limit set one.
        rate_limit_per_s=0,
        shopify_client_secrets=("app-secret",),
    )


@pytest.fixture
async def engine(settings: GatewaySettings) -> AsyncIterator[AsyncEngine]:
    """The gateway's migrated database, without a gateway."""
    engine = make_engine(settings, "test")
    yield engine
    await engine.dispose()


@pytest.fixture
async def gateway(settings: GatewaySettings) -> AsyncIterator[RunningGateway]:
    app = build(settings)
    service: Service = app.state.service
    await service.start()
    try:
        await eventually(lambda: not service.missing(), timeout=30)
        yield running(app, settings)
    finally:
        await service.stop()


@pytest.fixture
async def quiet(settings: GatewaySettings, engine: AsyncEngine) -> AsyncIterator[RunningGateway]:
    """A gateway that is not started: for what needs PostgreSQL and no Kafka. Ready in a tenth of the time."""
    app = build(settings, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)))
    await app.state.accounts.bootstrap(settings.bootstrap_api_key)
    yield running(app, settings)
    await app.state.service.engine.dispose()


def running(app: FastAPI, settings: GatewaySettings) -> RunningGateway:
    served = front(app)

    def client(key: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="https://hub", headers=headers)

    return RunningGateway(app, settings, client(KEY), client(OTHER_KEY), client(None))
