"""Nobody who does not belong: every route of the document, called by strangers, by the wrong key, by a neighbour.

The routes come from the document, so a new one is in these tests without anybody thinking of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from .conftest import SKU, World, until
from .document import NOBODYS, Operation, operations
from .secrets import KEY, OTHER_KEY

pytestmark = pytest.mark.e2e

# Open to anyone, each for a reason: what proves that its caller may, or that there is nothing to protect.
PROVEN = {
    "POST /webhooks/shopify": "the store's signature",
    "POST /webhooks/woocommerce/{integration_id}": "the store's signature",
    "GET /oauth/shopify/start": "a link that works once",
    "GET /oauth/shopify/callback": "Shopify's signature, and a state of the same browser",
    "GET /oauth/woocommerce/start": "a link that works once",
    "POST /oauth/woocommerce/callback": "the flow's state",
    "GET /oauth/woocommerce/return": "the flow's state",
    "POST /api/v1/auth/login": "a password",
    "POST /api/v1/auth/refresh": "the cookie of a session",
    "POST /api/v1/auth/accept": "an invitation",
    "GET /api/v1/auth/oidc/callback": "the provider's proof, and a state of the same browser",
}
PUBLIC = {
    "GET /api/v1/auth/oidc/start": "sends one to the provider, who asks who one is",
    "GET /api/v1/auth/methods": "says how one logs in, nothing of anybody",
    "POST /api/v1/auth/logout": "ends the session of its cookie, or none",
    "GET /livez": "says nothing",
    "GET /readyz": "says what is missing, no data",
    "GET /metrics": "numbers of the whole hub; a proxy keeps the internet off it",
    "GET /openapi.json": "published",
    "GET /asyncapi.json": "published",
}
OPEN = PROVEN | PUBLIC

# No key can do these: they are about the person who asks.
PEOPLE_ONLY = {"POST /api/v1/me/password"}

# What gives a scope beside that of its own name.
GIVE = {"read": {"admin"}}

# Bodies that the least example is not enough for.
BODIES: dict[str, Any] = {
    "POST /api/v1/inventory/adjustments": {"sku": SKU, "delta": 1, "reason": "access"},
    "POST /api/v1/listings/{listing_id}/price": {"price": {"amount": 1, "currency": "EUR", "exponent": 2}},
    "POST /api/v1/orders/{order_id}/refunds": {"full": True},
    "POST /api/v1/orders/{order_id}/tags": {"add": ["access"]},
    "POST /api/v1/orders/{order_id}/fulfillments/{fulfillment_id}/tracking": {"number": "ACCESS"},
    "POST /api/v1/dead-letters/replay": {"ids": [NOBODYS]},
    # Nobody can give what they do not have.
    "POST /api/v1/api-keys": {"name": "made by the access test", "scopes": ["admin"]},
    "POST /api/v1/users": {"email": "access@example.com", "role": "viewer"},
    "POST /api/v1/integrations/connect-links": {"platform": "shopify", "store_url": "https://access.myshopify.com"},
    "POST /api/v1/integrations": {"platform": "api", "name": "made by the access test"},
}

SYNC_RUN = "/api/v1/sync-runs/{run_id}"


def send(client: httpx.Client, operation: Operation, ids: dict[str, str]) -> httpx.Response:
    body = BODIES.get(operation.name, operation.body)
    content = None if body is None else json.dumps(body).encode()
    headers = operation.headers | ({"Content-Type": operation.media_type} if operation.media_type else {})
    return client.request(
        operation.method, operation.url(ids), params=operation.query, content=content, headers=headers
    )


def sync_run(world: World) -> str:
    """A sync run of the first organisation's store, which has ended."""
    run = world.hub.integrations.sync(world.integration_id, ["orders"], mode="full").items[0]
    until(lambda: world.hub.integrations.sync_run(run.id).finished_at)
    return str(run.id)


def ids_of(world: World, operation: Operation) -> dict[str, str]:
    """The first organisation's real things, for the parameters of a path."""
    found: dict[str, str] = {}
    if "run_id" in operation.parameters and SYNC_RUN not in world.objects:
        world.objects[SYNC_RUN] = sync_run(world)
    for name in operation.parameters:
        prefix = operation.path[: operation.path.index(f"{{{name}}}")] + f"{{{name}}}"
        assert prefix in world.objects, f"{operation.name}: tell in conftest.py which object of {prefix} there is"
        found[name] = world.objects[prefix]
    return found


def nobodys(operation: Operation) -> dict[str, str]:
    return dict.fromkeys(operation.parameters, NOBODYS)


def guarded(world: World) -> Iterator[Operation]:
    found = [each for each in operations(world.document) if each.name not in OPEN]
    assert len(found) > 20
    yield from found


