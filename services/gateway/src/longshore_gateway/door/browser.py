"""Answers to browsers that are sent elsewhere to prove something, and come back: pages where a page is asked for."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from longshore.problems import Problem


@dataclass(frozen=True, slots=True)
class SentOn:
    """Where the browser goes, and what it is to prove itself with when it comes back."""

    url: str
    cookie: str
    secret: str


def send_on(request: Request, to: SentOn, *, lives: timedelta, path: str) -> Response:
    """Send the browser there; its cookie is for routes below `path`, and for so long."""
    response = RedirectResponse(to.url, 302, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    # Lax: it must come with the person's own return from there.
    response.set_cookie(
        to.cookie,
        to.secret,
        max_age=int(lives.total_seconds()),
        path=path,
        secure=request.app.state.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return response


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks."""
    return "text/html" in request.headers.get("accept", "")


def failed(request: Request, problem: Problem) -> Response:
    """What went wrong, as a page or as a problem document."""
    return page(problem.status, problem.title, problem.detail) if wants_page(request) else problem.response()


def page(status: int, title: str, text: str) -> Response:
    """A page of one sentence."""
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)} - Longshore</title>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></html>",
        status,
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
        },
    )
