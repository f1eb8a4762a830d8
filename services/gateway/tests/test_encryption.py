"""The keys commands, and a gateway that is started with the wrong key."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.contracts import Platform
from longshore.db import migrate
from longshore.ids import OrgId
from longshore.vault import MIGRATIONS, SCHEMA, Sealer, Vault, check_keys
from longshore_devkit.testing import MakeDatabase
from longshore_gateway.encryption import keys_command
from longshore_gateway.settings import GatewaySettings

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(scope="module")
def url(make_database: MakeDatabase) -> str:
    """A database with one store that the old key has sealed."""
    url = make_database()

    async def fill() -> None:
        await migrate(url, MIGRATIONS, SCHEMA)
        engine = create_async_engine(url)
        async with engine.begin() as conn:
            await Vault(Sealer([OLD])).create(
                conn,
                org_id=OrgId(uuid4()),
                platform=Platform.WOOCOMMERCE,
                name="Shop",
                store_url="https://a.example",
                store_key="a.example",
                credentials={"consumer_key": "ck"},
                settings={},
                now=datetime.now(UTC),
            )
        await engine.dispose()

    asyncio.run(fill())
    return url


def settings(url: str, *keys: str) -> GatewaySettings:
    return GatewaySettings(kafka_bootstrap_servers="127.0.0.1:1", database_url=url, encryption_keys=keys)


async def test_a_wrong_key_ends_the_gateway_with_a_sentence(
    url: str, bootstrap_servers: str, topic_prefix: str
) -> None:
    environ = {
        "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "LONGSHORE_TOPIC_PREFIX": topic_prefix,
        "LONGSHORE_TOPIC_PARTITIONS": "1",
        "LONGSHORE_DATABASE_URL": url,
        "LONGSHORE_ENCRYPTION_KEYS": NEW,
        "LONGSHORE_HTTP_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "longshore_gateway",
        env=os.environ | environ, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    sentence = said.decode().splitlines()[-1]
    assert process.returncode == 2, said.decode()
    assert sentence.startswith("LONGSHORE_ENCRYPTION_KEYS is wrong: 1 of 1 stored credentials were sealed with a key")
    assert NEW not in said.decode()


def test_rotating_by_command(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys_command(["check"], settings(url, NEW)) == 1
    assert "1 of 1 stored credentials" in capsys.readouterr().err
    assert keys_command(["rotate"], settings(url, NEW)) == 1
    assert keys_command(["rotate"], settings(url, NEW, OLD)) == 0
    assert capsys.readouterr().out.startswith("1 of 1 stored credentials were sealed anew")
    assert keys_command(["check"], settings(url, NEW)) == 0
    asyncio.run(opens_alone(url))
    assert keys_command(["forget-unreadable"], settings(url, NEW)) == 0
    assert "0 stores" in capsys.readouterr().out


async def opens_alone(url: str) -> None:
    engine = create_async_engine(url)
    await check_keys(engine, Sealer([NEW]))
    await engine.dispose()


@pytest.mark.parametrize("arguments", [[], ["turn"], ["rotate", "now"]])
def test_other_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert keys_command(arguments, settings("postgresql://nobody@127.0.0.1:1/x", NEW)) == 2
    assert "keys rotate" in capsys.readouterr().err


def test_no_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert keys_command(["check"], settings("postgresql://me:hunter2@127.0.0.1:1/x", NEW)) == 1
    assert "hunter2" not in capsys.readouterr().err
