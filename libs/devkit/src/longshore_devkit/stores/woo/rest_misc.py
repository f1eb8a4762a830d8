"""Subscriptions, customers, coupons, settings and what else an integration looks at."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from longshore_devkit.stores.woo import render_products as show
from longshore_devkit.stores.woo.config import CURRENCY_NAMES, VERSION, WORDPRESS_VERSION
from longshore_devkit.stores.woo.errors import Json, RestError, invalid_id
from longshore_devkit.stores.woo.models import Webhook
from longshore_devkit.stores.woo.routing import Answer, Context, Router, run_batch

_HTML_SYMBOLS = {"EUR": "&euro;", "GBP": "&pound;", "JPY": "&yen;", "USD": "&#36;", "CAD": "&#36;", "AUD": "&#36;"}
_CUSTOMER_ORDERBY = ["id", "include", "name", "registered_date"]
_WEBHOOK_STATUSES = ["active", "paused", "disabled"]


def routes(router: Router, root: str) -> None:
    """Register subscriptions, customers, coupons, settings, currency, status and the index."""
    router.add(f"{root}/webhooks", {"GET": ("list", list_webhooks), "POST": ("create", create_webhook)})
    router.add(f"{root}/webhooks/batch", {"PUT": ("batch", batch_webhooks)})
    router.add(
        f"{root}/webhooks/{{id:int}}",
        {"GET": ("view", get_webhook), "PUT": ("edit", update_webhook), "DELETE": ("delete", delete_webhook)},
    )
    router.add(f"{root}/customers", {"GET": ("list", list_customers)})
    router.add(f"{root}/customers/{{id:int}}", {"GET": ("view", get_customer)})
    router.add(f"{root}/coupons", {"GET": ("list", list_coupons)})
    router.add(f"{root}/settings/{{group}}", {"GET": ("list", settings)})
    router.add(f"{root}/settings/{{group}}/{{option}}", {"GET": ("view", setting)})
    router.add(f"{root}/data/currencies/current", {"GET": ("view", currency)})
    router.add(f"{root}/system_status", {"GET": ("view", system_status)})
    router.add("/wp-json/", {"GET": ("public", index)})
    router.add("/wp-json", {"GET": ("public", index)})


async def list_webhooks(context: Context) -> Answer:
    """Subscriptions, newest first."""
    status = context.choice("status", "all", ["all", *_WEBHOOK_STATUSES])
    found = [hook for hook in context.shop.webhooks.values() if status in ("all", hook.status)]
    descending = context.choice("order", "desc", ["asc", "desc"]) == "desc"
    found.sort(key=lambda hook: hook.id, reverse=descending)
    return context.page(found, lambda hook: show.webhook(context.view, hook), "webhooks")


async def get_webhook(context: Context) -> Answer:
    """One subscription; an unknown one is a 400 even here."""
    return Answer(show.webhook(context.view, _webhook(context)))


async def create_webhook(context: Context) -> Answer:
    """Subscribe, always as active. The ping goes out before the answer does."""
    body, shop = context.body, context.shop
    topic = _topic(body.get("topic"), "Webhook topic is required and must be valid.")
    webhook = Webhook(
        id=next(shop.ids.webhook),
        name=str(body.get("name") or f"Webhook created on {shop.now():%b %d, %Y @ %I:%M %p}"),
        topic=topic,
        delivery_url=_url(body.get("delivery_url")),
        secret=str(body.get("secret") or secrets.token_urlsafe(36)),
        created=shop.now(),
        modified=None,
    )
    shop.webhooks[webhook.id] = webhook
    shown = show.webhook(context.edit_view, webhook)
    await context.queue.ping(webhook)
    return Answer(shown, 201, {"Location": f"{context.view.api}/webhooks/{webhook.id}"})


async def update_webhook(context: Context) -> Answer:
    """Change a subscription. Pings again when the address changes or a ping is owed; the failure count stays."""
    webhook, body = _webhook(context), context.body
    status = body.get("status") or webhook.status
    if status not in _WEBHOOK_STATUSES:
        raise RestError(400, "woocommerce_rest_shop_webhook_invalid_status", "Webhook status must be valid.")
    url = _url(body["delivery_url"]) if body.get("delivery_url") else webhook.delivery_url
    moved = url != webhook.delivery_url
    if body.get("topic"):
        webhook.topic = _topic(body["topic"], "Webhook topic must be valid.")
    webhook.delivery_url, webhook.status = url, status
    webhook.name = str(body.get("name") or webhook.name)
    webhook.secret = str(body.get("secret") or webhook.secret)
    webhook.modified = context.shop.now()
    if webhook.status == "active" and (moved or webhook.pending_ping):
        await context.queue.ping(webhook)
    return Answer(show.webhook(context.edit_view, webhook))


async def delete_webhook(context: Context) -> Answer:
    """Unsubscribe; only with `force`."""
    if not context.force:
        raise RestError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    webhook = context.shop.webhooks.pop(context.id, None)
    if webhook is None:
        raise invalid_id("shop_webhook")
    return Answer(show.webhook(context.edit_view, webhook))


async def batch_webhooks(context: Context) -> Answer:
    """Up to 100 changes at once."""
    return await run_batch(context, create_webhook, update_webhook, delete_webhook)


async def list_customers(context: Context) -> Answer:
    """Registered buyers. `modified_after` is ignored without a word; `orderby=modified` is refused (measured)."""
    orderby = context.choice("orderby", "name", _CUSTOMER_ORDERBY)
    descending = context.choice("order", "asc", ["asc", "desc"]) == "desc"
    email, search = context.query.get("email"), context.query.get("search", "").lower()
    found = [
        customer
        for customer in context.shop.customers.values()
        if (not email or customer.email == email) and search in f"{customer.username} {customer.email}".lower()
    ]
    found.sort(key=lambda customer: (customer.username if orderby == "name" else "", customer.id), reverse=descending)
    return context.page(found, lambda customer: show.customer(context.view, customer), "customers")


async def get_customer(context: Context) -> Answer:
    """One registered buyer."""
    customer = context.shop.customers.get(context.id)
    if customer is None:
        raise RestError(404, "woocommerce_rest_invalid_id", "Invalid resource ID.")
    return Answer(show.customer(context.view, customer))


async def list_coupons(context: Context) -> Answer:
    """Coupons."""
    coupons = list(context.shop.coupons.values())
    return context.page(coupons, lambda coupon: show.coupon(context.view, coupon), "coupons")


async def settings(context: Context) -> Answer:
    """One group of settings."""
    group = str(context.path["group"])
    return Answer([_setting(context, group, option) for option in _options(context, group)])


async def setting(context: Context) -> Answer:
    """One setting."""
    group, option = str(context.path["group"]), str(context.path["option"])
    if option not in _options(context, group):
        raise RestError(404, "rest_setting_setting_invalid", "Invalid setting.")
    return Answer(_setting(context, group, option))


async def currency(context: Context) -> Answer:
    """The shop's currency."""
    code = context.shop.config.currency
    links = context.view.links(f"data/currencies/{code}", allow=["GET"])
    name, sign = CURRENCY_NAMES.get(code, code), _HTML_SYMBOLS.get(code, code)
    return Answer({"code": code, "name": name, "symbol": sign, "_links": links})


