"""What a look at a store means for a person: seven checks, each with what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longshore.contracts import CheckStatus, ConnectionCheck, Webhook, WebhookStatus
from longshore.platforms.protocols import StoreError, StoreInfo, StoreThrottled, StoreUnauthorized

OK, WARN, FAIL = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL

# A store's clock that is off by more makes orders count as of before or after what they are not; by 15 minutes
# signed requests and tokens are refused.
CLOCK_WARN_S = 30.0
CLOCK_FAIL_S = 300.0

READ_ONLY = ("write",)

# In the order in which they depend on each other.
CHECKS = ("reachable", "tls", "authenticated", "permissions", "platform_version", "webhooks", "clock")

_GIVE = "Give it to us with PATCH /api/v1/integrations/{id}, or `longshore integrations change`."
_NEW_KEY = f"Make a new key, or access token, at the store. {_GIVE}"

# What to do about what the network or the store says, by the error's code.
_REMEDIES = {
    "unknown-host": "Compare the store's address with what a browser shows, and look whether its domain still exists.",
    "unreachable": "Look whether the store is up, and whether its host or a firewall turns our address away.",
    "timeout": "Look whether the store is up and how fast it answers; a firewall may swallow our requests.",
    "connection-lost": "Try again. If it stays so, ask the store's host what closes our connections.",
    "private-address": "The store must have an address of the public internet.",
    "store-url": "Disconnect the store, and connect it by its https address.",
    "redirect": "Disconnect the store, and connect it by the address that it redirects to.",
    "no-rest-api": "In WordPress set Settings > Permalinks to anything but Plain; look whether a plugin has shut off "
    "the REST API.",
    "no-woocommerce": "Install WooCommerce there, or connect the address where the shop is.",
    "not-json": "Look at the store in a browser: a maintenance page or a cache answers instead of its API.",
    "blocked": "Let the store's firewall pass requests of the user agent Longshore to /wp-json/wc/v3.",
    "maintenance": "Look at the store in a browser; if it stays so, end its maintenance mode.",
    "database": "The store's host has to look at its database.",
    "php-error": "Look into the store's newest log (WooCommerce > Status > Logs): it names the plugin that failed.",
    "broken-json": "Give the store's PHP more memory and time, or ask its host to; its log says which.",
    "empty": "Look into the store's PHP log; empty its cache.",
    "broken-encoding": "Look at the store's cache and compression plugins.",
    "login-page": "Let requests to /wp-json/wc/v3 pass without login.",
    "site-password": "Let requests to /wp-json/wc/v3 pass without the site's password.",
    "rest-api-closed": "Let the plugin that closes the REST API pass /wp-json/wc/v3, or turn it off.",
    "no-wordpress": "Compare the store's address with what a browser shows.",
    "read-only-key": f"Set the key to Read/Write at the store, or make one that is. {_GIVE}",
    "throttled": "The store is busy: test again in some minutes.",
    "certificate": "Renew the store's certificate, with its whole chain; a private authority goes into "
    "LONGSHORE_TLS_CA_FILE.",
    "clock": "Set the store's clock by NTP.",
    "not-allowed": "Make the key as an administrator or shop manager, and see that the host passes the Authorization "
    f"header on. {_GIVE}",
    "needs-reauth": "Connect the store once more through its platform: its history goes on.",
    "shop-not-found": "Compare the shop's domain with the one in its admin.",
    "shop-frozen": "The shop's owner has to pay its plan.",
}
_TRY_AGAIN = "Test again in some minutes; if it stays so, ask the store's host."


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a store saw. `webhooks`: None where it did not come to that. `ahead_s`: the store's clock."""

    plain_http: bool
    info: StoreInfo | StoreError
    webhooks: Sequence[Webhook] | StoreError | None
    ahead_s: float
    manages_webhooks: bool = True


def diagnose(seen: Seen) -> list[ConnectionCheck]:
    """The seven checks, in the order in which they depend on each other."""
    failed = _failed_at(seen.info) if isinstance(seen.info, StoreError) else None
    # Signed requests of a wrong clock are refused before the key is looked at.
    before = {None: CHECKS, "clock": CHECKS[:2]}.get(failed, CHECKS[: CHECKS.index(failed or "clock")])
    checks = []
    for name in CHECKS:
        if name in before:
            checks.append(_good(name, seen))
        elif name == failed and isinstance(seen.info, StoreError):
            checks.append(_failure(name, seen.info))
        elif name == "clock" and failed in _BEYOND_TLS:
            # Any answer tells the time.
            checks.append(_clock(seen.ahead_s))
        else:
            checks.append(_check(name, WARN, "It was not looked at: it did not come to that.", f"Mend {failed} first."))
    return checks


