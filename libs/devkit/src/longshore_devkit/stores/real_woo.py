"""A real WooCommerce store on this machine, driven by the commands of a test kit that is no part of the project.

The kit is a folder of programs: `start` (prints the store as JSON, the login of its database too), `reset`, `seed`,
`shop`, `stop`. Where it is says REAL_WOO_START, the path of its `start`; it reads REAL_WOO_ARCHIVE (WordPress with
WooCommerce) and REAL_WOO_DIR (where the store's state is) itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import httpx

START = "REAL_WOO_START"


class RealWooError(RuntimeError):
    """A command of the kit failed; the message is what it said."""


@dataclass(frozen=True)
class RealWoo:
    """The running store. All that it sells, and its orders, are gone after `reset`; its keys stay."""

    kit: Path
    store: Mapping[str, Any]

    @classmethod
    async def start(cls) -> RealWoo:
        """Bring it up; nothing happens if it is. Raises RealWooError."""
        start = Path(os.environ[START])
        return cls(start.parent, json.loads(await _run(start)))

    @property
    def https_url(self) -> str:
        """With a certificate of an authority of its own: `ca_file`."""
        return str(self.store["url"])

    @property
    def http_url(self) -> str:
        """The same store over plain http."""
        return str(self.store["http_url"])

    @property
    def ca_file(self) -> str:
        """The authority's certificate."""
        return str(self.store["ca_file"])

    @property
    def credentials(self) -> dict[str, str]:
        """Keys that may read and write."""
        return {name: str(self.store[name]) for name in ("consumer_key", "consumer_secret")}

    async def reset(self) -> None:
        """Empty it. Ids do not begin anew: an id that comes again is no store's doing, and a hub that has read the
        store before would take a new product for an old one."""
        await _run(self.kit / "reset")
        at = self.store["database"]
        place = [f"--{name}={at[name]}" for name in ("host", "port", "user")]
        beyond = f"ALTER TABLE wp_posts AUTO_INCREMENT = {int(time())}"
        await _run(Path("mariadb"), "--no-defaults", *place, at["name"], "-e", beyond, MYSQL_PWD=at["password"])

    async def seed(self, *, orders: int, products: int = 40) -> None:
        """Fill it: products, variations, customers, orders of every kind."""
        await _run(self.kit / "seed", "--products", str(products), "--variations", "--orders", str(orders))

    async def shop(self, *words: str) -> list[Any]:
        """What buyers and staff do (`shop help`); the lines that it prints, parsed."""
        said = await _run(self.kit / "shop", *words)
        return [json.loads(line) for line in said.splitlines() if line.strip()]

    def add_plugin(self, file: Path) -> None:
        """Have WordPress run a plugin of one file, from its next request on. It stays through `reset`."""
        plugins = Path(self.ca_file).parent.parent / "www" / "wp-content" / "mu-plugins"
        (plugins / file.name).write_bytes(file.read_bytes())

    async def stop(self) -> None:
        """Take it down; its state stays."""
        await _run(self.kit / "stop")

    async def api(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """Its own REST API, over https. Raises httpx.HTTPStatusError."""
        trust = ssl.create_default_context(cafile=self.ca_file)
        auth = (self.credentials["consumer_key"], self.credentials["consumer_secret"])
        async with httpx.AsyncClient(verify=trust, auth=auth, timeout=120, trust_env=False) as client:
            answer = await client.request(method, f"{self.store['rest']}{path}", json=body, params=query)
        answer.raise_for_status()
        return answer.json()

    async def all(self, path: str, **query: str) -> list[dict[str, Any]]:
        """A whole list, by pages of a hundred."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            part = await self.api("GET", path, per_page="100", page=str(page), orderby="id", order="asc", **query)
            found += part
            if len(part) < 100:
                return found
            page += 1


async def _run(program: Path, *words: str, **environ: str) -> str:
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    if process.returncode:
        raise RealWooError(f"{program.name} {' '.join(words)}: {complained.decode(errors='replace').strip()[-2000:]}")
    return said.decode()
