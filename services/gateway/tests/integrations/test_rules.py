"""What a store's address and credentials may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from longshore.problems import Problem
from longshore_gateway.integrations.rules import IntegrationCreate, read_credentials, read_store

WOO = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}


def request(**fields: Any) -> IntegrationCreate:
    return IntegrationCreate.model_validate(
        {"platform": "woocommerce", "name": "Shop", "store_url": "https://shop.example", "credentials": WOO} | fields
    )


class TestReadStore:
    @pytest.mark.parametrize(
        ("url", "key"),
        [
            ("https://shop.example", "shop.example"),
            ("https://Shop.Example/", "shop.example"),
            ("https://shop.example:8443/store/", "shop.example:8443/store"),
            ("https://8.8.8.8", "8.8.8.8"),
            ("https://[2606:4700::1111]/x", "[2606:4700::1111]/x"),
        ],
    )
    def test_woocommerce(self, url: str, key: str) -> None:
        assert read_store(request(store_url=url), allow_private=False)[1] == key

    @pytest.mark.parametrize(
        "url",
        [
            "", "shop.example", "ftp://shop.example", "https://", "https://user:pw@shop.example",
            "https://shop.example?x=1", "https://shop.example#x", "https://shop.example:99999", "http://shop.example",
            "https://127.0.0.1", "https://localhost", "https://10.0.0.1", "https://192.168.1.1:443", "https://[::1]",
            "https://[::ffff:127.0.0.1]", "https://169.254.169.254/latest", "https://2130706433", "https://0x7f000001",
            "https://intranet", "https://db.internal",
        ],
    )  # fmt: skip
    def test_refused_in_production(self, url: str) -> None:
        with pytest.raises(Problem) as caught:
            read_store(request(store_url=url), allow_private=False)
        assert caught.value.status == 422
        assert "store_url" in caught.value.detail

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9400", "https://localhost:8143", "http://shop.test"])
    def test_allowed_in_development(self, url: str) -> None:
        assert read_store(request(store_url=url), allow_private=True)[0] == url

    @pytest.mark.parametrize("url", ["demo.myshopify.com", "https://Demo.myshopify.com/", "https://demo.myshopify.com"])
    def test_shopify(self, url: str) -> None:
        store = request(platform="shopify", store_url=url, credentials={"access_token": "t"})
        assert read_store(store, allow_private=False) == ("https://demo.myshopify.com", "demo.myshopify.com")

    @pytest.mark.parametrize(
        "url",
        ["https://shop.example", "https://demo.myshopify.com.evil.example", "https://x@demo.myshopify.com",
         "https://demo.myshopify.com/admin", "https://-demo.myshopify.com", ""],
    )  # fmt: skip
    def test_no_shop(self, url: str) -> None:
        with pytest.raises(Problem):
            read_store(request(platform="shopify", store_url=url), allow_private=True)


class TestReadCredentials:
    def test_a_webhook_secret_is_made_when_none_is_given(self) -> None:
        assert read_credentials(request(), make_secret=lambda: "made") == WOO | {"webhook_secret": "made"}
        given = request(credentials=WOO | {"webhook_secret": "given"})
        assert read_credentials(given, make_secret=lambda: "made")["webhook_secret"] == "given"

    def test_made_secrets_differ(self) -> None:
        assert read_credentials(request())["webhook_secret"] != read_credentials(request())["webhook_secret"]

    @pytest.mark.parametrize(
        ("platform", "credentials", "field"),
        [
            ("woocommerce", {"consumer_key": "ck_1"}, "consumer_secret"),
            ("woocommerce", WOO | {"consumer_sekret": "x"}, "consumer_sekret"),
            ("woocommerce", WOO | {"consumer_key": ""}, "consumer_key"),
            ("shopify", {"api_secret": "s"}, "access_token"),
            ("api", {"key": "x"}, "key"),
        ],
    )
    def test_what_is_wrong_is_named_and_no_value_shown(
        self, platform: str, credentials: dict[str, str], field: str
    ) -> None:
        with pytest.raises(Problem) as caught:
            read_credentials(request(platform=platform, credentials=credentials))
        assert caught.value.status == 422
        assert field in caught.value.detail
        assert "ck_1" not in str(caught.value.body())


class TestIntegrationCreate:
    @pytest.mark.parametrize(
        "fields",
        [
            {"platform": "magento"}, {"name": ""}, {"name": "x" * 201}, {"credentials": {"a": 1}},
            {"settings": {"manage_webhook": False}}, {"settings": {"stock": {"mode": "always"}}},
            {"settings": {"stock": {"buffer": -1}}}, {"settings": {"poll_interval_s": 0}}, {"extra": 1},
        ],
    )  # fmt: skip
    def test_refused(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            request(**fields)

    def test_its_repr_shows_no_credentials(self) -> None:
        assert "cs_1" not in repr(request())
