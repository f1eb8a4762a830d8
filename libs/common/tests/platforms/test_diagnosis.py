"""What a look at a store means for a person."""

from __future__ import annotations

import pytest

from longshore.contracts import CheckStatus, Webhook, WebhookStatus
from longshore.platforms.diagnosis import CHECKS, Seen, diagnose, lack_of, worst
from longshore.platforms.protocols import (
    StoreError,
    StoreInfo,
    StoreRefused,
    StoreThrottled,
    StoreUnauthorized,
    StoreUnavailable,
)

ACTIVE = Webhook(topic="order.created", status=WebhookStatus.ACTIVE)
DISABLED = Webhook(topic="order.updated", status=WebhookStatus.DISABLED)


def seen(
    info: StoreInfo | StoreError | None = None,
    webhooks: list[Webhook] | StoreError | None = None,
    *,
    ahead_s: float = 0.0,
    plain_http: bool = False,
    manages_webhooks: bool = True,
) -> dict[str, tuple[str, str, str | None]]:
    checks = diagnose(
        Seen(
            plain_http,
            StoreInfo("Tea", "11.0.1", "EUR") if info is None else info,
            [ACTIVE] if webhooks is None else webhooks,
            ahead_s,
            manages_webhooks,
        )
    )
    assert tuple(each.name for each in checks) == CHECKS
    # Whatever is not well has a remedy, and what is well has none.
    assert all((each.remedy is None) == (each.status is CheckStatus.OK) for each in checks)
    return {each.name: (each.status.value, each.detail, each.remedy) for each in checks}


def not_ok(found: dict[str, tuple[str, str, str | None]]) -> dict[str, str]:
    return {name: status for name, (status, _, _) in found.items() if status != "ok"}


def test_all_is_well() -> None:
    found = seen()
    assert not_ok(found) == {}
    assert "Tea" in found["reachable"][1]
    assert "11.0.1" in found["platform_version"][1]


@pytest.mark.parametrize(
    ("error", "failed", "status"),
    [
        (StoreUnavailable("unknown-host", "No such name."), "reachable", "fail"),
        (StoreUnavailable("timeout", "No answer."), "reachable", "fail"),
        (StoreUnavailable("http-503", "It failed."), "reachable", "fail"),
        (StoreThrottled("throttled", "Slow down."), "reachable", "warn"),
        (StoreRefused("no-woocommerce", "No WooCommerce."), "reachable", "fail"),
        (StoreRefused("private-address", "Not public."), "reachable", "fail"),
        (StoreUnavailable("certificate", "Not trusted."), "tls", "fail"),
        (StoreUnauthorized("bad-key", "No."), "authenticated", "fail"),
        (StoreUnauthorized("needs-reauth", "No more."), "authenticated", "fail"),
        (StoreUnauthorized("access-denied", "Not that.", partial=True), "permissions", "fail"),
        (StoreUnauthorized("clock", "15 minutes apart."), "clock", "fail"),
    ],
)
def test_what_fails_is_named_and_what_depends_on_it_was_not_looked_at(
    error: StoreError, failed: str, status: str
) -> None:
    found = seen(error)
    assert found[failed][:2] == (status, error.detail)
    # A wrong clock is refused before the key is looked at.
    before = CHECKS[: 2 if failed == "clock" else CHECKS.index(failed)]
    assert all(found[name][0] == "ok" for name in before)
    assert all(found[name][0] == "warn" for name in CHECKS if name not in (*before, failed, "clock"))


def test_a_store_that_refuses_our_key_tells_the_time_all_the_same() -> None:
    assert seen(StoreUnauthorized("bad-key", "No."), ahead_s=-3600)["clock"][0] == "fail"
    assert seen(StoreUnavailable("timeout", "No answer."))["clock"][0] == "warn"


def test_a_read_only_key_is_named() -> None:
    found = seen(StoreInfo("Tea", "11", "EUR", missing=("write",)))
    assert found["permissions"][0] == "fail"
    assert "read-only" in found["permissions"][1]
    assert "Read/Write" in (found["permissions"][2] or "")
    assert "read-only" in lack_of(("write",))
    assert "read-only" not in lack_of(("read orders",))


def test_missing_scopes_are_named() -> None:
    missing = seen(StoreInfo("Tea", "2026-07", "EUR", missing=("read_orders", "write_inventory")))["permissions"]
    assert missing[0] == "fail"
    assert "read_orders, write_inventory" in missing[1]
    assert "read_orders, write_inventory" in (missing[2] or "")
    lacking = seen(StoreInfo("Tea", "2026-07", "EUR", lacking=("read_customers",)))["permissions"]
    assert lacking[0] == "warn"
    assert "read_customers" in lacking[1]


def test_webhooks() -> None:
    found = seen(webhooks=[ACTIVE, DISABLED])["webhooks"]
    assert found[0] == "fail"
    assert "1 of 2" in found[1]
    assert "order.updated (disabled)" in found[1]
    assert seen(webhooks=[ACTIVE, DISABLED], manages_webhooks=False)["webhooks"][0] == "warn"
    assert seen(webhooks=StoreRefused("webhook-secret", "There is no secret."))["webhooks"][:2] == (
        "fail",
        "There is no secret.",
    )


@pytest.mark.parametrize(
    ("ahead_s", "status"), [(0, "ok"), (29, "ok"), (-31, "warn"), (299, "warn"), (301, "fail"), (-86_400, "fail")]
)
def test_clocks(ahead_s: float, status: str) -> None:
    assert seen(ahead_s=ahead_s)["clock"][0] == status


def test_the_rest() -> None:
    assert not_ok(seen(plain_http=True)) == {"tls": "warn"}
    assert not_ok(seen(StoreInfo("Tea", "3.5", "EUR", version_warning="Old."))) == {"platform_version": "warn"}


def test_the_worst_counts() -> None:
    assert worst([]) is CheckStatus.OK
    unwell = Seen(True, StoreInfo("T", "1", None), [DISABLED], 0.0)
    assert worst(diagnose(unwell)) is CheckStatus.FAIL
