"""Wrong settings end with one sentence that names the variable and shows no value."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from longshore.settings import ServiceSettings, load_settings

KEYS = [Fernet.generate_key().decode() for _ in range(2)]
GOOD = {
    "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "LONGSHORE_DATABASE_URL": "postgresql://me:hunter2@db:5432/hub",
    "LONGSHORE_ENCRYPTION_KEYS": ", ".join(KEYS),
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_settings_come_from_the_environment() -> None:
    settings = load_settings(ServiceSettings)
    assert settings.encryption_keys == tuple(KEYS)
    assert settings.http_port == 8000
    assert settings.allow_private_stores is False
    assert "hunter2" not in repr(settings)
    assert KEYS[0] not in repr(settings)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p@h:5/d", "postgresql+asyncpg://u:p@h:5/d"),
        ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+asyncpg://u@h/d?host=/run/pg", "postgresql+asyncpg://u@h/d?host=/run/pg"),
        ("postgresql://h/d?sslmode=require", "postgresql+asyncpg://h/d?ssl=require"),
    ],
)
def test_any_spelling_of_the_database_url_becomes_asyncpgs(
    monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    monkeypatch.setenv("LONGSHORE_DATABASE_URL", given)
    assert load_settings(ServiceSettings).database_url == used


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", None, "LONGSHORE_DATABASE_URL is not set (postgresql://user:password@host:port/database)."),
        ("KAFKA_BOOTSTRAP_SERVERS", "", "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS is not set"),
        ("ENCRYPTION_KEYS", " , ", "LONGSHORE_ENCRYPTION_KEYS is not set"),
        ("ENCRYPTION_KEYS", f"{'A' * 43}=,hunter2", "LONGSHORE_ENCRYPTION_KEYS is wrong: number 2 is no Fernet key"),
        ("DATABASE_URL", "mysql://me:hunter2@db/hub", "LONGSHORE_DATABASE_URL is wrong: it must begin with postgresql://"),
        ("HTTP_PORT", "hunter2", "LONGSHORE_HTTP_PORT is wrong: "),
        ("HTTP_PORT", "70000", "LONGSHORE_HTTP_PORT is wrong: "),
        ("LOG_LEVEL", "hunter2", "LONGSHORE_LOG_LEVEL is wrong: it must be debug, info, warning or error."),
    ],
)  # fmt: skip
def test_a_wrong_setting_ends_with_one_sentence_and_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str | None,
    sentence: str,
) -> None:
    if value is None:
        monkeypatch.delenv(f"LONGSHORE_{name}")
    else:
        monkeypatch.setenv(f"LONGSHORE_{name}", value)
    with pytest.raises(SystemExit) as caught:
        load_settings(ServiceSettings)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(sentence)
    assert said.count("\n") == 1
    assert "hunter2" not in said


def test_all_that_is_missing_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit):
        load_settings(ServiceSettings)
    said = capsys.readouterr().err
    assert all(name in said for name in GOOD)


class TestKeysFromElsewhere:
    @pytest.fixture(autouse=True)
    def no_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LONGSHORE_ENCRYPTION_KEYS")

    @pytest.mark.parametrize("between", [",", "\n", " , "])
    def test_a_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, between: str) -> None:
        path = tmp_path / "keys"
        path.write_text(between.join(KEYS) + "\n")
        monkeypatch.setenv("LONGSHORE_ENCRYPTION_KEYS_FILE", str(path))
        assert load_settings(ServiceSettings).encryption_keys == tuple(KEYS)

    def test_a_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LONGSHORE_ENCRYPTION_KEYS_COMMAND", f"printf '%s\\n' {KEYS[0]} {KEYS[1]}")
        assert load_settings(ServiceSettings).encryption_keys == tuple(KEYS)

    @pytest.mark.parametrize(
        ("way", "value", "sentence"),
        [
            ("_FILE", "/nowhere/keys", "its _FILE cannot be read (FileNotFoundError)"),
            ("_COMMAND", "false", "its _COMMAND ended with code 1"),
            ("_COMMAND", "no-such-program-here", "its _COMMAND gave no keys (FileNotFoundError)"),
            ("_COMMAND", "echo 'hunter2", "its _COMMAND gave no keys (ValueError)"),
            ("_COMMAND", "echo hunter2", "number 1 is no Fernet key"),
        ],
    )
    def test_what_gives_none(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        way: str,
        value: str,
        sentence: str,
    ) -> None:
        monkeypatch.setenv(f"LONGSHORE_ENCRYPTION_KEYS{way}", value)
        with pytest.raises(SystemExit):
            load_settings(ServiceSettings)
        told = capsys.readouterr().err
        assert f"LONGSHORE_ENCRYPTION_KEYS is wrong: {sentence}" in told
        assert "hunter2" not in told

    def test_one_place_only(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("LONGSHORE_ENCRYPTION_KEYS", KEYS[0])
        monkeypatch.setenv("LONGSHORE_ENCRYPTION_KEYS_COMMAND", "echo")
        with pytest.raises(SystemExit):
            load_settings(ServiceSettings)
        assert "the keys come from one place" in capsys.readouterr().err
