"""What can be connected, as the gateway lists it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema

from longshore_connector_shopify.permissions import ASKED


async def test_all_platforms_declare_themselves(quiet: Any) -> None:
    items = (await quiet.client.get("/api/v1/platforms")).json()["items"]
    assert {each["platform"]: each["status"] for each in items} == {
        "shopify": "available",
        "woocommerce": "available",
        "api": "available",
        "bigcommerce": "coming_soon",
        "amazon": "coming_soon",
        "magento": "coming_soon",
        "tiktok_shop": "coming_soon",
    }
    assert [each["status"] for each in items] == sorted(each["status"] for each in items)
    for each in items:
        jsonschema.Draft202012Validator.check_schema(each["credentials"])
        assert each["capabilities"]
        assert bool(each["setup_steps"]) == (each["status"] == "available")


async def test_credentials_that_fit_the_schema_connect_a_store(quiet: Any) -> None:
    items = (await quiet.client.get("/api/v1/platforms")).json()["items"]
    for each in items:
        if each["status"] != "available":
            continue
        schema = each["credentials"]
        credentials = dict.fromkeys(schema.get("required", []), "word")
        jsonschema.validate(credentials, schema)
        answer = await quiet.client.post(
            "/api/v1/integrations",
            json={
                "platform": each["platform"],
                "name": each["name"],
                "store_url": each["store_url"] or "",
                "credentials": credentials,
            },
        )
        assert answer.status_code == 201, answer.text


async def test_what_a_merchant_is_asked_for_is_what_the_connector_needs(quiet: Any) -> None:
    items = (await quiet.client.get("/api/v1/platforms")).json()["items"]
    asked = {each["platform"]: tuple(each["scopes"]) for each in items if each["scopes"]}
    assert asked == {"shopify": ASKED}
    # People read them here.
    for page in ("docs/guides/shopify.md", "docs/quickstart.md"):
        text = (Path(__file__).parents[4] / page).read_text()
        assert [scope for scope in ASKED if f"`{scope}`" not in text] == [], page


async def test_what_is_coming_cannot_be_connected(quiet: Any) -> None:
    answer = await quiet.client.post("/api/v1/integrations", json={"platform": "magento", "name": "M"})
    assert answer.status_code == 422


async def test_a_secret_is_marked_as_one(quiet: Any) -> None:
    items = (await quiet.client.get("/api/v1/platforms")).json()["items"]
    fields = {name: field for each in items for name, field in each["credentials"].get("properties", {}).items()}
    secret = {name for name, field in fields.items() if field.get("format") == "password"}
    assert secret == {"consumer_secret", "webhook_secret", "access_token", "api_secret"}
