"""The stack with stand-ins for the services: what each is told, where it listens, what happens when one dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from longshore_devkit.data_dir import DataDir
from longshore_devkit.errors import DevkitError
from longshore_devkit.ports import HOST, free_port, port_is_free
from longshore_devkit.stack import SERVICES, Stack, http_port

from .fake_services import write_fake_services

EXTERNAL = {
    "LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
    "LONGSHORE_DATABASE_URL": "postgresql+asyncpg://me@db/longshore",
}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """External infrastructure that nobody asks anything of, stand-ins for the services, a port of our own."""
    own = {"LONGSHORE_HTTP_PORT": str(free_port()), "LONGSHORE_SHOPIFY_CLIENT_ID": "app"}
    return dict(os.environ) | EXTERNAL | write_fake_services(tmp_path / "fakes") | own


def environment_of(url: str) -> dict[str, str]:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http URL
        told: dict[str, str] = json.load(answer)
    return told


async def test_each_service_is_told_what_it_needs(tmp_path: Path, environ: dict[str, str]) -> None:
    async with Stack(DataDir(tmp_path / "data"), environ) as stack:
        told = {name: environment_of(url) for name, url in stack.urls.items()}
        gateway_port = environ["LONGSHORE_HTTP_PORT"]
        assert stack.url == stack.urls["gateway"] == f"http://127.0.0.1:{gateway_port}"
        assert set(told) == {service.name for service in SERVICES}
        for name, variables in told.items():
            assert variables["LONGSHORE_HTTP_HOST"] == "127.0.0.1"
            assert stack.urls[name].endswith(":" + variables["LONGSHORE_HTTP_PORT"])
            assert variables.items() >= (EXTERNAL | stack.keys).items()
            assert variables["LONGSHORE_PUBLIC_URL"] == stack.url
            assert variables["LONGSHORE_TOPIC_PREFIX"] == ""
            assert variables["LONGSHORE_SHOPIFY_CLIENT_ID"] == "app"
        assert len({variables["LONGSHORE_HTTP_PORT"] for variables in told.values()}) == 5
        for name in ("order-sync", "inventory", "connector-shopify", "connector-woo"):
            variable = f"LONGSHORE_{name.upper().replace('-', '_')}_URL"
            assert told["gateway"][variable] == stack.urls[name]
            assert variable not in told["inventory"]


async def test_a_service_may_have_variables_of_its_own(tmp_path: Path, environ: dict[str, str]) -> None:
    own = {"order-sync": {"LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": "proxy:1"}}
    async with Stack(DataDir(tmp_path / "data"), environ, service_environ=own) as stack:
        servers = {name: environment_of(url)["LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"] for name, url in stack.urls.items()}
    assert servers == dict.fromkeys(servers, "broker:9092") | {"order-sync": "proxy:1"}


async def test_ports_and_keys_stay_over_a_restart(tmp_path: Path, environ: dict[str, str]) -> None:
    async with Stack(DataDir(tmp_path / "data"), environ) as first:
        pass
    async with Stack(DataDir(tmp_path / "data"), environ) as second:
        assert (second.urls, second.keys, second.api_key) == (first.urls, first.keys, first.api_key)


async def test_two_stacks_do_not_disturb_each_other(tmp_path: Path, environ: dict[str, str]) -> None:
    other = environ | {"LONGSHORE_HTTP_PORT": str(free_port())}
    async with Stack(DataDir(tmp_path / "one"), environ) as one, Stack(DataDir(tmp_path / "two"), other) as two:
        assert not set(one.urls.values()) & set(two.urls.values())
        assert one.api_key != two.api_key


async def test_a_service_that_dies_comes_back_on_its_port(tmp_path: Path, environ: dict[str, str]) -> None:
    async with Stack(DataDir(tmp_path / "data"), environ) as stack:
        before = stack.supervisor.pid("inventory")
        stack.supervisor.signal("inventory", signal.SIGKILL)
        await stack.supervisor.wait_ready("inventory")
        assert stack.supervisor.pid("inventory") != before
        assert environment_of(stack.urls["inventory"])["LONGSHORE_HTTP_HOST"] == "127.0.0.1"


async def test_several_processes_of_a_service_share_its_door(tmp_path: Path, environ: dict[str, str]) -> None:
    async with Stack(DataDir(tmp_path / "data"), environ, processes={"gateway": 2}) as stack:
        assert stack.processes_of("gateway") == ("gateway", "gateway-2")
        assert stack.processes_of("inventory") == ("inventory",)
        told = [environment_of(stack.own_urls[name]) for name in stack.processes_of("gateway")]
        assert len({variables["LONGSHORE_HTTP_FD"] for variables in told}) == 1
        assert len({stack.url, *(stack.own_urls[name] for name in stack.processes_of("gateway"))}) == 3
        assert "LONGSHORE_HTTP_FD" not in environment_of(stack.urls["inventory"])
        # The door stands open whatever becomes of the processes: who comes, waits.
        socket.create_connection((HOST, stack.http_port), timeout=5).close()
    assert port_is_free(stack.http_port)


async def test_a_taken_port_is_one_clear_sentence(tmp_path: Path, environ: dict[str, str]) -> None:
    port = int(environ["LONGSHORE_HTTP_PORT"])
    with socket.create_server((HOST, port)):
        stack = Stack(DataDir(tmp_path / "data"), environ)
        with pytest.raises(DevkitError, match=rf"Port {port} on 127\.0\.0\.1 is in use: .*LONGSHORE_HTTP_PORT"):
            await stack.start()


async def test_nothing_is_left_when_a_service_does_not_start(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "fakes" / "longshore_inventory.py").write_text("raise SystemExit('no such table')")
    stack = Stack(DataDir(tmp_path / "data"), environ)
    with pytest.raises(DevkitError, match=r"(?s)inventory does not start.*no such table"):
        await stack.start()
    assert [stack.supervisor.pid(name) for name in stack.supervisor.names] == [None] * 5


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(DevkitError, match="LONGSHORE_HTTP_PORT is"):
        http_port({"LONGSHORE_HTTP_PORT": text})


def test_the_default_port() -> None:
    assert http_port({}) == 8000
