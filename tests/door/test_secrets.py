"""Nothing secret in answers, logs, metrics, errors, dead letters, events or a dump of the database.

Distinctive secrets are planted, stores are made to repeat them, and then they are looked for everywhere. Buyers' data
belongs into orders and what is made of them, and into the bodies of dead letters; never into a log, a metric, an error.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from longshore.internal import internal_token
from longshore_client import ApiError
from longshore_devkit.oidc import Person
from longshore_devkit.stores.woo.payloads import make_order_webhook
from longshore_gateway.people.tokens import _derive

from . import places
from .conftest import FICKLE_SHOP, World, deliver, until
from .secrets import (
    BUYER_EMAIL,
    BUYER_PHONE,
    KEY,
    OAUTH_CODE,
    OIDC_SECRET,
    PASSWORD,
    PLANTED,
    SHOPIFY_API_SECRET,
    SHOPIFY_APP_SECRET,
    SHOPIFY_TOKEN,
    STORE_KEY,
    STORE_SECRET,
    WEBHOOK_SECRET,
    spellings,
)

pytestmark = pytest.mark.e2e


@dataclass
class Planted:
    """What was planted beside the fixed secrets, and what the hub answered meanwhile."""

    secrets: list[str | bytes] = field(default_factory=list)
    said: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module")
def planted(world: World) -> Planted:
    """Everything that a secret goes through: connecting, failing, shipping, wrong input, keys, links."""
    key = world.encryption_key
    # What signs access tokens is made of it, and so is what services trust each other by.
    signing = _derive(key).as_dict(private=True)["k"]
    planted = Planted([*PLANTED, key, internal_token([key]), base64.urlsafe_b64decode(f"{signing}=")])
    _stores_that_repeat_all(world, planted)
    _consent(world, planted)
    _people(world, planted)
    _single_sign_on(world, planted)
    _wrong_input(world, planted)
    made = world.hub.api_keys.create("planted", ["read"], idempotency_key="planted-key")
    planted.secrets.append(made.key)
    again = world.http(made.key).get("/api/v1/orders")
    planted.said["orders with the new key"] = again.content
    _links(world, planted)
    world.settled()
    return planted


def _stores_that_repeat_all(world: World, planted: Planted) -> None:
    """Stores that are down, and repeat headers, query and body of whatever they are asked."""
    keys = {"consumer_key": STORE_KEY, "consumer_secret": STORE_SECRET, "webhook_secret": WEBHOOK_SECRET}
    woo = world.hub.integrations.create("woocommerce", "Echo", world.echo, credentials=keys)
    tokens = {"access_token": SHOPIFY_TOKEN, "api_secret": SHOPIFY_API_SECRET}
    shop = world.hub.integrations.create("shopify", "Echo", "https://echo-door.myshopify.com", credentials=tokens)
    for each in (woo, shop):
        until(lambda each=each: world.hub.integrations.get(each.id).status == "error")  # type: ignore[misc]
    # An order of that store, and a parcel that the store does not take.
    order = json.loads(make_order_webhook(1))
    deliver(woo.webhook_url or "", order)
    found = until(lambda: next(iter(world.hub.orders.list(integration_id=woo.id)), None))
    command = world.hub.orders.fulfil(found.id).command
    until(lambda: [each for each in world.hub.commands.list(order_id=found.id) if each.id == command.id and each.error])
    for integration in (woo, shop):
        planted.said[f"test of {integration.platform}"] = world.hub.integrations.test(integration.id).to_json()
        with world.http(KEY) as client:
            path = f"/api/v1/integrations/{integration.id}/webhooks"
            planted.said[f"webhooks of {integration.platform}"] = client.get(path).content
            planted.said[f"repair of {integration.platform}"] = client.post(path).content
        world.hub.integrations.delete(integration.id)


def _consent(world: World, planted: Planted) -> None:
    """Stores that are connected in a browser: what proves the browser, the code, the tokens, the keys."""
    with world.http(KEY) as client:
        start, state = _begin_consent(client, planted, {"platform": "shopify", "store_url": FICKLE_SHOP})
        query = {"code": OAUTH_CODE, "shop": FICKLE_SHOP, "state": state, "timestamp": str(int(time.time()))}
        message = urlencode(sorted(query.items())).encode()
        signed = query | {"hmac": hmac.new(SHOPIFY_APP_SECRET.encode(), message, hashlib.sha256).hexdigest()}
        done = client.get("/oauth/shopify/callback", params=signed)
        assert done.status_code == 200, done.text
        shop = done.json()["integration_id"]
        # Its token is refused, and the one that refreshes it: its merchant is asked once more.
        until(lambda: world.hub.integrations.get(shop).status == "needs_reauth")
        again = client.get("/oauth/shopify/callback", params=signed)
        assert again.status_code == 409
        planted.said |= {"consent to a shop": start + done.content, "the same again": again.content}
        # The same server is another store under its other name.
        address = world.echo.replace("127.0.0.1", "localhost")
        start, state = _begin_consent(client, planted, {"platform": "woocommerce", "store_url": address})
        keys = {"user_id": state, "consumer_key": STORE_KEY, "consumer_secret": STORE_SECRET}
        done = client.post("/oauth/woocommerce/callback", json=keys)
        assert done.status_code == 200, done.text
        again = client.post("/oauth/woocommerce/callback", json=keys)
        assert again.status_code == 409
        planted.said |= {"keys from a store": start + done.content, "the same keys again": again.content}
        woo = done.json()["integration_id"]
    until(lambda: world.hub.integrations.get(woo).status == "error")
    for id in (shop, woo):
        planted.said[f"test of {id}"] = world.hub.integrations.test(id).to_json()
        world.hub.integrations.delete(id)


def _begin_consent(client: httpx.Client, planted: Planted, body: dict[str, Any]) -> tuple[bytes, str]:
    """Follow a link: what the hub answered, and the flow's state. The cookie stays with the client."""
    url = client.post("/api/v1/integrations/connect-links", json=body).json()["url"]
    started = client.get(url)
    assert started.status_code == 302, started.text
    asked = dict(parse_qsl(urlsplit(started.headers["location"]).query))
    state = asked.get("state") or asked["user_id"]
    planted.secrets += [dict(parse_qsl(urlsplit(url).query))["token"], state, *started.cookies.values()]
    return started.content, state


