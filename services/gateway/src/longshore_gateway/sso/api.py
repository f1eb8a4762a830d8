"""Routes of single sign-on. Browsers follow them, so that answers are pages where a page is asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from longshore.contracts import Contract
from longshore.problems import Problem
from longshore_gateway.door.browser import failed, page, send_on, wants_page
from longshore_gateway.people.api import COOKIE_PATH, TokenAnswer, set_session, token_answer
from longshore_gateway.sso.rules import FLOW_FOR, RETURN_TO
from longshore_gateway.sso.service import SingleSignOn

router = APIRouter(prefix=COOKIE_PATH, tags=["people"])

START = f"{COOKIE_PATH}/oidc/start"
CALLBACK = f"{COOKIE_PATH}/oidc/callback"

Given = Annotated[str | None, Query(max_length=4_000)]
ReturnTo = Annotated[
    str | None,
    Query(pattern=RETURN_TO, max_length=501, description="Path of this hub to go on with; else a page says so"),
]


class SsoMethod(Contract):
    """Log in at the organisation's provider: send the browser to `start_url`, `name` on the button."""

    name: str
    start_url: str


class LoginMethods(Contract):
    """How people log in here; `sso` is null without a provider."""

    password: bool
    sso: SsoMethod | None


@router.get("/methods", response_model=LoginMethods)
async def list_login_methods(request: Request) -> LoginMethods:
    """How people can log in, for whoever shows them a page."""
    sso = _sso(request)
    offered = SsoMethod(name=request.app.state.sso_name, start_url=START) if sso.offered else None
    return LoginMethods(password=True, sso=offered)


@router.get("/oidc/start", status_code=302, response_class=Response)
async def start_sso(request: Request, return_to: ReturnTo = None) -> Response:
    """Begin a login at the provider: a browser is sent there."""
    try:
        return send_on(request, await _sso(request).start(return_to), lives=FLOW_FOR, path=f"{COOKIE_PATH}/oidc")
    except Problem as problem:
        return failed(request, problem)


@router.get(
    "/oidc/callback",
    response_model=TokenAnswer,
    responses={303: {"description": "Logged in; on to the path that the login was begun with"}},
)
async def end_sso(
    request: Request,
    state: Given = None,
    code: Given = None,
    iss: Given = None,
    error: Given = None,
) -> Response:
    """Where the provider sends a browser back: it gets a session's cookie, and goes on (303) where it wanted to."""
    given = {"state": state, "code": code, "iss": iss, "error": error}
    try:
        login, return_to = await _sso(request).end({k: v for k, v in given.items() if v is not None}, request.cookies)
    except Problem as problem:
        return failed(request, problem)
    response: Response
    if return_to is not None:
        response = RedirectResponse(return_to, 303, headers={"Referrer-Policy": "no-referrer"})
    elif wants_page(request):
        response = page(200, "Logged in", f"You are logged in as {login.user.email}. You can close this window.")
    else:
        response = JSONResponse(token_answer(login).model_dump(mode="json"))
    set_session(request, response, login)
    return response


def _sso(request: Request) -> SingleSignOn:
    sso: SingleSignOn = request.app.state.sso
    return sso
