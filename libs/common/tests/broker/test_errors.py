"""Which errors pass by themselves; that descriptions hold no values."""

from __future__ import annotations

import pytest
from aiokafka.errors import CommitFailedError, KafkaConnectionError, MessageSizeTooLargeError
from asyncpg.exceptions import DataError, InterfaceError, InternalClientError
from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.broker import BrokerUnavailable, Transient, describe, is_transient, stack_of


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (Transient(), True),
        (BrokerUnavailable(), True),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (KafkaConnectionError(), True),
        (CommitFailedError(), True),
        (InternalClientError("got result for unknown protocol state 3"), True),
        (InterfaceError("connection is closed"), True),
        (DataError("invalid input for query argument $1"), False),
        (MessageSizeTooLargeError(), False),
        (ValueError(), False),
        (KeyError(), False),
        (AssertionError(), False),
    ],
)
def test_errors_without_a_database(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("sql", "transient", "described"),
    [
        ("SELECT 1/0", False, "DivisionByZeroError 22012"),
        ("SELECT * FROM no_such_table", False, "UndefinedTableError 42P01"),
        ("SELECT 'alice@example.com'::int", False, "InvalidTextRepresentationError 22P02"),
        (
            "DO $$ BEGIN CREATE TEMP TABLE t (id int CONSTRAINT t_one PRIMARY KEY);"
            " INSERT INTO t VALUES (1), (1); END $$",
            False,
            "UniqueViolationError 23505 t_one",
        ),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$", True, "DeadlockDetectedError 40P01"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$", True, "SerializationError 40001"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '55P03'; END $$", True, "LockNotAvailableError 55P03"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53300'; END $$", True, "TooManyConnectionsError 53300"),
    ],
)
async def test_what_postgresql_says(module_database_url: str, sql: str, transient: bool, described: str) -> None:
    engine = create_async_engine(module_database_url)
    try:
        async with engine.connect() as conn:
            with pytest.raises(DBAPIError) as caught:
                await conn.execute(text(sql))
    finally:
        await engine.dispose()
    assert is_transient(caught.value) is transient
    assert describe(caught.value) == described


async def test_a_value_that_does_not_fit_its_column_is_poison(module_database_url: str) -> None:
    engine = create_async_engine(module_database_url)
    try:
        async with engine.connect() as conn:
            with pytest.raises(DBAPIError) as caught:
                await conn.execute(text("SELECT CAST(:value AS int)"), {"value": "alice@example.com"})
    finally:
        await engine.dispose()
    assert not is_transient(caught.value)
    assert "alice" not in describe(caught.value) + stack_of(caught.value)


async def test_a_connection_killed_under_a_transaction_is_transient(module_database_url: str) -> None:
    engine = create_async_engine(module_database_url)
    try:
        async with engine.connect() as conn:
            pid = await conn.scalar(text("SELECT pg_backend_pid()"))
            async with engine.connect() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            with pytest.raises(DBAPIError) as caught:
                await conn.execute(text("SELECT 1"))
    finally:
        await engine.dispose()
    assert is_transient(caught.value)


async def test_a_database_that_refuses_connections_is_transient() -> None:
    engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    with pytest.raises((OSError, OperationalError)) as caught:
        async with engine.connect():
            pass
    assert is_transient(caught.value)


def test_a_model_s_refusal_is_described_by_place_and_kind_only() -> None:
    class Order(BaseModel):
        email: int

    with pytest.raises(ValidationError) as caught:
        Order.model_validate({"email": "alice@example.com"})
    assert describe(caught.value) == "Order: email: int_parsing"
    assert "alice" not in stack_of(caught.value)


def test_a_stack_names_causes_and_frames() -> None:
    try:
        try:
            raise KeyError("alice@example.com")
        except KeyError as error:
            raise RuntimeError("bob@example.com") from error
    except RuntimeError as error:
        stack = stack_of(error)
    assert stack.index("KeyError") < stack.index("RuntimeError")
    assert "test_a_stack_names_causes_and_frames" in stack
    assert "@" not in stack
