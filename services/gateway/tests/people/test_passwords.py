"""Passwords as they are hashed in production."""

from __future__ import annotations

from argon2 import PasswordHasher

from longshore_gateway.people.passwords import Passwords


async def test_argon2id_with_the_parameters_of_the_rfc() -> None:
    passwords = Passwords()
    kept = await passwords.hash("correct horse battery staple")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.verify(kept, "correct horse battery staple")
    assert not await passwords.verify(kept, "wrong horse battery staple")
    assert not passwords.is_outdated(kept)


async def test_weaker_hashes_are_known_and_nonsense_is_refused() -> None:
    passwords = Passwords()
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery staple")
    assert await passwords.verify(weak, "correct horse battery staple")
    assert passwords.is_outdated(weak)
    assert not await passwords.verify("nonsense", "correct horse battery staple")
    assert not await passwords.verify(None, "correct horse battery staple")
