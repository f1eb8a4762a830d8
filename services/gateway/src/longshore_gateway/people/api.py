"""Routes of people: logging in, oneself, and the users of an organisation."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Cookie, Request, Response
from pydantic import AfterValidator, ConfigDict, Field, SecretStr, StringConstraints

from longshore.contracts import Contract, UtcDatetime
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore_gateway.accounts.api import Admin, AnyCaller
from longshore_gateway.accounts.rules import CallerKind, Role, Scope
from longshore_gateway.limits.addresses import client_address
from longshore_gateway.people.logins import Login, Logins
from longshore_gateway.people.rules import ACCESS_FOR, LONGEST_PASSWORD, User, clean_email
from longshore_gateway.people.service import People

COOKIE = "longshore_refresh"
COOKIE_PATH = "/api/v1/auth"

auth_router = APIRouter(prefix=COOKIE_PATH, tags=["people"])
me_router = APIRouter(prefix="/api/v1/me", tags=["people"])
users_router = APIRouter(prefix="/api/v1/users", tags=["people"])

Email = Annotated[str, Field(max_length=320), AfterValidator(clean_email)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00]*$")]
Password = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_PASSWORD)]
RefreshCookie = Annotated[str | None, Cookie(alias=COOKIE, description="Set by a login")]


class _Body(Contract):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class LoginRequest(_Body):
    """An address and its password."""

    email: Email
    password: Password


class AcceptRequest(_Body):
    """An invitation, and the password that is to be from now on: at least 12 characters."""

    invitation: Annotated[SecretStr, Field(max_length=200)]
    password: Password


class PasswordChange(_Body):
    """The password of now, and the new one: at least 12 characters."""

    current: Password
    password: Password


class UserView(Contract):
    """A person of the organisation."""

    id: UUID
    email: str
    name: str
    role: Role
    disabled: bool
    created_by: str
    created_at: UtcDatetime
    last_login_at: UtcDatetime | None


class TokenAnswer(Contract):
    """An access token for `Authorization: Bearer`, good for `expires_in` seconds. The cookie has the refresh token."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105  (its kind)
    expires_in: int
    user: UserView


class MeView(Contract):
    """Who is asking, and what they may do. `email` and `role` of a person; `name` of a key."""

    kind: CallerKind
    id: UUID
    org_id: UUID
    name: str
    email: str | None
    role: Role | None
    scopes: list[Scope]


class UserCreate(_Body):
    """A person to invite or, with a password, to make at once."""

    email: Email
    name: Name = ""
    role: Role
    password: Password | None = None


class UserChange(_Body):
    """What to change; what is left out stays."""

    name: Name | None = None
    role: Role | None = None
    disabled: bool | None = None


class Invitation(Contract):
    """For POST /api/v1/auth/accept, good once and for seven days. Shown this once; hand it on by a way that is safe."""

    invitation: str


class UserCreated(UserView):
    """A new person, and their invitation unless they were given a password. It is shown this once."""

    invitation: str | None


class UserList(Contract):
    """A page of people."""

    items: list[UserView]
    next_cursor: str | None


@auth_router.post("/login", response_model=TokenAnswer)
async def login(request: Request, response: Response, body: LoginRequest) -> TokenAnswer:
    """Begin a session. 429 after too many failures, of the account or from the address."""
    begun = await _logins(request).login(body.email, body.password.get_secret_value(), _address(request))
    set_session(request, response, begun)
    return token_answer(begun)


@auth_router.post("/refresh", response_model=TokenAnswer)
async def refresh(request: Request, response: Response, longshore_refresh: RefreshCookie = None) -> TokenAnswer:
    """A new access token, and a new token in the cookie. Each is good once; using one again ends the session."""
    refreshed = await _logins(request).refresh(longshore_refresh or "")
    set_session(request, response, refreshed)
    return token_answer(refreshed)


@auth_router.post("/logout", status_code=204)
async def logout(request: Request, longshore_refresh: RefreshCookie = None) -> Response:
    """End the session of the cookie, and its access tokens: here at once, in other processes within half a minute."""
    await _logins(request).logout(longshore_refresh)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path=COOKIE_PATH, secure=_is_secure(request), httponly=True, samesite="strict")
    return response


