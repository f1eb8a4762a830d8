"""What a page means that came instead of JSON: hosts, firewalls and plugins answer in place of the store. Each cause is
named with what to do about it; the texts were read on those products' own pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

NO_WORDPRESS = "no-wordpress"

# Titles and messages stand at the beginning; styles before them may be long.
_LOOKED_AT = 64 * 1024
_LET = "let requests to /wp-json/wc/v3 with the user agent Longshore pass"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why no JSON came: an error's code, and its detail for people."""

    code: str
    detail: str


_CHALLENGE = Cause("blocked", f"Cloudflare, before the store, lets browsers in only: {_LET} (a WAF rule that skips).")

_KNOWN: tuple[tuple[tuple[bytes, ...], Cause], ...] = (
    ((b"just a moment...", b"challenges.cloudflare.com", b"attention required! | cloudflare"), _CHALLENGE),
    ((b"wordfence",), Cause("blocked", f"The plugin Wordfence blocks us: {_LET} (Wordfence > Firewall > Allowlist).")),
    ((b"sucuri",), Cause("blocked", f"The firewall Sucuri blocks us: {_LET}.")),
    ((b"imunify360",), Cause("blocked", f"The host's Imunify360 takes us for a bot: ask the host to {_LET}.")),
    ((b"sgcaptcha",), Cause("blocked", f"The host SiteGround wants a captcha of us: ask it to {_LET}.")),
    (
        (b"mod_security", b"modsecurity", b"<title>not acceptable"),
        Cause("blocked", f"The host's mod_security refuses us: ask the host to {_LET}."),
    ),
    (
        (b"for scheduled maintenance", b"maintenance mode", b"under maintenance"),
        Cause(
            "maintenance", "The store is under maintenance; we come again. If it stays so, end its maintenance mode."
        ),
    ),
    (
        (b"error establishing a database connection",),
        Cause("database", "WordPress cannot reach its database: the store's host has to look at it."),
    ),
    (
        (b"there has been a critical error", b"fatal error", b"parse error"),
        Cause(
            "php-error", "PHP failed at the store: the newest log under WooCommerce > Status > Logs names the plugin."
        ),
    ),
    (
        (b'id="loginform"', b"wp-login.php"),
        Cause("login-page", "A plugin shows a login page to visitors: let /wp-json/wc/v3 pass without login."),
    ),
    (
        (b"index of /", b"welcome to nginx", b"apache2 default page", b"domain is parked", b"domain is for sale"),
        Cause(NO_WORDPRESS, "There is no WordPress at this address: compare it with what a browser shows."),
    ),
)
_BEYOND_CLOUDFLARE = {
    520: "gives it an answer that is none",
    521: "is down",
    522: "does not answer in time",
    523: "cannot be reached",
    524: "takes longer than 100 s",
    525: "offers no TLS that it understands",
    526: "has a certificate that is not valid",
}
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<", re.DOTALL)


def is_page(content: bytes) -> bool:
    """Whether it is markup."""
    return _PAGE.match(content[:4096]) is not None


def cause_of(status: int, headers: Mapping[str, str], content: bytes) -> Cause | None:
    """The cause that an answer without JSON tells; None where it tells none. `headers` by lower-case name."""
    if headers.get("cf-mitigated") == "challenge":
        return _CHALLENGE
    if status in _BEYOND_CLOUDFLARE:
        what = _BEYOND_CLOUDFLARE[status]
        return Cause(f"http-{status}", f"The store's own server {what}, says Cloudflare before it (HTTP {status}).")
    text = content[:_LOOKED_AT].lower()
    return next((cause for words, cause in _KNOWN if any(word in text for word in words)), None)
