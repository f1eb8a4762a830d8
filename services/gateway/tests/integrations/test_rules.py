"""What a store's address and credentials may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from longshore.platforms.declaration import find_platforms
from longshore.problems import Problem
from longshore.vault import GRANTED
from longshore_gateway.ingest.declaration import PLATFORM as CUSTOM_CHANNEL
from longshore_gateway.integrations import rules
from longshore_gateway.integrations.rules import (
    Changed,
    IntegrationCreate,
    IntegrationPatch,
    change,
)

PLATFORMS = find_platforms(CUSTOM_CHANNEL)
WOO = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}


def request(**fields: Any) -> IntegrationCreate:
    return IntegrationCreate.model_validate(
        {"platform": "woocommerce", "name": "Shop", "store_url": "https://shop.example", "credentials": WOO} | fields
    )


def read_store(request: IntegrationCreate, *, allow_private: bool) -> tuple[str, str]:
    found = rules.read_store(PLATFORMS[request.platform.value], request, allow_private=allow_private)
    return found.url, found.key


def read_credentials(request: IntegrationCreate) -> dict[str, str]:
    return rules.read_credentials(PLATFORMS[request.platform.value], request.credentials)


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

    @pytest.mark.parametrize("url", ["", "https://till.example", "http://10.0.0.7"])
    def test_a_custom_channel_is_its_name(self, url: str) -> None:
        till = request(platform="api", name="Till", store_url=url, credentials={})
        assert read_store(till, allow_private=False) == (url, "till")

    def test_nobody_is_led_to_a_script(self) -> None:
        with pytest.raises(Problem):
            read_store(request(platform="api", store_url="javascript:alert(1)", credentials={}), allow_private=True)


class TestReadCredentials:
    def test_a_webhook_secret_is_made_when_none_is_given(self) -> None:
        made = read_credentials(request())
        assert len(made.pop("webhook_secret")) >= 40
        assert made == WOO
        given = request(credentials=WOO | {"webhook_secret": "given"})
        assert read_credentials(given)["webhook_secret"] == "given"

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


KEPT = WOO | {"webhook_secret": "wh_1"}
SETTINGS = {
    "manage_webhooks": True,
    "backfill": True,
    "poll_interval_s": 60,
    "stock": {"mode": "follower", "buffer": 2},
}


def patched(
    patch: dict[str, Any],
    platform: str = "woocommerce",
    *,
    settings: dict[str, Any] = SETTINGS,
    credentials: dict[str, str] = KEPT,
) -> Changed:
    parsed = IntegrationPatch.model_validate(patch)
    return change(PLATFORMS[platform], parsed, name="Shop", settings=settings, credentials=credentials)


class TestChange:
    def test_what_is_left_out_stays(self) -> None:
        assert patched({}) == Changed("Shop", SETTINGS, None, recheck=False)

    def test_a_name_asks_for_no_check(self) -> None:
        assert patched({"name": " Tea "}) == Changed("Tea", SETTINGS, None, recheck=False)

    def test_settings_are_merged_member_by_member_and_null_is_the_default(self) -> None:
        after = patched({"settings": {"poll_interval_s": None, "stock": {"buffer": 5}}})
        stock = {"mode": "follower", "buffer": 5}
        assert after.settings == SETTINGS | {"poll_interval_s": None, "stock": stock}
        assert not after.recheck
        assert patched({"settings": {"stock": None}}).settings["stock"] == {"mode": "shared", "buffer": 0}

    @pytest.mark.parametrize(
        ("before", "patch", "recheck"), [(False, True, True), (True, True, False), (True, False, False)]
    )
    def test_webhooks_that_are_to_be_managed_from_now_on_are_registered(
        self, before: bool, patch: bool, recheck: bool
    ) -> None:
        after = patched({"settings": {"manage_webhooks": patch}}, settings=SETTINGS | {"manage_webhooks": before})
        assert after.recheck is recheck

    def test_credentials_are_merged_and_checked_anew(self) -> None:
        after = patched({"credentials": {"consumer_secret": "cs_2"}})
        assert (after.credentials, after.recheck) == (KEPT | {"consumer_secret": "cs_2"}, True)

    def test_the_same_again_is_checked_again(self) -> None:
        after = patched({"credentials": {}})
        assert (after.credentials, after.recheck) == (None, True)

    def test_a_secret_that_is_taken_away_is_made_anew(self) -> None:
        after = patched({"credentials": {"webhook_secret": None}})
        assert after.credentials is not None
        assert after.credentials["webhook_secret"] not in ("", "wh_1")

    def test_what_was_granted_can_be_checked_again_and_gives_way_to_a_token_that_is_typed_in(self) -> None:
        granted = dict(GRANTED)
        again = patched({"credentials": {}}, "shopify", credentials=granted)
        assert (again.credentials, again.recheck) == (None, True)
        after = patched({"credentials": {"access_token": "t"}}, "shopify", credentials=granted)
        assert after.credentials == {"access_token": "t"}

    def test_a_custom_channel_has_nothing_to_check(self) -> None:
        assert not patched({"credentials": {}}, "api", credentials={}).recheck

    @pytest.mark.parametrize(
        ("patch", "pointer"),
        [
            ({"credentials": {"consumer_key": None}}, "/credentials/consumer_key"),
            ({"credentials": {"consumer_key": ""}}, "/credentials/consumer_key"),
            ({"credentials": {"access_token": "planted"}}, "/credentials/access_token"),
            ({"settings": {"stock": {"buffer": -1}}}, "/settings/stock/buffer"),
            ({"settings": {"stock": {"mode": "always"}}}, "/settings/stock/mode"),
            ({"settings": {"stock": 7}}, "/settings/stock"),
            ({"settings": {"unknown": 1}}, "/settings/unknown"),
        ],
    )
    def test_a_change_is_checked_as_a_new_store_is(self, patch: dict[str, Any], pointer: str) -> None:
        with pytest.raises(Problem) as caught:
            patched(patch)
        assert caught.value.status == 422
        assert [each["pointer"] for each in caught.value.extra["errors"]] == [pointer]
        assert "planted" not in str(caught.value.body())

    @pytest.mark.parametrize("patch", [{"platform": "shopify"}, {"store_url": "https://x.example"}, {"name": ""}])
    def test_what_makes_it_that_store_cannot_be_changed(self, patch: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            IntegrationPatch.model_validate(patch)
