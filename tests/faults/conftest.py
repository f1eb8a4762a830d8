"""What fault tests share: a stack that knows how its processes ended, stores that are only their webhooks, counts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import httpx
import orjson
import pytest

from longshore_devkit.background import LoopThread
from longshore_devkit.data_dir import DataDir
from longshore_devkit.forking import ForkServer
from longshore_devkit.forms import LONG_FORM
from longshore_devkit.loadgen import LoadPlan, LoadResult, run_load
from longshore_devkit.loadgen.plan import Platform, Requests
from longshore_devkit.ports import free_port
from longshore_devkit.running import RunningInfra, RunningStack
from longshore_devkit.stack import Stack
from longshore_devkit.stores.shopify.payloads import OrderWebhooks, order_id_of
from longshore_devkit.stores.woo.payloads import FIRST_ID, OrderBodies
from longshore_devkit.supervisor import Event
from longshore_devkit.testing import FEW_PARTITIONS, eventually, unique_prefix

SECRET = "mute-secret"
FIRST_MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
PLENTY = 1_000_000
"""More pieces than any test sells."""

INJECTED = Path(__file__).with_name("injected.py")
INJECTIONS = "injections.json"

RATE = 200 if LONG_FORM else 100
"""Orders per second of a usual load. The faults last as long in both forms; what is counted is all there is."""

PATIENCE_S = 900.0 if LONG_FORM else 120.0
"""How long to wait for what has to happen: the machine may be busy with other things."""

LOAD = float(os.environ.get("LONGSHORE_FAULTS_LOAD") or 1)
"""How much of the long form's highest loads (deliveries per second) this machine gets: 0.2 where it has other work."""


@dataclass(frozen=True)
class Ended:
    """How a process ended, and when on the monotonic clock."""

    name: str
    detail: str
    at: float


class WatchedStack(RunningStack):
    """The five services, with how their processes ended, and with the database and topics that they use."""

    def __init__(self, stack: Stack, loop: LoopThread, ends: list[Ended], environ: Mapping[str, str]) -> None:
        super().__init__(stack, loop)
        self.processes_of = stack.processes_of
        self.ends = ends
        self.bootstrap_servers = environ["LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"]
        self.database_url = environ["LONGSHORE_DATABASE_URL"]
        self.topic_prefix = environ["LONGSHORE_TOPIC_PREFIX"]

    def ends_of(self, name: str) -> list[Ended]:
        """How often and how one service ended."""
        return [end for end in self.ends if end.name == name]

    def inject(self, **by_service: dict[str, Any]) -> None:
        """What is wrong with each service (`order_sync={"clock_s": 3600}`, see injected.py) from its next start on;
        the others are as they should be."""
        path = self.logs.parent / INJECTIONS
        path.write_text(json.dumps({f"longshore_{name}": what for name, what in by_service.items()}))


class MakeStack(Protocol):
    """Starts five services, and stops them; `options` are the devkit's `Stack`'s, `more` is
    environment, `data_dir` theirs if they should not have a new one."""

    def __call__(
        self, more: Mapping[str, str] | None = ..., data_dir: DataDir | None = ..., **options: Any
    ) -> AbstractContextManager[WatchedStack]: ...


@pytest.fixture(scope="session")
def shopify_port() -> int:
    """Where the simulated Shopify will listen."""
    return free_port()


