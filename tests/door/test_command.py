"""The `longshore` command against a real hub, as a person or a script runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from longshore_client.cli.app import app
from longshore_client.cli.session import Session

from .conftest import SKU, World
from .document import NOBODYS
from .secrets import KEY, OTHER_KEY

pytestmark = pytest.mark.e2e

Run = Callable[..., Result]


@pytest.fixture
def longshore(world: World, tmp_path: Path) -> Run:
    """Runs the command in this process, logged in by the environment unless `environ` says otherwise."""

    def run(*arguments: str, typed: str = "", environ: dict[str, str] | None = None) -> Result:
        given = {"LONGSHORE_URL": world.stack.url, "LONGSHORE_API_KEY": KEY} if environ is None else environ
        session = Session(environ=given, path=tmp_path / "config.json")
        return CliRunner().invoke(app, arguments, obj=session, input=typed, prog_name="longshore")

    return run


def test_the_installed_command(world: World, tmp_path: Path) -> None:
    environ = {"LONGSHORE_URL": world.stack.url, "LONGSHORE_API_KEY": KEY, "HOME": str(tmp_path)}
    command = [Path(sys.executable).with_name("longshore"), "orders", "list", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=60)
    assert done.returncode == 0, done.stderr
    assert world.order_id in [each["id"] for each in json.loads(done.stdout)]


def test_from_login_to_an_order_that_is_shipped(world: World, longshore: Run, tmp_path: Path) -> None:
    done = longshore("login", "--url", world.stack.url, "--api-key-stdin", typed=f"{KEY}\n", environ={})
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600
    settled = longshore("status", "--wait", "30", "--json", environ={})
    assert settled.exit_code == 0, settled.stderr
    assert json.loads(settled.stdout)["settled"]
    stores = json.loads(longshore("integrations", "list", "--json", environ={}).stdout)
    assert world.integration_id in [each["id"] for each in stores]
    orders = json.loads(longshore("orders", "list", "--json", "--search", SKU, environ={}).stdout)
    assert {world.order_id, world.fulfillable_id} <= {each["id"] for each in orders}
    shipped = longshore(
        "orders", "fulfil", world.fulfillable_id, "--carrier", "DHL", "--tracking-number", "T1", environ={}
    )
    assert shipped.exit_code == 0, shipped.stderr
    world.settled()
    order = json.loads(longshore("orders", "show", world.fulfillable_id, "--json", environ={}).stdout)
    assert order["status"] == "fulfilled"
    # In words, as people read it.
    shown = longshore("orders", "show", world.fulfillable_id, environ={}).stdout
    assert "1 of 1 shipped" in shown
    assert "T1" in shown
    refused = longshore("orders", "fulfil", world.fulfillable_id, environ={})
    assert refused.exit_code == 6, refused.stderr
    assert longshore("logout", environ={}).exit_code == 0
    assert longshore("status", environ={"LONGSHORE_URL": world.stack.url}).exit_code == 3


def test_stock(world: World, longshore: Run) -> None:
    before = json.loads(longshore("inventory", "show", SKU, "--json").stdout)
    done = longshore(
        "inventory", "adjust", SKU, "--delta=-1", "--reason", "broken", "--json", "--idempotency-key", "cli-1"
    )
    assert done.exit_code == 0, done.stderr
    again = longshore(
        "inventory", "adjust", SKU, "--delta=-1", "--reason", "broken", "--json", "--idempotency-key", "cli-1"
    )
    assert json.loads(again.stdout)["movement"] == json.loads(done.stdout)["movement"]
    after = json.loads(longshore("inventory", "show", SKU, "--json").stdout)
    assert after["on_hand"] == before["on_hand"] - 1
    assert longshore("inventory", "show", "NO-SUCH-SKU").exit_code == 5
    assert "broken" in longshore("inventory", "movements", "--sku", SKU, "--limit", "1").stdout


def test_a_store_is_read_anew(world: World, longshore: Run) -> None:
    ran = longshore("sync", "start", world.integration_id, "--resource", "orders", "--full", "--wait", "60", "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    (run,) = json.loads(ran.stdout)
    assert (run["resource"], run["mode"], run["status"]) == ("orders", "full", "succeeded")
    assert "succeeded" in longshore("sync", "list", world.integration_id).stdout
    assert json.loads(longshore("sync", "show", run["id"], "--json").stdout)["progress"] == run["progress"]
    assert longshore("sync", "cancel", run["id"]).exit_code == 0
    assert json.loads(longshore("sync", "show", run["id"], "--json").stdout)["status"] == "succeeded"


def test_what_is_read_is_there_in_words_and_in_json(world: World, longshore: Run) -> None:
    letter = world.objects["/api/v1/dead-letters/{id}"]
    for line in (
        "integrations list", f"integrations show {world.integration_id}", "orders list",
        f"orders revisions {world.order_id}", "commands list",
        "inventory show", "inventory movements", "inventory alerts", "dlq list",
        f"dlq show {letter}", "keys list", "status",
    ):  # fmt: skip
        shown = longshore(*line.split())
        assert shown.exit_code == 0, f"{line}: {shown.stderr}"
        assert shown.stdout.strip(), line
        in_json = longshore(*line.split(), "--json")
        assert in_json.exit_code == 0, f"{line}: {in_json.stderr}"
        assert json.loads(in_json.stdout), line


def test_pages_of_two_are_the_same_list(world: World, longshore: Run) -> None:
    whole = json.loads(longshore("orders", "list", "--all", "--json").stdout)
    assert [str(each.id) for each in world.hub.orders.list(limit=2)] == [each["id"] for each in whole]
    assert len(json.loads(longshore("orders", "list", "--limit", "2", "--json").stdout)) == 2


def test_a_neighbour_finds_nothing(world: World, longshore: Run) -> None:
    other = {"LONGSHORE_URL": world.stack.url, "LONGSHORE_API_KEY": OTHER_KEY}
    assert longshore("orders", "show", world.order_id, environ=other).exit_code == 5
    assert longshore("orders", "show", NOBODYS).exit_code == 5


def test_a_key_with_few_scopes(world: World, longshore: Run) -> None:
    made = json.loads(longshore("keys", "create", "reports", "--scope", "read", "--days", "1", "--json").stdout)
    few = {"LONGSHORE_URL": world.stack.url, "LONGSHORE_API_KEY": made["key"]}
    assert longshore("orders", "list", environ=few).exit_code == 0
    refused = longshore("keys", "list", environ=few)
    assert refused.exit_code == 4
    assert "admin" in refused.stderr
    assert longshore("keys", "revoke", made["id"]).exit_code == 0
    assert longshore("orders", "list", environ=few).exit_code == 3


def test_a_store_that_refuses_its_keys_is_no_success(world: World, longshore: Run) -> None:
    credentials = json.dumps({"consumer_key": "ck_wrong", "consumer_secret": "cs_wrong"})
    with_port = world.store.url.replace("127.0.0.1", "localhost")
    made = longshore(
        "integrations", "create", "woocommerce", "--name", "Wrong", "--store-url", with_port, "--credentials", "-",
        "--wait", "20", "--json", typed=credentials,
    )  # fmt: skip
    assert made.exit_code == 1, made.stdout + made.stderr
    found = json.loads(made.stdout)
    assert found["status"] == "error"
    assert found["status_reason"]
    assert longshore("integrations", "delete", found["id"], "--yes").exit_code == 0
