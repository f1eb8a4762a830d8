"""The file with the key."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click
import pytest

from longshore_client.cli.config import Config, config_path, forget, load, save

CONFIG = Config("https://hub.example", "lsk_secret")


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.json"
    assert load(path) is None
    save(path, CONFIG)
    assert load(path) == CONFIG
    save(path, Config("https://other.example", "k"))
    assert load(path) == Config("https://other.example", "k")
    assert [each.name for each in path.parent.iterdir()] == ["config.json"]
    assert forget(path)
    assert not forget(path)


def test_only_its_owner_may_read_it_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        save(path, CONFIG)
        save(tmp_path / "folder" / "config.json", CONFIG)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "x"}'])
def test_a_broken_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(click.ClickException, match="longshore login"):
        load(path)


def test_the_environment_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LONGSHORE_CONFIG", str(tmp_path / "other.json"))
    assert config_path() == tmp_path / "other.json"
    monkeypatch.delenv("LONGSHORE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_path() == tmp_path / "longshore" / "config.json"
