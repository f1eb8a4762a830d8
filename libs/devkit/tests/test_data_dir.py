"""Keys are made once and kept to their owner; a data directory has one run at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from longshore_devkit.data_dir import API_KEY_VARIABLE, ENCRYPTION_KEYS_VARIABLE, DataDir
from longshore_devkit.errors import DevkitError


def test_keys_are_made_once_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    keys = DataDir(tmp_path).keys({})
    assert Fernet(keys[ENCRYPTION_KEYS_VARIABLE]).decrypt(Fernet(keys[ENCRYPTION_KEYS_VARIABLE]).encrypt(b"x")) == b"x"
    assert len(keys[API_KEY_VARIABLE]) > 24
    assert DataDir(tmp_path).keys({}) == keys
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_keys_of_the_environment_win_and_are_not_written_down(tmp_path: Path) -> None:
    environ = {API_KEY_VARIABLE: "mine,second"}
    keys = DataDir(tmp_path).keys(environ)
    assert keys[API_KEY_VARIABLE] == "mine,second"
    assert "mine" not in (tmp_path / "secrets.env").read_text()
    environ[ENCRYPTION_KEYS_VARIABLE] = "a-key"
    other = DataDir(tmp_path / "other")
    assert other.keys(environ) == environ
    assert not (other.path / "secrets.env").exists()


def test_a_shell_reads_what_leads_to_the_run(tmp_path: Path) -> None:
    secret = "postgresql+asyncpg://u:it's $HOME@127.0.0.1/d"
    path = DataDir(tmp_path).note_environ({"LONGSHORE_DATABASE_URL": secret})
    assert path.stat().st_mode & 0o777 == 0o600
    command = [
        "sh",
        "-c",
        f". {path}; exec {sys.executable} -c 'import os; print(os.environ[\"LONGSHORE_DATABASE_URL\"])'",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == secret


def test_the_default_is_below_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert DataDir.of({}).path == tmp_path / ".longshore"
    assert DataDir.of({"LONGSHORE_DATA_DIR": str(tmp_path / "data")}).path == tmp_path / "data"


def test_a_second_run_is_kept_out_until_the_first_is_gone(tmp_path: Path) -> None:
    with (
        DataDir(tmp_path).lock(),
        pytest.raises(DevkitError, match=rf"in use by another run \(process {os.getpid()}\).*LONGSHORE_DATA_DIR"),
        DataDir(tmp_path).lock(),
    ):
        raise AssertionError("two runs at once")
    with DataDir(tmp_path).lock():
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys\n"
        "from longshore_devkit.data_dir import DataDir\n"
        "with DataDir(pathlib.Path(sys.argv[1])).lock():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    with DataDir(tmp_path).lock():
        pass


@pytest.mark.parametrize("way", ["_FILE", "_COMMAND"])
def test_encryption_keys_come_from_one_place(tmp_path: Path, way: str) -> None:
    keys = DataDir(tmp_path).keys({"LONGSHORE_ENCRYPTION_KEYS" + way: "somewhere"})
    assert set(keys) == {"LONGSHORE_BOOTSTRAP_API_KEY"}