def assert_problem(answer: httpx.Response, status: int, operation: Operation) -> None:
    assert answer.status_code == status, f"{operation.name}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json", operation.name
    assert answer.json()["status"] == status


class TestWithoutAKey:
    def test_only_what_is_meant_to_be_is_open(self, world: World) -> None:
        open_ones = {each.name for each in operations(world.document) if each.scopes is None}
        assert open_ones == set(OPEN)

    def test_what_is_open_by_a_proof_refuses_without_it(self, world: World) -> None:
        for operation in operations(world.document):
            if operation.name in PROVEN:
                with world.http() as client:
                    answer = send(client, operation, {"integration_id": world.integration_id})
                assert 400 <= answer.status_code < 500, f"{operation.name}: {answer.status_code} {answer.text}"

    @pytest.mark.parametrize(
        "authorization",
        [None, "", "Bearer", "Bearer lsk_nobodys", f"Basic {KEY}", KEY, f"Bearer {KEY}x", f"Bearer {KEY[:-1]}"],
        ids=["none", "empty", "no key", "unknown", "other scheme", "no scheme", "longer", "shorter"],
    )
    def test_each_route_refuses(self, world: World, authorization: str | None) -> None:
        with world.http() as client:
            if authorization is not None:
                client.headers["Authorization"] = authorization
            for operation in guarded(world):
                answer = send(client, operation, ids_of(world, operation))
                assert_problem(answer, 401, operation)
                assert answer.headers["www-authenticate"].startswith("Bearer"), operation.name

    def test_a_revoked_or_expired_key_is_refused(self, world: World) -> None:
        revoked = world.hub.api_keys.create("to revoke", ["read"])
        with world.http(revoked.key) as client:
            assert client.get("/api/v1/orders").status_code == 200
            world.hub.api_keys.revoke(revoked.id)
            assert client.get("/api/v1/orders").status_code == 401
        short = world.hub.api_keys.create("short", ["read"], expires_at=datetime.now(UTC) + timedelta(seconds=4))
        with world.http(short.key) as client:
            until(lambda: client.get("/api/v1/orders").status_code == 401, timeout=15)


class TestScopes:
    """A key needs what the document says, and no more."""

    def test_each_route_refuses_a_key_with_all_scopes_but_its_own(self, world: World) -> None:
        needed = {scope for each in guarded(world) for scope in each.scopes or ()}
        assert len(needed) > 3
        for scope in sorted(needed):
            made = world.hub.api_keys.create(f"all but {scope}", sorted(needed - {scope} - GIVE.get(scope, set())))
            with world.http(made.key) as client:
                for operation in guarded(world):
                    if scope in (operation.scopes or ()):
                        answer = send(client, operation, ids_of(world, operation))
                        assert_problem(answer, 403, operation)
                        assert answer.json()["scope"] == scope, operation.name

    def test_each_route_lets_in_a_key_with_its_own_scope_alone(self, world: World) -> None:
        for operation in guarded(world):
            made = world.other.api_keys.create("its own", operation.scopes or ["read"])
            with world.http(made.key) as client:
                answer = send(client, operation, nobodys(operation))
            if operation.name in PEOPLE_ONLY:
                assert_problem(answer, 403, operation)
                continue
            assert answer.status_code not in {401, 403}, f"{operation.name}: {answer.text}"
            assert answer.status_code < 500, f"{operation.name}: {answer.text}"