@auth_router.post("/accept", status_code=204)
async def accept_invitation(request: Request, body: AcceptRequest) -> Response:
    """Choose a password with an invitation; then log in."""
    await _people(request).accept(body.invitation.get_secret_value(), body.password.get_secret_value())
    return Response(status_code=204)


@me_router.get("", response_model=MeView)
async def get_me(request: Request, caller: AnyCaller) -> MeView:
    """Who is asking, and what they may do."""
    name, email = caller.name, None
    if caller.kind is CallerKind.USER:
        user = await _people(request).get(caller.org_id, caller.id)
        name, email = user.name, user.email
    return MeView(
        kind=caller.kind,
        id=caller.id,
        org_id=caller.org_id,
        name=name,
        email=email,
        role=caller.role,
        scopes=sorted(caller.scopes),
    )


@me_router.post("/password", status_code=204)
async def change_password(request: Request, caller: AnyCaller, body: PasswordChange) -> Response:
    """Change one's own password. All one's sessions end: log in again."""
    current, new = body.current.get_secret_value(), body.password.get_secret_value()
    await _people(request).change_password(caller, current, new, _address(request))
    return Response(status_code=204)


@users_router.post("", status_code=201, response_model=UserCreated)
async def create_user(request: Request, caller: Admin, body: UserCreate) -> UserCreated:
    """Invite a person, or make them with a password."""
    password = None if body.password is None else body.password.get_secret_value()
    user, invitation = await _people(request).create(caller, body.email, body.name, body.role, password)
    return UserCreated(**_view(user), invitation=invitation)


@users_router.get("", response_model=UserList)
async def list_users(request: Request, caller: Admin, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> UserList:
    """People of the organisation, oldest first, also those who are disabled."""
    found = await _people(request).list(caller.org_id, read_cursor(cursor), limit + 1)
    items, following = page(found, limit, lambda each: write_cursor(each.created_at, each.id))
    return UserList(items=[UserView(**_view(user)) for user in items], next_cursor=following)


@users_router.get("/{id}", response_model=UserView)
async def get_user(request: Request, caller: Admin, id: UUID) -> UserView:
    """One person."""
    return UserView(**_view(await _people(request).get(caller.org_id, id)))


@users_router.patch("/{id}", response_model=UserView)
async def change_user(request: Request, caller: Admin, id: UUID, body: UserChange) -> UserView:
    """Change a name or a role, disable or enable. Who is disabled is logged out; the last owner stays."""
    changed = await _people(request).change(caller, id, name=body.name, role=body.role, disabled=body.disabled)
    return UserView(**_view(changed))


@users_router.post("/{id}/invitation", status_code=201, response_model=Invitation)
async def invite_user(request: Request, caller: Admin, id: UUID) -> Invitation:
    """A new invitation: the one before is good no more. Also for somebody who has forgotten their password."""
    return Invitation(invitation=await _people(request).invite_again(caller, id))


def set_session(request: Request, response: Response, login: Login) -> None:
    """Give the browser the refresh token of a session, in a cookie that scripts cannot read."""
    response.set_cookie(
        COOKIE,
        login.refresh_token,
        expires=login.refresh_until,
        path=COOKIE_PATH,
        secure=_is_secure(request),
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"


def token_answer(login: Login) -> TokenAnswer:
    """What a login answers."""
    return TokenAnswer(
        access_token=login.access_token,
        expires_in=int(ACCESS_FOR.total_seconds()),
        user=UserView(**_view(login.user)),
    )


def _logins(request: Request) -> Logins:
    logins: Logins = request.app.state.logins
    return logins


def _people(request: Request) -> People:
    people: People = request.app.state.people
    return people


def _address(request: Request) -> str:
    peer = request.client.host if request.client is not None else None
    return client_address(peer, request.headers.get("x-forwarded-for"), request.app.state.trusted_proxies)


def _is_secure(request: Request) -> bool:
    return str(request.app.state.public_url).startswith("https://")


def _view(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled_at is not None,
        "created_by": user.created_by,
        "created_at": user.created_at,
        "last_login_at": user.last_login_at,
    }