async def system_status(context: Context) -> Answer:
    """The parts of the status report that an integration reads."""
    config = context.shop.config
    environment = {
        "home_url": context.origin,
        "site_url": context.origin,
        "version": VERSION,
        "wp_version": WORDPRESS_VERSION,
        "language": "en_US",
        "default_timezone": "UTC",
    }
    money: Json = {
        "api_enabled": True,
        "force_ssl": False,
        "currency": config.currency,
        "currency_symbol": _HTML_SYMBOLS.get(config.currency, config.currency),
        "currency_position": "left",
        "thousand_separator": ",",
        "decimal_separator": ".",
        "number_of_decimals": config.decimals,
        "HPOS_enabled": True,
    }
    return Answer({"environment": environment, "settings": money})


async def index(context: Context) -> Answer:
    """What the site is; needs no key."""
    zone = context.shop.config.timezone
    offset = _gmt_offset(context)
    return Answer(
        {
            "name": "Simulated shop",
            "description": "",
            "url": context.origin,
            "home": context.origin,
            "gmt_offset": str(offset),
            "timezone_string": zone,
            "namespaces": ["wc/v1", "wc/v2", "wc/v3", "wc/store/v1", "wp/v2"],
            "authentication": {},
            "routes": {"/wc/v3": {"namespace": "wc/v3", "methods": ["GET"]}},
            "_links": {"help": [{"href": "https://developer.wordpress.org/rest-api/"}]},
        }
    )


