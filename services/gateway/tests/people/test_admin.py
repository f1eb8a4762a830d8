"""The first owner, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.ids import OrgId
from longshore_gateway.accounts.rules import Role
from longshore_gateway.people import store
from longshore_gateway.people.admin import NotPossible, admin_command, create_owner
from longshore_gateway.settings import GatewaySettings

PASSWORD = "correct horse battery staple"


async def test_the_first_owner_makes_the_organisation_and_the_second_joins_it(
    settings: GatewaySettings, engine: AsyncEngine
) -> None:
    org_id = await create_owner(settings, "ann@shop.example", "Ann", PASSWORD)
    assert await create_owner(settings, "bob@shop.example", "", PASSWORD) == org_id
    async with engine.connect() as conn:
        people = await store.list_users(conn, org_id, None, 10)
    assert [(user.email, user.role) for user in people] == [
        ("ann@shop.example", Role.OWNER),
        ("bob@shop.example", Role.OWNER),
    ]
    with pytest.raises(NotPossible, match="address"):
        await create_owner(settings, "ann@shop.example", "", PASSWORD)


async def test_of_several_organisations_one_is_named(settings: GatewaySettings, engine: AsyncEngine) -> None:
    first, second = OrgId(uuid4()), OrgId(uuid4())
    async with engine.begin() as conn:
        for org_id in (first, second):
            await store.add_organisation(conn, org_id, datetime.now(UTC))
    with pytest.raises(NotPossible, match=str(first)):
        await create_owner(settings, "ann@shop.example", "", PASSWORD)
    with pytest.raises(NotPossible, match="no such"):
        await create_owner(settings, "ann@shop.example", "", PASSWORD, uuid4())
    assert await create_owner(settings, "ann@shop.example", "", PASSWORD, second) == second


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["create"], PASSWORD),
        (["create", "--email", "nobody", "--password-stdin"], PASSWORD),
        (["create", "--email", "ann@shop.example", "--password-stdin"], "short"),
    ],
)
def test_wrong_arguments(arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(line + "\n"))
    try:
        code = admin_command(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
