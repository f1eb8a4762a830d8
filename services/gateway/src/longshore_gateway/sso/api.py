"""Routes of single sign-on. Browsers follow them, so that answers are pages where a page is asked for."""

from __future__ import annotations

import html
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from longshore.contracts import Contract
from longshore.problems import Problem
from longshore_gateway.people.api import COOKIE_PATH, TokenAnswer, set_session, token_answer
from longshore_gateway.sso.rules import FLOW_FOR, RETURN_TO
from longshore_gateway.sso.service import SentOn, SingleSignOn

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
        return _send_on(request, await _sso(request).start(return_to))
    except Problem as problem:
        return _failed(request, problem)


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
        return _failed(request, problem)
    response: Response
    if return_to is not None:
        response = RedirectResponse(return_to, 303, headers={"Referrer-Policy": "no-referrer"})
    elif _wants_page(request):
        response = _page(200, "Logged in", f"You are logged in as {login.user.email}. You can close this window.")
    else:
        response = JSONResponse(token_answer(login).model_dump(mode="json"))
    set_session(request, response, login)
    return response


def _sso(request: Request) -> SingleSignOn:
    sso: SingleSignOn = request.app.state.sso
    return sso


def _send_on(request: Request, to: SentOn) -> Response:
    response = RedirectResponse(to.url, 302, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    # Lax: it must come with the person's own return from the provider.
    response.set_cookie(
        to.cookie,
        to.secret,
        max_age=int(FLOW_FOR.total_seconds()),
        path=f"{COOKIE_PATH}/oidc",
        secure=request.app.state.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return response


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _failed(request: Request, problem: Problem) -> Response:
    return _page(problem.status, problem.title, problem.detail) if _wants_page(request) else problem.response()


def _page(status: int, title: str, text: str) -> Response:
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)} - Longshore</title>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></html>",
        status,
    )
