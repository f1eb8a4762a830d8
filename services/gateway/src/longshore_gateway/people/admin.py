"""`python -m longshore_gateway admin create --email ...`: the first owner, for whoever has the machine."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from longshore.broker.errors import describe
from longshore.clock import utc_now
from longshore.db import make_engine, migrate, migrations_path
from longshore.ids import OrgId, uuid7
from longshore.settings import load_settings
from longshore_gateway import __file__ as package
from longshore_gateway.accounts.rules import Role
from longshore_gateway.audit.trail import acting_as, record
from longshore_gateway.models import SCHEMA
from longshore_gateway.people import store
from longshore_gateway.people.passwords import Passwords
from longshore_gateway.people.rules import User, check_password, clean_email
from longshore_gateway.settings import GatewaySettings


class NotPossible(Exception):
    """Why nobody was made; a sentence for a person."""


def admin_command(arguments: Sequence[str]) -> int:
    """Run it; the exit code: 0, 1 when it is not possible, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="python -m longshore_gateway admin")
    create = parser.add_subparsers(dest="action", required=True).add_parser("create", help="make an owner")
    create.add_argument("--email", required=True)
    create.add_argument("--name", default="")
    create.add_argument("--org", type=UUID, help="the organisation; not needed while there is at most one")
    create.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    given = parser.parse_args(arguments)
    try:
        email = clean_email(given.email)
        password = _read_password(from_stdin=given.password_stdin)
        check_password(password, email)
    except ValueError as error:
        sys.stderr.write(f"{error}.\n")
        return 2
    try:
        org_id = asyncio.run(create_owner(load_settings(GatewaySettings), email, given.name, password, given.org))
    except (NotPossible, SQLAlchemyError, OSError) as error:
        sys.stderr.write(f"{error if isinstance(error, NotPossible) else describe(error)}\n")
        return 1
    sys.stdout.write(f"{email} is an owner of the organisation {org_id}. Log in with POST /api/v1/auth/login.\n")
    return 0


async def create_owner(
    settings: GatewaySettings, email: str, name: str, password: str, org_id: UUID | None = None
) -> OrgId:
    """An owner of that organisation, or of the only one, or of a new one where there is none. Raises NotPossible."""
    await migrate(settings.database_url, migrations_path(package), SCHEMA)
    engine = make_engine(settings, "longshore-gateway-admin")
    now = utc_now()
    try:
        hashed = await Passwords().hash(password)
        async with engine.begin() as conn:
            known = await store.list_organisations(conn)
            if org_id is None and len(known) > 1:
                raise NotPossible(f"There are several organisations; name one with --org: {', '.join(map(str, known))}")
            if org_id is not None and org_id not in known:
                raise NotPossible("There is no such organisation.")
            chosen = OrgId(org_id or (known[0] if known else uuid7()))
            await store.add_organisation(conn, chosen, now)
            owner = User(uuid7(), chosen, email, name, Role.OWNER, "command line", now, None, None)
            try:
                await store.add_user(conn, owner, hashed)
            except store.EmailTaken:
                raise NotPossible("Somebody has this address already.") from None
            with acting_as("command line"):
                told = {"email": email, "role": Role.OWNER.value}
                await record(conn, chosen, "user.created", owner.id, now, after=told)
        return chosen
    finally:
        await engine.dispose()


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return getpass.getpass("Password of the new owner: ")