def _single_sign_on(world: World, planted: Planted) -> None:
    """A login at the provider, and one that it refuses."""
    email = "planted.sso@door.example"
    world.hub.users.create(email, "viewer")
    world.provider.person = Person("subject-of-planted", {"email": email, "email_verified": True})
    with world.http() as client:
        callback = _to_sso_callback(client, planted)
        done = client.get(callback)
        assert done.status_code == 200, done.text
        planted.secrets += [done.json()["access_token"], done.cookies["longshore_refresh"]]
        planted.said["the same login again"] = client.get(callback).content
        callback = _to_sso_callback(client, planted)
        world.provider.client_secret = "changed there"
        try:
            refused = client.get(callback)
        finally:
            world.provider.client_secret = OIDC_SECRET
        assert refused.status_code == 502, refused.text
        planted.said["a login that the provider refuses"] = refused.content


def _to_sso_callback(client: httpx.Client, planted: Planted) -> str:
    """Through the provider's page, up to the callback."""
    started = client.get("/api/v1/auth/oidc/start")
    assert started.status_code == 302, started.text
    back: str = httpx.get(started.headers["location"]).headers["location"]
    query = dict(parse_qsl(urlsplit(back).query))
    planted.secrets += [query["state"], query["code"], *started.cookies.values()]
    return back


