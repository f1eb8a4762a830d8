"""Where the command keeps the hub's address and the key: one JSON file that only its owner may read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import click

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Config:
    """What `longshore login` has kept."""

    url: str
    api_key: str


def config_path() -> Path:
    """LONGSHORE_CONFIG, or config.json in the user's own folder for such files."""
    given = os.environ.get("LONGSHORE_CONFIG")
    return Path(given) if given else Path(click.get_app_dir("longshore", force_posix=False)) / "config.json"


def load(path: Path) -> Config | None:
    """What is kept; None: nothing. Raises click.ClickException for a file that is no such thing."""
    try:
        values = json.loads(path.read_text())
        return Config(url=str(values["url"]), api_key=str(values["api_key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{path} cannot be read ({error}); run `longshore login` again") from None


def save(path: Path, config: Config) -> None:
    """Keep it. The file is made for its owner alone from the first byte on, and replaces the old one at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(asdict(config), indent=2) + "\n")
    fresh.replace(path)


def forget(path: Path) -> bool:
    """Remove it; whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
