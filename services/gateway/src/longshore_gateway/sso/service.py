"""Use cases of single sign-on. A state is used up before the provider is asked, and for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.ids import OrgId, uuid7
from longshore.problems import Problem
from longshore_gateway.accounts.rules import Role, digest_of
from longshore_gateway.accounts.service import Accounts
from longshore_gateway.audit import trail
from longshore_gateway.door.browser import SentOn
from longshore_gateway.oauth.rules import make_secret
from longshore_gateway.people import store as people
from longshore_gateway.people.logins import Login, Logins
from longshore_gateway.people.rules import User
from longshore_gateway.sso import rules, store
from longshore_gateway.sso.provider import Provider
from longshore_gateway.sso.rules import FLOW_FOR, Identity, Policy

log = structlog.get_logger(__name__)

ACTOR = "sso"


class SingleSignOn:
    """Logs people in who have proven at the provider who they are. `provider` None: there is none."""

    def __init__(
        self,
        engine: AsyncEngine,
        accounts: Accounts,
        logins: Logins,
        provider: Provider | None,
        policy: Policy,
        clock: Clock = utc_now,
        make_secret: Callable[[], str] = make_secret,
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._logins = logins
        self._found = provider
        self._policy = policy
        self._clock = clock
        self._make_secret = make_secret

    @property
    def offered(self) -> bool:
        """Whether people can log in so."""
        return self._found is not None

    async def start(self, return_to: str | None) -> SentOn:
        """Begin a login. Raises Problem 404, 502 or 503."""
        provider = self._provider()
        state, secret = self._make_secret(), self._make_secret()
        url = await provider.authorize_url(state, secret)
        async with self._engine.begin() as conn:
            await store.add_flow(
                conn,
                state=digest_of(state),
                browser=digest_of(secret),
                return_to=return_to,
                expires_at=self._clock() + FLOW_FOR,
            )
        return SentOn(url, rules.cookie_name(state), secret)

    async def end(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> tuple[Login, str | None]:
        """Take what the provider sent the browser back with: a session, and the path where the person goes on.

        Raises Problem 400, 401, 403, 404, 409, 502 or 503.
        """
        provider = self._provider()
        state = query.get("state", "")
        secret = cookies.get(rules.cookie_name(state)) if state else None
        if not secret:
            detail = "This login was begun in another browser, or too long ago: start again."
            raise Problem(403, detail, type="other-browser")
        async with self._engine.begin() as conn:
            claimed = await store.claim_flow(conn, digest_of(state), digest_of(secret), self._clock())
        if claimed is None:
            raise Problem(409, "This was used already, or took too long: start again.", type="state-used")
        if query.get("iss", provider.issuer) != provider.issuer:
            raise Problem(400, "This is the answer of another provider.", type="malformed-callback")
        if "error" in query:
            raise Problem(400, "The provider has not let you in.", type="declined")
        if not query.get("code"):
            raise Problem(400, "The provider's answer lacks its code.", type="malformed-callback")
        identity = await provider.identify(query["code"], state, secret, self._policy, self._clock())
        return await self._log_in(identity), claimed[0]

    async def _log_in(self, identity: Identity) -> Login:
        now = self._clock()
        async with self._engine.begin() as conn:
            user = await self._know(conn, identity, now)
            # Owners first, as everybody who changes people does: no two wait for each other.
            owners = await people.lock_owners(conn, user.org_id) if identity.role is not None else ()
            kept = await people.get_user(conn, user.org_id, user.id, lock=True)
            if kept is None or kept.disabled_at is not None:
                raise _not_let_in("This person is disabled here.")
            user, changed = kept, False
            # Somebody stays the owner, whatever the provider says.
            if identity.role not in (None, kept.role) and list(owners) != [kept.id]:
                user, changed = await self._change_role(conn, identity, kept, now), True
            login = await self._logins.begin(conn, user, now, via=ACTOR)
        if changed:
            self._accounts.forget()
        return login

    async def _change_role(self, conn: AsyncConnection, identity: Identity, kept: User, now: datetime) -> User:
        role = identity.role or kept.role
        with trail.acting_as(ACTOR, identity.issuer):
            before, after = {"role": kept.role.value}, {"role": role.value}
            await trail.record(conn, kept.org_id, "user.changed", kept.id, now, before=before, after=after)
        return await people.change_user(conn, kept.org_id, kept.id, role=role.value)

    async def _know(self, conn: AsyncConnection, identity: Identity, now: datetime) -> User:
        """Who this is here: by subject, by verified address, or made. Raises Problem 403 or 409."""
        known = await store.find_user(conn, identity)
        if known is not None:
            return known
        if identity.email is None:
            raise _not_let_in("The provider has verified no e-mail address of yours.")
        # A second time: somebody else may have made them in this very moment.
        for _ in range(2):
            found = await people.find_login(conn, identity.email)
            if found is not None:
                return await self._link(conn, identity, found[0], now)
            if not self._policy.may_create(identity.email):
                raise _not_let_in("Nobody here has this e-mail address; ask an owner to invite you.")
            made = await self._make(conn, identity, identity.email, now)
            if made is not None:
                return await self._link(conn, identity, made, now)
        raise Problem(409, "Somebody else is being made of this address: start again.", type="conflict")

    async def _make(self, conn: AsyncConnection, identity: Identity, email: str, now: datetime) -> User | None:
        org_id = await store.organisation_for(conn, self._policy.org_id)
        if org_id is None:
            log.error("nobody can be made: set LONGSHORE_OIDC_ORG to one of the organisations", issuer=identity.issuer)
            raise _not_let_in("This hub does not know where new people belong; the log says why.")
        role = identity.role or Role.VIEWER
        user = User(uuid7(), OrgId(org_id), email, identity.name, role, ACTOR, now, None, None)
        try:
            await people.add_user(conn, user, None)
        except people.EmailTaken:
            return None
        with trail.acting_as(ACTOR, identity.issuer):
            told = {"email": email, "name": user.name, "role": role.value, "disabled": False}
            await trail.record(conn, user.org_id, "user.created", user.id, now, after=told)
        return user

    async def _link(self, conn: AsyncConnection, identity: Identity, user: User, now: datetime) -> User:
        if await store.add_identity(conn, identity, user, now):
            with trail.acting_as(ACTOR, identity.issuer):
                await trail.record(conn, user.org_id, "user.linked", user.id, now, after={"issuer": identity.issuer})
            return user
        # This very login in another tab, or the address is somebody else's at the provider now.
        if await store.subject_of(conn, user, identity.issuer) == identity.subject:
            return user
        raise _not_let_in("This e-mail address belongs to somebody else here: ask an owner.")

    def _provider(self) -> Provider:
        if self._found is None:
            raise Problem(404, "This hub has no single sign-on: set LONGSHORE_OIDC_ISSUER.", type="no-sso")
        return self._found


def _not_let_in(why: str) -> Problem:
    return Problem(403, why, type="not-let-in")