def _people(world: World, planted: Planted) -> None:
    """Passwords, invitations, and the tokens of a login."""
    world.hub.users.create("planted@door.example", "owner", password=PASSWORD)
    invited = world.hub.users.create("invited@door.example", "viewer", idempotency_key="planted-invitation")
    with world.http() as client:
        login = client.post("/api/v1/auth/login", json={"email": "planted@door.example", "password": PASSWORD})
        assert login.status_code == 200, login.text
        refresh = login.cookies["longshore_refresh"]
        planted.secrets += [PASSWORD, invited.invitation or "", refresh, login.json()["access_token"]]
        wrong = {"email": "planted@door.example", "password": f"{PASSWORD}!"}
        planted.said["a wrong password"] = client.post("/api/v1/auth/login", json=wrong).content
        weak = {"email": "other@door.example", "role": "viewer", "password": "plantedPw7"}
        planted.secrets.append(weak["password"])
        answer = client.post("/api/v1/users", json=weak, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 422
        planted.said["a weak password"] = answer.content
        bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
        planted.said["orders with a token"] = client.get("/api/v1/orders", headers=bearer).content
        # Used a second time, a refresh token ends its session.
        for _ in range(2):
            answer = client.post("/api/v1/auth/refresh", headers={"Cookie": f"longshore_refresh={refresh}"})
            planted.secrets += [*answer.cookies.values()]
        assert answer.status_code in {401, 409}, answer.text
        planted.said["a refresh token of before"] = answer.content


def _wrong_input(world: World, planted: Planted) -> None:
    """Secrets where they do not belong."""
    secret = STORE_SECRET
    bodies: dict[str, object] = {
        "a credential too many": {"platform": "woocommerce", "name": "x", "store_url": "https://x.example",
                                  "credentials": {"consumer_key": secret, "nonsense": secret}},
        "a secret of the wrong type": {"platform": "shopify", "name": "x", "store_url": "https://x.myshopify.com",
                                       "credentials": {"access_token": [secret]}},
        "a secret in the address": {"platform": "woocommerce", "name": "x", "store_url": f"https://u:{secret}@x.example",
                                    "credentials": {"consumer_key": secret, "consumer_secret": secret}},
        "a secret as the platform": {"platform": secret, "name": "x"},
        "secrets as a list": [secret],
    }  # fmt: skip
    with world.http(KEY) as client:
        for name, body in bodies.items():
            answer = client.post("/api/v1/integrations", json=body)
            assert answer.status_code == 422, name
            planted.said[name] = answer.content
        broken = client.post("/api/v1/integrations", content=f'{{"credentials": "{secret}", ')
        planted.said["broken JSON"] = broken.content
        planted.said["a key in the query"] = client.get(
            "/api/v1/orders", params={"api_key": KEY, "cursor": KEY}
        ).content
        planted.said["a key in the path"] = client.get(f"/api/v1/orders/{KEY}").content
        planted.said["no such route"] = client.get(f"/api/v1/{KEY}").content
    for authorization in (f"Basic {base64.b64encode(f'{STORE_KEY}:{STORE_SECRET}'.encode()).decode()}", f"Token {KEY}"):
        answer = httpx.get(f"{world.stack.url}/api/v1/orders", headers={"Authorization": authorization})
        assert answer.status_code == 401
        planted.said[f"refused {authorization.split()[0]}"] = answer.content
    hook = f"{world.stack.url}/webhooks/woocommerce/{world.integration_id}"
    wrong = httpx.post(
        hook,
        content=b'{"id": 1}',
        headers={"X-WC-Webhook-Signature": STORE_SECRET, "X-WC-Webhook-Topic": "order.updated"},
    )
    assert wrong.status_code == 401
    planted.said["a wrong signature"] = wrong.content
    with pytest.raises(ApiError) as refused:
        world.hub.orders.fulfil(world.order_id, idempotency_key="again")
    planted.said["refused parcel"] = json.dumps(refused.value.problem).encode()


def _links(world: World, planted: Planted) -> None:
    """A link that connects a store is as good as a key until it is used."""
    with world.http(KEY) as client:
        body = {"platform": "woocommerce", "name": "By link", "store_url": "https://link.example.com"}
        url = client.post("/api/v1/integrations/connect-links", json=body).json()["url"]
    planted.secrets.append(url.partition("token=")[2].partition("&")[0])
    answer = httpx.get(url, follow_redirects=False)
    planted.said["a followed link"] = answer.content


def found_in(where: Mapping[str, bytes], secrets: Iterable[str | bytes]) -> list[str]:
    """Where a secret stands. It is not named itself: this goes into a log."""
    return [
        f"{name} holds secret number {number}"
        for number, secret in enumerate(secrets)
        for name, content in where.items()
        if any(each in content for each in spellings(secret))
    ]


class TestCredentials:
    def test_not_in_answers(self, world: World, planted: Planted) -> None:
        found = places.answers(world)
        assert len(found) > 12
        assert not found_in(found | planted.said, planted.secrets)

    def test_not_in_logs(self, world: World, planted: Planted) -> None:
        found = places.logs(world)
        assert len(found) >= 5
        assert all(found.values())
        assert not found_in(found, planted.secrets)

    def test_not_in_metrics(self, world: World, planted: Planted) -> None:
        assert not found_in(places.metrics(world), planted.secrets)

    async def test_not_in_topics_and_dead_letters(self, world: World, planted: Planted, bootstrap_servers: str) -> None:
        found = await places.topics(world, bootstrap_servers)
        for topic in (
            "raw.woocommerce",
            "raw.woocommerce.dlq",
            "commerce.orders",
            "integrations.events",
            "commands.outcomes",
        ):
            assert found[topic], topic
        assert not found_in(found, planted.secrets)

    async def test_not_in_a_dump_of_the_database(self, world: World, planted: Planted) -> None:
        found = await places.tables(world)
        assert len({name.partition(".")[0] for name in found}) >= 5
        # They are there, sealed.
        assert found["vault.integrations"].count(b"gAAAA") >= 1
        assert not found_in(found, planted.secrets)


class TestBuyers:
    """A buyer's e-mail and telephone."""

    BUYERS = (BUYER_EMAIL, BUYER_PHONE)

    async def test_they_are_where_they_belong(self, world: World, planted: Planted, bootstrap_servers: str) -> None:
        """Or the tests below would look for what was never there."""
        assert found_in({"raw": (await places.topics(world, bootstrap_servers))["raw.woocommerce"]}, self.BUYERS)
        assert found_in({"letters": (await places.tables(world))["gateway.dead_letters"]}, self.BUYERS)

    def test_not_in_logs_and_metrics(self, world: World, planted: Planted) -> None:
        emails = {order.customer.email for order in world.hub.orders.list() if order.customer and order.customer.email}
        assert emails
        assert not found_in(places.logs(world) | places.metrics(world), [*self.BUYERS, *sorted(emails)])

    def test_not_in_errors(self, world: World, planted: Planted) -> None:
        assert not found_in(planted.said, self.BUYERS)
        for letter in world.hub.dead_letters.list():
            detail = world.hub.dead_letters.get(letter.id)
            told = {"error": detail.error, "reason": detail.reason, "stack": detail.stack, "key": detail.key}
            assert not found_in({name: text.encode() for name, text in told.items()}, self.BUYERS)