class TestRoles:
    """People, by what their role may do."""

    @pytest.fixture(params=["viewer", "operator"])
    def person(self, world: World, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
        role = request.param
        password = f"a long password of the {role}"
        world.hub.users.create(f"{role}@door.example", role, password=password)
        with world.http() as client:
            login = client.post("/api/v1/auth/login", json={"email": f"{role}@door.example", "password": password})
            assert login.status_code == 200, login.text
            client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
            yield client

    def test_each_route_lets_in_whom_it_should_and_nobody_else(self, world: World, person: httpx.Client) -> None:
        me = person.get("/api/v1/me").json()
        allowed, refused = 0, 0
        for operation in guarded(world):
            if set(operation.scopes or ()) <= set(me["scopes"]):
                # Of things that do not exist: nothing is to change here.
                answer = send(person, operation, nobodys(operation))
                if operation.name not in PEOPLE_ONLY:  # a wrong password is 401, too
                    assert answer.status_code not in {401, 403}, f"{operation.name}: {answer.text}"
                allowed += 1
                if me["role"] == "viewer":
                    assert operation.method == "GET" or operation.name in PEOPLE_ONLY, operation.name
            else:
                assert_problem(send(person, operation, ids_of(world, operation)), 403, operation)
                refused += 1
        assert allowed > 10
        assert refused > 5

    def test_a_person_of_another_organisation_finds_nothing(self, world: World) -> None:
        password = "a long password of a neighbour"
        world.other.users.create("owner@neighbour.example", "owner", password=password)
        with world.http() as client:
            login = client.post("/api/v1/auth/login", json={"email": "owner@neighbour.example", "password": password})
            client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
            for operation in guarded(world):
                if operation.parameters:
                    assert_problem(send(client, operation, ids_of(world, operation)), 404, operation)

    def test_a_disabled_person_is_out(self, world: World) -> None:
        password = "a long password of a leaver"
        made = world.hub.users.create("leaver@door.example", "viewer", password=password)
        with world.http() as client:
            login = client.post("/api/v1/auth/login", json={"email": "leaver@door.example", "password": password})
            client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
            assert client.get("/api/v1/orders").status_code == 200
            world.hub.users.change(made.id, disabled=True)
            for operation in guarded(world):
                assert_problem(send(client, operation, ids_of(world, operation)), 401, operation)


class TestNeighbours:
    """The second organisation, with a key that may do everything there."""

    def test_what_is_not_ours_does_not_exist(self, world: World) -> None:
        before = world.hub.system.state_hash()
        with world.http(OTHER_KEY) as client:
            for operation in guarded(world):
                if not operation.parameters:
                    continue
                ids = ids_of(world, operation)
                answer = send(client, operation, ids)
                assert_problem(answer, 404, operation)
                # Nor can it be told from what never existed.
                nothing = send(client, operation, nobodys(operation))
                assert (answer.status_code, _without(answer.text, ids)) == (
                    nothing.status_code,
                    _without(nothing.text, nobodys(operation)),
                ), operation.name
        assert world.hub.system.state_hash() == before
        # Nothing was deleted, replayed or shipped either.
        with world.http(KEY) as client:
            for operation in guarded(world):
                if operation.method == "GET" and operation.parameters:
                    answer = send(client, operation, ids_of(world, operation))
                    assert answer.status_code == 200, f"{operation.name}: {answer.text}"

    def test_no_list_shows_anything_of_ours(self, world: World) -> None:
        ours = set(world.objects.values()) | {world.fulfillable_id, "DOOR-"}
        seen = 0
        with world.http(OTHER_KEY) as client, world.http(KEY) as own:
            for operation in guarded(world):
                if operation.method != "GET" or operation.parameters:
                    continue
                filters = [
                    {},
                    {"integration_id": world.integration_id, "order_id": world.order_id, "sku": SKU, "q": "DOOR"},
                ]
                for filter in filters:
                    answer = client.get(operation.path, params=operation.query | filter)
                    assert answer.status_code == 200, f"{operation.name}: {answer.text}"
                    assert not [each for each in ours if each in answer.text], operation.name
                mine = own.get(operation.path, params=operation.query)
                seen += bool([each for each in ours if each in mine.text])
        # The owner sees them in most of the same lists: the comparison above is of something.
        assert seen >= 6

    def test_what_names_ours_in_its_body_touches_nothing(self, world: World) -> None:
        letter = world.objects["/api/v1/dead-letters/{id}"]
        before = world.hub.system.state_hash()
        assert world.other.dead_letters.replay([letter]).replayed == 0
        assert world.other.dead_letters.replay(all=True).replayed == 0
        assert world.hub.dead_letters.get(letter).replayed_at is None
        with world.http(OTHER_KEY) as client:
            body = {"sku": SKU, "delta": 5, "reason": "not mine"}
            client.post("/api/v1/inventory/adjustments", json=body)
        assert world.hub.system.state_hash() == before

    def test_the_header_that_services_trust_is_not_taken_from_outside(self, world: World) -> None:
        org_id = str(world.hub.integrations.get(world.integration_id).org_id)
        with world.http(OTHER_KEY) as client:
            for operation in guarded(world):
                if operation.method == "GET" and operation.parameters:
                    operation.headers["X-Longshore-Org"] = org_id
                    assert send(client, operation, ids_of(world, operation)).status_code == 404, operation.name
        for service in ("order-sync", "inventory"):
            answer = httpx.get(f"{world.stack.urls[service]}/api/v1/orders", headers={"X-Longshore-Org": org_id})
            assert answer.status_code in {401, 404}, service

    def test_one_key_of_idempotency_is_two_for_two_organisations(self, world: World) -> None:
        mine = world.hub.inventory.adjust(SKU, delta=1, reason="mine", idempotency_key="the same")
        with world.http(OTHER_KEY) as client:
            body = {"sku": SKU, "delta": 1, "reason": "mine"}
            answer = client.post("/api/v1/inventory/adjustments", json=body, headers={"Idempotency-Key": "the same"})
        assert str(mine.movement.id) not in answer.text


def _without(text: str, ids: dict[str, str]) -> str:
    for each in ids.values():
        text = text.replace(each, "ID")
    return text
