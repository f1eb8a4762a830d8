"""Authentication on real PostgreSQL, with a clock that is set by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.problems import Problem
from longshore_gateway.accounts.rules import ALL_SCOPES, Scope
from longshore_gateway.accounts.service import FRESH_S, STALE_S, Accounts
from longshore_gateway.keys.service import ApiKeys
from longshore_gateway.people.tokens import Tokens

OWNER = "lsk_an_owner_of_the_environment"
TOKENS = Tokens([Fernet.generate_key().decode()])


class Hand:
    """Both clocks, moved together."""

    def __init__(self) -> None:
        self.start = datetime(2026, 11, 28, tzinfo=UTC)
        self.passed = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
async def accounts(engine: AsyncEngine, hand: Hand) -> Accounts:
    accounts = Accounts(engine, TOKENS, hand.now, hand.monotonic)
    await accounts.bootstrap([OWNER])
    return accounts


@pytest.fixture
def keys(engine: AsyncEngine, hand: Hand, accounts: Accounts) -> ApiKeys:
    return ApiKeys(engine, accounts, hand.now)


async def status_of(accounts: Accounts, secret: str) -> int:
    try:
        await accounts.authenticate(f"Bearer {secret}")
    except Problem as problem:
        return problem.status
    return 200


async def test_a_key_ends_when_it_said_it_would_also_while_it_is_remembered(
    accounts: Accounts, keys: ApiKeys, hand: Hand
) -> None:
    owner = await accounts.authenticate(f"Bearer {OWNER}")
    assert owner.scopes == ALL_SCOPES
    _, secret = await keys.create(owner, "short", [Scope.READ], hand.now() + timedelta(seconds=5))
    assert await status_of(accounts, secret) == 200
    hand.passed = 4.9
    assert await status_of(accounts, secret) == 200
    hand.passed = 5.0
    assert await status_of(accounts, secret) == 401


async def test_what_another_process_revokes_ends_here_within_half_a_minute(
    engine: AsyncEngine, accounts: Accounts, keys: ApiKeys, hand: Hand
) -> None:
    owner = await accounts.authenticate(f"Bearer {OWNER}")
    row, secret = await keys.create(owner, "k", [Scope.READ], None)
    assert await status_of(accounts, secret) == 200
    other = ApiKeys(engine, Accounts(engine, TOKENS, hand.now, hand.monotonic), hand.now)
    await other.revoke(owner, row.id)
    assert await status_of(accounts, secret) == 200
    hand.passed = FRESH_S
    assert await status_of(accounts, secret) == 401


async def test_a_revoked_key_of_the_environment_does_not_come_back(accounts: Accounts, keys: ApiKeys) -> None:
    owner = await accounts.authenticate(f"Bearer {OWNER}")
    await keys.revoke(owner, owner.id)
    await accounts.bootstrap([OWNER])
    assert await status_of(accounts, OWNER) == 401


async def test_who_was_let_in_lately_is_while_postgresql_is_away(engine: AsyncEngine, hand: Hand) -> None:
    class Fragile(Accounts):
        away = False

        async def _find_key(self, digest: str) -> Any:
            if self.away:
                raise ConnectionRefusedError
            return await super()._find_key(digest)

    accounts = Fragile(engine, TOKENS, hand.now, hand.monotonic)
    await accounts.bootstrap([OWNER])
    await accounts.authenticate(f"Bearer {OWNER}")
    accounts.away = True
    hand.passed = FRESH_S + STALE_S - 1
    assert await status_of(accounts, OWNER) == 200
    assert await status_of(accounts, "lsk_somebody_else") == 503
    hand.passed = FRESH_S + STALE_S
    assert await status_of(accounts, OWNER) == 503


async def test_the_last_use_is_written_now_and_then(accounts: Accounts, keys: ApiKeys, hand: Hand) -> None:
    async def last_use() -> Any:
        (key,) = await keys.list(owner.org_id, None, 10)
        return key.last_used_at

    owner = await accounts.authenticate(f"Bearer {OWNER}")
    assert await last_use() is None
    await accounts.note_use()
    assert await last_use() == hand.now()
    hand.passed = FRESH_S
    await accounts.authenticate(f"Bearer {OWNER}")
    await accounts.note_use()
    assert await last_use() == hand.now()
