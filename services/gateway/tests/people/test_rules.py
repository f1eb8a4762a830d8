"""Sessions, passwords, failed logins: the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from longshore_gateway.people.rules import (
    AT_ONCE,
    IDLE_FOR,
    LONGEST,
    Token,
    Verdict,
    check_password,
    clean_email,
    judge,
    pause_after,
    session_end,
    subjects,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def token(*, expires_in: timedelta = IDLE_FOR, ended: bool = False, used_ago: timedelta | None = None) -> Token:
    used_at = None if used_ago is None else NOW - used_ago
    return Token(uuid4(), NOW - timedelta(days=1), NOW + expires_in, NOW if ended else None, used_at)


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (token(), Verdict.GOOD),
        (token(expires_in=timedelta()), Verdict.OVER),
        (token(ended=True), Verdict.OVER),
        (token(ended=True, used_ago=timedelta(hours=1)), Verdict.OVER),
        (token(used_ago=AT_ONCE - timedelta(milliseconds=1)), Verdict.AT_ONCE),
        (token(used_ago=AT_ONCE), Verdict.STOLEN),
        (token(used_ago=timedelta(days=1)), Verdict.STOLEN),
    ],
)
def test_refresh_tokens(shown: Token, verdict: Verdict) -> None:
    assert judge(shown, NOW) is verdict


def test_a_session_goes_on_while_it_is_used_but_not_for_ever() -> None:
    assert session_end(NOW, NOW) == NOW + IDLE_FOR
    assert session_end(NOW - LONGEST + timedelta(days=1), NOW) == NOW + timedelta(days=1)


def test_pauses_grow_and_are_bounded() -> None:
    accounts = [pause_after("account", failures) for failures in range(30)]
    assert accounts[:5] == [0.0] * 5
    assert accounts[5:8] == [5.0, 10.0, 20.0]
    assert max(accounts) == 60.0
    addresses = [pause_after("address", failures) for failures in range(2000)]
    assert addresses[19:22] == [0.0, 5.0, 10.0]
    assert max(addresses) == 900.0


def test_subjects_are_digests() -> None:
    given = subjects("me@shop.example", "203.0.113.7")
    assert set(given) == {"account", "address"}
    assert "me@" not in str(given)
    assert "203" not in given["address"][:12]


@pytest.mark.parametrize(
    "text", ["", "me", "@shop.example", "me@", "a b@shop.example", "me@shop@example", "m\0@x.example"]
)
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        clean_email(text)


def test_addresses_have_one_spelling() -> None:
    assert clean_email(" Me@Shop.Example ") == "me@shop.example"


@pytest.mark.parametrize(
    "password", ["", "short", "aaaaaaaaaaaaaaaa", "x" * 501, "me-myself-and-i", "Me-Myself-And-I@shop.example"]
)
def test_weak_passwords(password: str) -> None:
    with pytest.raises(ValueError, match=r"it (is|has)"):
        check_password(password, "me-myself-and-i@shop.example")


def test_long_passwords_of_any_kind() -> None:
    check_password("correct horse battery", "me@shop.example")
    check_password("парольпарольпар", "me@shop.example")
