"""`rebuild`: the state of a local Longshore from its log, while its services are stopped (docs/operations.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx

from longshore_devkit.data_dir import DataDir
from longshore_devkit.processes import Spawn, spawn
from longshore_devkit.stack import GATEWAY, SERVICES, Service, Stack
from longshore_devkit.supervisor import OnEvent
from longshore_devkit.terminal import StopRequest, say, say_event

_LOOK_EVERY_S = 0.5
_SAY_EVERY_S = 5.0


def in_order(services: tuple[Service, ...] = SERVICES) -> list[Service]:
    """Those that translate first (the connectors, and the gateway for the custom channel): the others refuse to begin
    before the raw logs are set back."""
    return sorted(services, key=lambda each: each is not GATEWAY and not each.name.startswith("connector-"))


async def begin(
    data_dir: DataDir, environ: Mapping[str, str], on_event: OnEvent | None = None, spawn: Spawn = spawn
) -> None:
    """Begin every service's rebuild while none of them runs; started, they go on with it. Raises DevkitError."""
    stack = Stack(data_dir, environ, services=(), on_event=on_event, spawn=spawn)
    try:
        await stack.start()
        for service in in_order():
            await stack.run_once(service, "rebuild")
    finally:
        await stack.stop()


async def rebuild(environ: Mapping[str, str]) -> None:
    """Begin, start the services, wait until it is over, say the state's hashes, stop. Raises DevkitError."""
    data_dir = DataDir.of(environ)
    with data_dir.lock():
        await begin(data_dir, environ, say_event)
        stack = Stack(data_dir, environ, on_event=say_event)
        with StopRequest(stack.kill) as stop:
            try:
                await stop.unless_asked(_perform(stack))
            finally:
                await stack.stop()


async def _perform(stack: Stack) -> None:
    began = time.monotonic()
    await stack.start()
    async with httpx.AsyncClient(
        base_url=stack.url, headers={"Authorization": f"Bearer {stack.api_key}"}, timeout=30
    ) as api:
        said = began
        while not (state := await _system(api)).get("settled"):
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                say(f"to be read yet: {sum(state.get('lag', {}).values())} records")
            await asyncio.sleep(_LOOK_EVERY_S)
        hashes = (await api.get("/api/v1/system/state-hash")).json()
    say(f"The state is rebuilt, {time.monotonic() - began:.0f} s after the services were started.")
    for name, value in hashes.items():
        say(f"  {name:<13} {value}")


async def _system(api: httpx.AsyncClient) -> dict[str, Any]:
    try:
        answer = await api.get("/api/v1/system")
    except httpx.HTTPError:
        return {}
    return answer.json() if answer.status_code == 200 else {}