def worst(checks: Sequence[ConnectionCheck]) -> CheckStatus:
    """The status of the worst of them."""
    return max((each.status for each in checks), key=(OK, WARN, FAIL).index, default=OK)


def lack_of(missing: Sequence[str]) -> str:
    """That permissions are missing, for people."""
    text = f"The store's key lacks permissions: {', '.join(missing)}."
    return f"{text} It is read-only." if tuple(missing) == READ_ONLY else text


_BEYOND_TLS = ("authenticated", "permissions", "platform_version", "webhooks")


def _failed_at(error: StoreError) -> str:
    if error.code == "certificate":
        return "tls"
    if error.code == "clock":
        return "clock"
    if isinstance(error, StoreUnauthorized):
        permissions = error.partial or error.code in ("read-only-key", "write-only-key")
        return "permissions" if permissions else "authenticated"
    return "reachable"


def _failure(name: str, error: StoreError) -> ConnectionCheck:
    default = _NEW_KEY if isinstance(error, StoreUnauthorized) else _TRY_AGAIN
    status = WARN if isinstance(error, StoreThrottled) else FAIL
    return _check(name, status, error.detail, _REMEDIES.get(error.code, default))


def _good(name: str, seen: Seen) -> ConnectionCheck:
    info = seen.info if isinstance(seen.info, StoreInfo) else None
    match name:
        case "reachable":
            return _check(name, OK, f"{info.name} answers." if info is not None else "The store answers.")
        case "tls":
            if seen.plain_http:
                return _check(name, WARN, "The store is called over plain http.", "In production use https.")
            return _check(name, OK, "The store's certificate is good.")
        case "authenticated":
            return _check(name, OK, "The store accepts our key.")
        case "permissions" if info is not None:
            return _permissions(info)
        case "platform_version" if info is not None:
            return _version(info)
        case "webhooks":
            return _webhooks(seen)
        case "clock":
            return _clock(seen.ahead_s)
    return _check(name, WARN, "It was not looked at.", _TRY_AGAIN)


def _permissions(info: StoreInfo) -> ConnectionCheck:
    name = "permissions"
    if tuple(info.missing) == READ_ONLY:
        remedy = f"Set the key to Read/Write at the store, or make one that is. {_GIVE}"
        return _check(name, FAIL, "The key is read-only: we can neither ship nor set stock.", remedy)
    if info.missing:
        return _check(name, FAIL, lack_of(info.missing), f"Grant at the store: {', '.join(info.missing)}. {_GIVE}")
    if info.lacking:
        lacking = ", ".join(info.lacking)
        return _check(name, WARN, f"Less is known without {lacking}.", f"Grant at the store, if you can: {lacking}.")
    return _check(name, OK, "The key may do all that we need.")


def _version(info: StoreInfo) -> ConnectionCheck:
    name = "platform_version"
    note = f" {info.note}" if info.note else ""
    if info.version_warning is not None:
        return _check(name, WARN, info.version_warning + note, "Update the older of the two: the store, or Longshore.")
    said = f"Version {info.platform_version}." if info.platform_version else "It is the one we use."
    return _check(name, OK, said + note)


def _webhooks(seen: Seen) -> ConnectionCheck:
    name = "webhooks"
    if isinstance(seen.webhooks, StoreError):
        return _failure(name, seen.webhooks)
    if seen.webhooks is None:
        return _check(name, WARN, "They were not looked at.", _TRY_AGAIN)
    broken = [each for each in seen.webhooks if each.status is not WebhookStatus.ACTIVE]
    if not broken:
        return _check(name, OK, f"All {len(seen.webhooks)} are registered.")
    words = ", ".join(f"{each.topic} ({each.status.value})" for each in broken)
    detail = f"{len(broken)} of {len(seen.webhooks)} are not as they must be: {words}."
    if not seen.manages_webhooks:
        return _check(name, WARN, detail, "You manage them yourself: register them at the store.")
    return _check(
        name,
        FAIL,
        detail,
        "Register them with POST /api/v1/integrations/{id}/webhooks, or `longshore integrations webhooks --repair`.",
    )


def _clock(ahead_s: float) -> ConnectionCheck:
    off = abs(ahead_s)
    if off < CLOCK_WARN_S:
        return _check("clock", OK, "The store's clock is right.")
    detail = f"The store's clock is {off:,.0f} s {'ahead' if ahead_s > 0 else 'behind'}."
    return _check("clock", FAIL if off >= CLOCK_FAIL_S else WARN, detail, _REMEDIES["clock"])


def _check(name: str, status: CheckStatus, detail: str, remedy: str | None = None) -> ConnectionCheck:
    return ConnectionCheck(name=name, status=status, detail=detail, remedy=remedy)
