"""Logging in, where several things happen at once."""

from __future__ import annotations

from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import text

PASSWORD = "correct horse battery staple"
EMAIL = "ann@shop.example"


async def test_a_weaker_hash_is_made_anew_with_the_next_login(quiet: Any) -> None:
    body = {"email": EMAIL, "role": "owner", "password": PASSWORD}
    assert (await quiet.client.post("/api/v1/users", json=body)).status_code == 201
    weak = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    engine = quiet.service.engine
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE gateway.users SET password_hash = :weak"), {"weak": weak})
    answer = await quiet.stranger.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 200
    async with engine.connect() as conn:
        kept = await conn.scalar(text("SELECT password_hash FROM gateway.users"))
    assert "m=8,t=1,p=1" in kept


async def test_the_session_that_a_login_began_is_of_the_organisation(quiet: Any) -> None:
    body = {"email": EMAIL, "role": "owner", "password": PASSWORD}
    made = await quiet.client.post("/api/v1/users", json=body)
    await quiet.stranger.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    org_id = (await quiet.client.get("/api/v1/me")).json()["org_id"]
    async with quiet.service.engine.connect() as conn:
        rows = (await conn.execute(text("SELECT org_id::text, user_id::text FROM gateway.sessions"))).all()
    assert rows == [(org_id, made.json()["id"])]
