"""Use cases of people: invited, changed, disabled by owners; accepting an invitation; one's own password."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.ids import OrgId, uuid7
from longshore.paging import Place
from longshore.problems import Problem, not_found
from longshore_gateway.accounts.rules import ROLE_SCOPES, Caller, CallerKind, Role, digest_of, require_grantable
from longshore_gateway.accounts.service import Accounts
from longshore_gateway.audit import trail
from longshore_gateway.audit.rules import difference
from longshore_gateway.people import sessions, store
from longshore_gateway.people.logins import Logins
from longshore_gateway.people.passwords import Passwords
from longshore_gateway.people.rules import INVITED_FOR, User, check_password, subjects

PREFIX = "lsi_"


class People:
    """The people of organisations."""

    def __init__(
        self,
        engine: AsyncEngine,
        accounts: Accounts,
        logins: Logins,
        passwords: Passwords,
        clock: Clock = utc_now,
        make_secret: Callable[[], str] = lambda: PREFIX + secrets.token_urlsafe(32),
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._logins = logins
        self._passwords = passwords
        self._clock = clock
        self._make_secret = make_secret

    async def create(
        self, caller: Caller, email: str, name: str, role: Role, password: str | None
    ) -> tuple[User, str | None]:
        """A new person. Without a password they are invited: the invitation is shown this once, and nobody is written
        to. Raises Problem 403, 409 or 422."""
        require_grantable(caller, ROLE_SCOPES[role])
        hashed = None if password is None else await self._hash(password, email)
        now = self._clock()
        user = User(uuid7(), caller.org_id, email, name, role, caller.actor, now, None, None)
        invitation = None if password is not None else self._make_secret()
        async with self._engine.begin() as conn:
            try:
                await store.add_user(conn, user, hashed)
            except store.EmailTaken:
                raise Problem(409, "Somebody has this address already.", type="email-taken") from None
            if invitation is not None:
                await store.put_invitation(conn, user, digest_of(invitation), now + INVITED_FOR)
            await trail.record(conn, user.org_id, "user.created", user.id, now, after=_told(user))
        return user, invitation

    async def list(self, org_id: OrgId, after: Place | None, limit: int) -> Sequence[User]:
        """People, oldest first, also those who are disabled."""
        async with self._engine.connect() as conn:
            return await store.list_users(conn, org_id, after, limit)

    async def get(self, org_id: OrgId, id: UUID) -> User:
        """One person. Raises Problem 404."""
        async with self._engine.connect() as conn:
            user = await store.get_user(conn, org_id, id)
        if user is None:
            raise not_found("This user")
        return user

    async def change(
        self, caller: Caller, id: UUID, *, name: str | None, role: Role | None, disabled: bool | None
    ) -> User:
        """Change a name or a role, disable or enable: acts at once here, within half a minute in other processes.

        Raises Problem 403 (a role beyond one's own), 404, or 409 (there would be no owner left).
        """
        now = self._clock()
        async with self._engine.begin() as conn:
            owners = await store.lock_owners(conn, caller.org_id)
            before = await store.get_user(conn, caller.org_id, id, lock=True)
            if before is None:
                raise not_found("This user")
            # Neither to make nor to unmake somebody mightier than oneself.
            require_grantable(caller, ROLE_SCOPES[before.role] | ROLE_SCOPES[role or before.role])
            stays_owner = (role or before.role) is Role.OWNER and not disabled
            if list(owners) == [id] and not stays_owner:
                raise Problem(409, "Somebody has to be the owner: name another one first.", type="last-owner")
            disabled_at = before.disabled_at
            if disabled is not None:
                disabled_at = (before.disabled_at or now) if disabled else None
            after = await store.change_user(
                conn,
                caller.org_id,
                id,
                name=before.name if name is None else name,
                role=(role or before.role).value,
                disabled_at=disabled_at,
            )
            if disabled:
                await sessions.end_sessions(conn, after, now)
            was, became = difference(_told(before), _told(after))
            await trail.record(conn, after.org_id, "user.changed", id, now, before=was, after=became)
        self._accounts.forget()
        return after

    async def invite_again(self, caller: Caller, id: UUID) -> str:
        """A new invitation, also for somebody who has forgotten their password. Raises Problem 403 or 404."""
        invitation = self._make_secret()
        async with self._engine.begin() as conn:
            user = await store.get_user(conn, caller.org_id, id, lock=True)
            if user is None:
                raise not_found("This user")
            # Whoever has it can be them.
            require_grantable(caller, ROLE_SCOPES[user.role])
            now = self._clock()
            await store.put_invitation(conn, user, digest_of(invitation), now + INVITED_FOR)
            await trail.record(conn, user.org_id, "user.invited", id, now)
        return invitation

    async def accept(self, invitation: str, password: str) -> None:
        """Use an invitation: this is their password from now on, and other sessions end. Raises Problem 401 or 422."""
        digest = digest_of(invitation)
        async with self._engine.connect() as conn:
            email = await store.invited_email(conn, digest, self._clock())
        # Before the password is hashed, which costs.
        if email is None:
            raise _no_invitation()
        hashed = await self._hash(password, email)
        now = self._clock()
        async with self._engine.begin() as conn:
            taken = await store.take_invitation(conn, digest, now)
            if taken is None:
                raise _no_invitation()
            user = await store.change_user(conn, *taken, password_hash=hashed)
            await sessions.end_sessions(conn, user, now)
            with trail.acting_as(f"user:{user.id}", user.email):
                await trail.record(conn, user.org_id, "user.password_chosen", user.id, now)
        self._accounts.forget()

    async def change_password(self, caller: Caller, current: str, new: str, address: str) -> None:
        """One's own; other sessions end. Raises Problem 401 for a wrong one, 403 for an API key, 422, 429."""
        if caller.kind is not CallerKind.USER:
            raise Problem(403, "An API key has no password.", type="not-a-person")
        user = await self.get(caller.org_id, caller.id)
        counted = subjects(user.email, address)
        await self._logins.count_attempt(counted)
        async with self._engine.connect() as conn:
            kept = await store.password_of(conn, caller.org_id, caller.id)
        if not await self._passwords.verify(kept, current):
            raise Problem(401, "The current password is another.", type="wrong-password")
        hashed = await self._hash(new, user.email)
        async with self._engine.begin() as conn:
            now = self._clock()
            await store.change_user(conn, caller.org_id, caller.id, password_hash=hashed)
            await sessions.end_sessions(conn, user, now)
            await trail.record(conn, user.org_id, "user.password_changed", user.id, now)
            await sessions.take_back_attempts(conn, list(counted.values()), [counted["account"]])
        self._accounts.forget()

    async def _hash(self, password: str, email: str) -> str:
        try:
            check_password(password, email)
        except ValueError as error:
            raise Problem(422, f"/password: {error}.", type="invalid-input") from None
        return await self._passwords.hash(password)


def _told(user: User) -> dict[str, Any]:
    """What the audit log says of a person."""
    return {
        "email": user.email,
        "name": user.name,
        "role": user.role.value,
        "disabled": user.disabled_at is not None,
    }


def _no_invitation() -> Problem:
    return Problem(401, "This invitation is not known, was used, or is too old.", type="no-invitation")