def _gmt_offset(context: Context) -> float:
    shown = context.view.local(context.shop.now())
    utc = context.view.gmt(context.shop.now())
    delta = datetime.fromisoformat(str(shown)) - datetime.fromisoformat(str(utc))
    return round(delta.total_seconds() / 3600, 2)


def _webhook(context: Context) -> Webhook:
    webhook = context.shop.webhooks.get(context.id)
    if webhook is None:
        raise invalid_id("shop_webhook", 400, "ID is invalid.")
    return webhook


def _topic(topic: Any, message: str) -> str:
    if topic not in show.HOOKS:
        raise RestError(400, "woocommerce_rest_shop_webhook_invalid_topic", message)
    return str(topic)


def _url(url: Any) -> str:
    if not str(url or "").startswith(("http://", "https://")):
        message = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise RestError(400, "woocommerce_rest_shop_webhook_invalid_delivery_url", message)
    return str(url)


def _options(context: Context, group: str) -> dict[str, tuple[str, str, str, str]]:
    """id -> (label, type, default, value)."""
    config = context.shop.config
    yes_no = {True: "yes", False: "no"}
    groups = {
        "general": {
            "woocommerce_store_address": ("Address line 1", "text", "", "1 Main St"),
            "woocommerce_default_country": ("Country / State", "select", "US:CA", "US:NY"),
            "woocommerce_calc_taxes": ("Enable taxes", "checkbox", "no", yes_no[bool(config.tax_rates)]),
            "woocommerce_enable_coupons": ("Enable coupons", "checkbox", "yes", "yes"),
            "woocommerce_currency": ("Currency", "select", "USD", config.currency),
            "woocommerce_currency_pos": ("Currency position", "select", "left", "left"),
            "woocommerce_price_thousand_sep": ("Thousand separator", "text", ",", ","),
            "woocommerce_price_decimal_sep": ("Decimal separator", "text", ".", "."),
            "woocommerce_price_num_decimals": ("Number of decimals", "number", "2", str(config.decimals)),
        },
        "tax": {
            "woocommerce_prices_include_tax": (
                "Prices entered with tax", "radio", "no", yes_no[config.prices_include_tax],
            ),
            "woocommerce_tax_round_at_subtotal": ("Rounding", "checkbox", "no", "no"),
        },
    }  # fmt: skip
    if group not in groups:
        raise RestError(404, "rest_setting_setting_group_invalid", "Invalid setting group.")
    return groups[group]


def _setting(context: Context, group: str, option: str) -> Json:
    label, kind, default, value = _options(context, group)[option]
    if option == "woocommerce_price_num_decimals":
        text = "This sets the number of decimal points shown in displayed prices."
    else:
        text = f"{label} of the shop."
    links = context.view.links(f"settings/{group}/{option}", allow=["GET", "POST", "PUT", "PATCH"])
    return {
        "id": option,
        "label": label,
        "description": text,
        "type": kind,
        "default": default,
        "tip": text,
        "value": value,
        "group_id": group,
        "_links": links,
    }
