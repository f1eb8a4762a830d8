"""What a person, a session and a login must hold to. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from longshore.ids import OrgId
from longshore_gateway.accounts.rules import Role, digest_of

ACCESS_FOR = timedelta(minutes=15)
# A session ends when it was not used for so long, and after the longest time in any case.
IDLE_FOR = timedelta(days=14)
LONGEST = timedelta(days=90)
INVITED_FOR = timedelta(days=7)
# Two tabs of a browser share a cookie and may use it at once: no theft. The second gets no token of it either.
AT_ONCE = timedelta(seconds=10)

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 500

FREE_FAILURES = {"account": 5, "address": 20}
# A stranger can keep an owner waiting for no longer than this, and tries 1,440 passwords a day.
LONGEST_PAUSE_S = {"account": 60.0, "address": 900.0}
FIRST_PAUSE_S = 5.0
FORGOTTEN_AFTER = timedelta(hours=24)

_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,255}")


@dataclass(frozen=True, slots=True)
class User:
    """A person. `email` in small letters."""

    id: UUID
    org_id: OrgId
    email: str
    name: str
    role: Role
    created_by: str
    created_at: datetime
    disabled_at: datetime | None
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """A refresh token with what its session says."""

    session_id: UUID
    session_created_at: datetime
    session_expires_at: datetime
    session_ended_at: datetime | None
    used_at: datetime | None


class Verdict(StrEnum):
    """What to do about a refresh token that somebody shows."""

    GOOD = "good"
    OVER = "over"
    # Used a moment ago, by the same browser as far as one can tell.
    AT_ONCE = "at once"
    # Used before: there is a copy of it. Nobody can tell who has the right one, so the session ends.
    STOLEN = "stolen"


def judge(token: Token, now: datetime) -> Verdict:
    """Whether a refresh token gives a new pair."""
    if token.session_ended_at is not None or token.session_expires_at <= now:
        return Verdict.OVER
    if token.used_at is None:
        return Verdict.GOOD
    return Verdict.AT_ONCE if now - token.used_at < AT_ONCE else Verdict.STOLEN


def session_end(created_at: datetime, now: datetime) -> datetime:
    """When a session that is used now will be over."""
    return min(now + IDLE_FOR, created_at + LONGEST)


def pause_after(kind: str, failures: int) -> float:
    """Seconds to wait after so many failed logins in a row, of an `account` or from an `address`."""
    beyond = failures - FREE_FAILURES[kind]
    return 0.0 if beyond < 0 else min(FIRST_PAUSE_S * 2.0 ** min(beyond, 20), LONGEST_PAUSE_S[kind])


def subjects(email: str, address: str) -> dict[str, str]:
    """What failures are counted by, as kind -> subject. Whether such an account exists makes no difference."""
    return {"account": f"account:{digest_of(email)}", "address": f"address:{digest_of(address)}"}


def clean_email(text: str) -> str:
    """One spelling of an address. Raises ValueError."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise ValueError("it is no e-mail address")
    return email


def check_password(password: str, email: str = "") -> None:
    """Raises ValueError that says what a password must be. Length counts (NIST SP 800-63B), not its kinds of signs."""
    if len(password) < SHORTEST_PASSWORD:
        raise ValueError(f"it has at least {SHORTEST_PASSWORD} characters")
    if len(password) > LONGEST_PASSWORD:
        raise ValueError(f"it has at most {LONGEST_PASSWORD} characters")
    if len(set(password)) < 5 or (email and email.partition("@")[0] == password.lower()) or password.lower() == email:
        raise ValueError("it is too easy to guess")
