"""Credentials are sealed with the newest key and opened with any."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from longshore.vault import InvalidKey, Sealer

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
CREDENTIALS = {"consumer_key": "ck_1", "consumer_secret": "cs_ü"}


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=50), max_size=4))
def test_what_is_sealed_can_be_opened(credentials: dict[str, str]) -> None:
    sealer = Sealer([NEW])
    assert sealer.open(sealer.seal(credentials)) == credentials


def test_the_same_credentials_never_look_the_same() -> None:
    sealer = Sealer([NEW])
    one, two = sealer.seal(CREDENTIALS), sealer.seal(CREDENTIALS)
    assert one != two
    assert b"ck_1" not in one


def test_after_a_rotation_old_ones_open_and_new_ones_need_the_new_key() -> None:
    before = Sealer([OLD]).seal(CREDENTIALS)
    rotated = Sealer([NEW, OLD])
    assert rotated.open(before) == CREDENTIALS
    after = rotated.seal(CREDENTIALS)
    assert Sealer([NEW]).open(after) == CREDENTIALS
    with pytest.raises(InvalidKey):
        Sealer([OLD]).open(after)


def test_a_key_that_is_not_ours_opens_nothing() -> None:
    sealed = Sealer([OLD]).seal(CREDENTIALS)
    with pytest.raises(InvalidKey, match="LONGSHORE_ENCRYPTION_KEYS") as error:
        Sealer([NEW]).open(sealed)
    assert OLD not in str(error.value)


@pytest.mark.parametrize("sealed", [b"", b"gAAAA", b"\x00" * 100])
def test_nor_does_what_was_tampered_with_open(sealed: bytes) -> None:
    with pytest.raises(InvalidKey):
        Sealer([NEW]).open(sealed)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "not a key"], [NEW[:-4]], ["ü" * 44]])
def test_keys_that_are_none_are_refused_and_not_shown(keys: list[str]) -> None:
    with pytest.raises(InvalidKey, match="LONGSHORE_ENCRYPTION_KEYS") as error:
        Sealer(keys)
    assert all(key not in str(error.value) for key in keys)
