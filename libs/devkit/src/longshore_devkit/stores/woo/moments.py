"""Filters by time, as all lists of orders and products take them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from longshore_devkit.stores.woo.errors import invalid_param
from longshore_devkit.stores.woo.routing import Context


def in_time(context: Context, name: str, moment: datetime) -> bool:
    """Exclusive, whole seconds. A zone is first turned into the shop's local time; with `dates_are_gmt` the digits are
    then read as UTC all the same, which shifts the border by the shop's offset (measured)."""
    text = context.query.get(name)
    if not text:
        return True
    try:
        border = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_param(name, "Invalid date.", "rest_invalid_date") from None
    zone = ZoneInfo(context.shop.config.timezone)
    if border.tzinfo is not None:
        border = border.astimezone(zone).replace(tzinfo=None)
    gmt = context.query.get("dates_are_gmt", "").lower() in ("true", "1")
    border = border.replace(tzinfo=UTC if gmt else zone)
    return moment > border if name.endswith("after") else moment < border