@pytest.fixture(scope="session")
def make_stack(
    infra: RunningInfra,
    forks: ForkServer,
    make_database: Callable[[], str],
    shopify_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> MakeStack:
    """Starts the five services as the devkit's `stack` does, and stops them."""

    @contextmanager
    def start(
        more: Mapping[str, str] | None = None, data_dir: DataDir | None = None, **options: Any
    ) -> Iterator[WatchedStack]:
        data_dir = data_dir or DataDir(tmp_path_factory.mktemp("stack"))
        environ = (
            dict(os.environ)
            | infra.environ
            | {
                "LONGSHORE_DATABASE_URL": make_database(),
                "LONGSHORE_TOPIC_PREFIX": unique_prefix(),
                "LONGSHORE_HTTP_PORT": str(free_port()),
                "LONGSHORE_ALLOW_PRIVATE_STORES": "1",
                "LONGSHORE_SHOPIFY_ADMIN_ORIGIN": f"http://127.0.0.1:{shopify_port}",
                "LONGSHORE_STOCK_SETTLE_S": "2",
                "LONGSHORE_TOPIC_PARTITIONS": "4" if LONG_FORM else FEW_PARTITIONS,
                "LONGSHORE_TEST_INJECTIONS": str(data_dir.path / INJECTIONS),
            }
            | dict(more or {})
        )
        ends: list[Ended] = []

        def note(event: Event) -> None:
            if event.kind == "died":
                ends.append(Ended(event.name, event.detail, time.monotonic()))

        with LoopThread() as loop:
            services = Stack(
                data_dir, environ, on_event=note, python=(sys.executable, str(INJECTED)), spawn=forks.spawn, **options
            )
            try:
                loop.call(services.start())
                yield WatchedStack(services, loop, ends, environ)
            finally:
                loop.call(services.stop())

    return start


@pytest.fixture(scope="package")
def stack(make_stack: MakeStack) -> Iterator[WatchedStack]:
    """One stack for all fault tests: to start five processes takes longer than most of them. (Not for the session: it
    would go on looking for work beside all tests that come after them.)"""
    with make_stack() as stack:
        yield stack


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What this run draws its moments from; LONGSHORE_TEST_SEED repeats a run. Shown when the test fails."""
    chosen = int(os.environ.get("LONGSHORE_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"{request.node.name}: LONGSHORE_TEST_SEED={chosen}")  # noqa: T201
    return chosen


class Progress:
    """How far a load is: moments of a fault are given in orders, not in seconds."""

    def __init__(self) -> None:
        self._sent = -1
        self._waiting: list[tuple[int, asyncio.Event]] = []

    def note(self, n: int) -> None:
        """Order `n` goes out now."""
        self._sent = max(self._sent, n)
        for wanted, event in self._waiting:
            if self._sent >= wanted:
                event.set()

    async def reached(self, n: int) -> None:
        """Return as soon as order `n` goes out."""
        event = asyncio.Event()
        self._waiting.append((n, event))
        self.note(self._sent)
        await asyncio.wait_for(event.wait(), PATIENCE_S)


@dataclass
class MuteStore:
    """A store that is only its webhooks. Order `n` is the same bytes whenever and in whosever name it is sent."""

    integration: dict[str, Any]
    platform: Platform
    skus: tuple[str, ...]
    _make: Callable[[int], bytes] = field(init=False)

    def __post_init__(self) -> None:
        if self.platform == "shopify":
            shopify = OrderWebhooks("bodies.myshopify.com", self.skus)
            self._make = lambda n: shopify.make(n, moment=FIRST_MOMENT + timedelta(seconds=n // 100))
        else:
            woo = OrderBodies(5000, self.skus)
            self._make = lambda n: woo(n, FIRST_MOMENT.timestamp() + n // 100)

    @property
    def id(self) -> str:
        """The integration's."""
        return str(self.integration["id"])

    def order_id(self, n: int) -> int:
        """The store's id of order `n`."""
        return order_id_of(n) if self.platform == "shopify" else FIRST_ID + n

    def progress(self) -> Progress:
        """For `plan`: tells how far it is."""
        return Progress()

    def body(self, n: int) -> bytes:
        """The delivery's body."""
        return self._make(n)

    def pieces(self, orders: Sequence[int]) -> Counter[str]:
        """What these orders sell, by SKU, as their bodies have it (some goods have none)."""
        sold: Counter[str] = Counter()
        for n in orders:
            for line in orjson.loads(self.body(n))["line_items"]:
                if line["sku"]:
                    sold[line["sku"]] += line["quantity"]
        return sold

    def plan(
        self,
        orders: Sequence[int],
        *,
        rate: float | None,
        progress: Progress | None = None,
        body: Callable[[int], bytes] | None = None,
        **more: Any,
    ) -> LoadPlan:
        """Deliver these orders, each as created and as updated unless `copies` is 1."""
        make = body or self.body

        def tell(n: int, _: float) -> bytes:
            if progress is not None:
                progress.note(n)
            return make(orders[n])

        return LoadPlan(
            url=self.integration["webhook_url"],
            secret=SECRET,
            platform=self.platform,
            shop=self.integration["store_url"].removeprefix("https://"),
            rate=rate,
            orders=len(orders),
            body=tell,
            order_id=lambda n: self.order_id(orders[n]),
            **more,
        )

    async def deliver(self, orders: Sequence[int], **more: Any) -> LoadResult:
        """Deliver quietly, as fast as the hub takes it; every delivery has to be accepted."""
        result = await run_load(self.plan(orders, rate=None, **more))
        assert result.accepted == result.planned, result.as_dict()
        return result

    async def post(self, body: bytes) -> httpx.Response:
        """One delivery, with its whole answer."""
        plan = LoadPlan(
            url=self.integration["webhook_url"],
            secret=SECRET,
            platform=self.platform,
            shop=self.integration["store_url"].removeprefix("https://"),
            orders=1,
            body=lambda _, __: body,
        )
        head, _, content = Requests(plan).render(0, time.time()).partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        async with httpx.AsyncClient(timeout=20) as client:
            return await client.post(plan.url, content=content, headers=headers)


@pytest.fixture
def mute(hub: Any) -> Callable[[Platform, Sequence[str]], Any]:
    """Makes a store that is only its webhooks; nothing answers at its address."""

    async def make(platform: Platform, skus: Sequence[str]) -> MuteStore:
        name = unique_prefix().rstrip(".")
        if platform == "shopify":
            address, credentials = f"https://{name}.myshopify.com", {"access_token": "shpat", "api_secret": SECRET}
        else:
            address = f"http://127.0.0.1:9/{name}"
            credentials = {"consumer_key": "ck", "consumer_secret": "cs", "webhook_secret": SECRET}
        body = {
            "platform": platform,
            "name": name,
            "store_url": address,
            "credentials": credentials,
            "settings": {"manage_webhooks": False},
        }
        return MuteStore(await hub.post("integrations", body), platform, tuple(skus))

    return make


@pytest.fixture
def rows(stack: WatchedStack) -> Callable[..., Any]:
    """`await rows("SELECT ...", ...)`: what is really in the tables, past the API."""

    async def fetch(query: str, *values: object) -> list[dict[str, Any]]:
        # A connection for each look: PostgreSQL is killed in these tests.
        connection = await asyncpg.connect(stack.database_url.replace("postgresql+asyncpg://", "postgresql://"))
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    return fetch


def without_ids(order: dict[str, Any]) -> Any:
    """An order's content: what does not depend on which integration it came through."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key not in OWN}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip(order)


OWN = ("id", "integration_id", "customer_id", "line_id", "version", "digest", "raw")


class Account:
    """Counts, in the hub and in the stores, that hold whatever was killed meanwhile."""

    def __init__(self, hub: Any, rows: Callable[..., Any]) -> None:
        self._hub = hub
        self._rows = rows

    async def orders(self, store: MuteStore) -> dict[str, dict[str, Any]]:
        """The canonical orders of a store by its ids; no id twice."""
        found = [order async for order in self._each(store)]
        by_id = {order["external_id"]: order for order in found}
        assert len(by_id) == len(found)
        return by_id

    async def _each(self, store: MuteStore) -> AsyncIterator[dict[str, Any]]:
        """Page by page: there may be more than fit into memory."""
        cursor: dict[str, str] = {}
        while True:
            page = await self._hub.get("orders", integration_id=store.id, limit=200, **cursor)
            for order in page["items"]:
                yield order
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    async def assert_exactly(self, store: MuteStore, orders: Sequence[int]) -> None:
        """These orders are canonical, no other is, each has the one revision that its one body makes."""
        found = Counter([order["external_id"] async for order in self._each(store)])
        assert found == Counter(str(store.order_id(n)) for n in orders)
        (count,) = await self._rows(
            "SELECT count(*) AS orders, count(DISTINCT external_id) AS ids,"
            " (SELECT count(*) FROM order_sync.order_revisions r JOIN order_sync.orders o ON o.id = r.order_id"
            "  WHERE o.integration_id = $1::uuid) AS revisions"
            " FROM order_sync.orders WHERE integration_id = $1::uuid",
            store.id,
        )
        assert count == {"orders": len(orders), "ids": len(orders), "revisions": len(orders)}

    async def contents(self, store: MuteStore) -> dict[str, str]:
        """A hash of each canonical order's content by the store's id of it: all but ids of ours, and when we heard."""
        return {
            order["external_id"]: hashlib.sha256(
                orjson.dumps(without_ids(order), option=orjson.OPT_SORT_KEYS)
            ).hexdigest()
            async for order in self._each(store)
        }

    async def assert_stock(
        self, stores: Any, sold: Mapping[str, int], shipped: Mapping[str, int] | None = None
    ) -> None:
        """Of each SKU so many pieces are reserved, in the hub as in the sum of its lines, and both stores know; so many
        have left the shelf."""
        gone = dict.fromkeys(sold, 0) | dict(shipped or {})
        levels = {level["sku"]: level for level in await self._hub.all("inventory") if level["sku"] in sold}
        assert {sku: level["reserved"] for sku, level in levels.items()} == dict(sold)
        assert {sku: level["on_hand"] for sku, level in levels.items()} == {sku: PLENTY - gone[sku] for sku in sold}
        left = {sku: PLENTY - pieces - gone[sku] for sku, pieces in sold.items()}
        assert {sku: level["available"] for sku, level in levels.items()} == left

        async def told() -> bool:
            for store in (stores.woo, stores.shopify):
                stock = await shelf(store.url)
                wrong = {sku: stock[sku] for sku in left if stock[sku] != left[sku]}
                assert not wrong, (store.url, wrong, left)
            return True

        await eventually(told, timeout=PATIENCE_S)

    async def assert_nothing_lost_on_the_way(self) -> None:
        """The hub comes to rest, and no record is dead."""
        try:
            state = await self._hub.settled(timeout=PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"still under way: {await self._hub.get('system')}") from error
        assert state["dead_letters"] == 0
        assert state["halted"] == []
        assert not any(state["lag"].values())
        assert not any(state["outbox"].values())


@pytest.fixture
def account(hub: Any, rows: Callable[..., Any]) -> Account:
    return Account(hub, rows)


@pytest.fixture
async def plenty(hub: Any, stores: Any) -> tuple[str, ...]:
    """The SKUs that both stores sell, with so much on the shelf that nothing is oversold."""
    skus = tuple(sorted((await shelf(stores.woo.url)).keys() & (await shelf(stores.shopify.url)).keys()))
    assert len(skus) >= 8
    for sku in skus:
        await hub.post("inventory/adjustments", {"sku": sku, "set": PLENTY, "reason": "counted"})

    async def told() -> bool:
        levels = [await shelf(store.url) for store in (stores.woo, stores.shopify)]
        return all(level[sku] == PLENTY for level in levels for sku in skus)

    await eventually(told, timeout=PATIENCE_S)
    await hub.settled(timeout=PATIENCE_S)
    return skus


async def shelf(url: str) -> dict[str, int]:
    """A simulated store's stock by SKU."""
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.get(f"{url}/_sim/state")
        answer.raise_for_status()
        stock: dict[str, int] = answer.json()["stock"]
    return {sku: quantity for sku, quantity in stock.items() if sku}


@pytest.fixture
def kill(stack: RunningStack) -> Callable[..., Any]:
    """`await kill("inventory")`: kill -9, without waiting for its return."""

    async def send(*names: str, sig: signal.Signals = signal.SIGKILL) -> None:
        await asyncio.to_thread(stack.signal, sig, *names)

    return send


@pytest.fixture
def untouched(stack: RunningStack) -> Callable[[], None]:
    """Call it to know that no service was restarted since: each has recovered by itself."""
    before = {name: stack.starts(name) for name in stack.names}

    def check() -> None:
        assert {name: stack.starts(name) for name in stack.names} == before

    return check


@pytest.fixture
def all_back(stack: RunningStack, infra: RunningInfra) -> Callable[..., Any]:
    """Wait until everything that was killed is ready again."""

    async def wait() -> None:
        await asyncio.to_thread(infra.wait_ready)
        await asyncio.to_thread(stack.wait_ready)

    return wait
