"""Use cases of connecting by consent. A state is used up before the platform is asked for tokens, and for good."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.clock import Clock, utc_now
from longshore.contracts import Platform
from longshore.ids import OrgId
from longshore.platforms.declaration import Declaration
from longshore.platforms.outcomes import row_message
from longshore.platforms.protocols import StoreError, StoreUnavailable
from longshore.platforms.token_endpoint import GrantRefused, TokenEndpoint
from longshore.problems import Problem
from longshore.vault import GRANTED, AlreadyConnected, IntegrationRow, InvalidKey, Sealer, TokenPair, TokenStore, Vault
from longshore_gateway.door.browser import SentOn
from longshore_gateway.integrations.rules import IntegrationCreate, IntegrationSettings, read_store
from longshore_gateway.models import SCHEMA
from longshore_gateway.oauth import rules, store
from longshore_gateway.oauth.store import Flow
from longshore_gateway.webhooks.rules import SHOP_DOMAIN, with_old_secret

log = structlog.get_logger(__name__)

# A flow whose tokens were lost on the way is begun anew by itself so often: the merchant has agreed already.
MOST_RESTARTS = 1


@dataclass(frozen=True, slots=True)
class ShopifyApp:
    """The public app. `secrets`: newest first; the newest is ours, all of them verify."""

    client_id: str | None
    secrets: Sequence[str]
    admin_origin: str | None = None
    tls_ca_file: str | None = None

    def base(self, shop: str) -> str:
        """Where a shop's admin is."""
        return f"{self.admin_origin.rstrip('/')}/{shop}" if self.admin_origin else f"https://{shop}"


class Consent:
    """Begins flows and ends them."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        sealer: Sealer,
        app: ShopifyApp,
        platforms: Mapping[str, Declaration],
        *,
        public_url: str,
        allow_private: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._sealer = sealer
        self._tokens = TokenStore(sealer)
        self._app = app
        self._platforms = platforms
        self._public_url = public_url.rstrip("/")
        self._allow_private = allow_private
        self._clock = clock

    def link(
        self, org_id: OrgId, platform: Platform, store_url: str, name: str, settings: IntegrationSettings
    ) -> tuple[str, datetime]:
        """A link that a person follows to connect a store, and until when. Raises Problem 409 or 422."""
        if platform is Platform.SHOPIFY:
            self._client_id()
        elif platform is not Platform.WOOCOMMERCE:
            raise Problem(422, "Stores of this platform are not connected by consent.", type="invalid-input")
        elif not self._public_url.startswith("https://") and not self._allow_private:
            detail = (
                "WooCommerce gives its keys to https addresses alone: set LONGSHORE_PUBLIC_URL to one that leads here."
            )
            raise Problem(409, detail, type="no-public-https")
        store_url, store_key = self._place(platform, store_url)
        expires_at = self._clock() + rules.LINK_FOR
        claims = rules.link_claims(str(org_id), platform, store_url, name, settings.model_dump(), expires_at)
        token = self._sealer.seal(claims).decode()
        shop = f"shop={store_key}&" if platform is Platform.SHOPIFY else ""
        return f"{self._public_url}/oauth/{platform.value}/start?{shop}token={token}", expires_at

    async def start(self, platform: Platform, token: str, shop: str | None = None) -> SentOn:
        """Follow a link, once. Raises Problem 400, 401 or 409."""
        try:
            claims = self._sealer.open(token.encode())
        except InvalidKey:
            raise rules.bad_link() from None
        now = self._clock()
        rules.check_link(claims, platform, now)
        store_url, store_key = self._place(platform, claims["store_url"])
        if shop is not None and (not SHOP_DOMAIN.fullmatch(shop) or shop.lower() != store_key):
            raise Problem(400, "This link is for another shop.", type="wrong-shop")
        flow = Flow(
            org_id=OrgId(UUID(claims["org_id"])),
            platform=platform,
            store_url=store_url,
            store_key=store_key,
            name=claims["name"],
            settings=json.loads(claims["settings"]),
            restarts=0,
        )
        return await self._begin(flow, link=rules.digest(token))

    async def end_shopify(
        self, pairs: Sequence[tuple[str, str]], cookies: Mapping[str, str]
    ) -> IntegrationRow | SentOn:
        """Take a callback of Shopify's: the store that is connected, or where to go once more.

        Raises Problem 400, 401, 403, 409 or 502.
        """
        client_id = self._client_id()
        callback = rules.read_shopify_callback(pairs, self._app.secrets, self._clock())
        flow = await self._claim(Platform.SHOPIFY, callback.state, cookies)
        if flow.store_key != callback.shop:
            raise Problem(
                400, "This callback is of another shop than the one that was to be connected.", type="wrong-shop"
            )
        endpoint = TokenEndpoint(
            f"{self._app.base(callback.shop)}/admin/oauth/access_token",
            client_id,
            self._app.secrets[0],
            # What stands in for all shops in development stands where it likes.
            allow_private=self._app.admin_origin is not None,
            tls_ca_file=self._app.tls_ca_file,
            clock=self._clock,
        )
        pair = await self._exchange(endpoint, callback.code, flow)
        if pair is None:
            return await self._begin(flow, restarts=flow.restarts + 1)
        async with self._engine.begin() as conn:
            row = await self._connect(conn, flow, GRANTED)
            await self._tokens.put(conn, row.id, row.org_id, pair, self._clock())
            await store.note_done(conn, rules.digest(callback.state), row.id)
        return row

    async def end_woocommerce(self, keys: rules.WooCommerceKeys) -> IntegrationRow:
        """Take the keys that a store has made for us. Raises Problem 409."""
        now = self._clock()
        async with self._engine.begin() as conn:
            flow = await store.claim(conn, Platform.WOOCOMMERCE, rules.digest(keys.user_id), now, browser=None)
            if flow is None:
                raise _used_up()
            credentials = {
                "consumer_key": keys.consumer_key.get_secret_value(),
                "consumer_secret": keys.consumer_secret.get_secret_value(),
                "webhook_secret": rules.make_secret(),
            }
            row = await self._connect(conn, flow, credentials)
            await store.note_done(conn, rules.digest(keys.user_id), row.id)
        return row

    async def look(self, state: str, cookies: Mapping[str, str]) -> UUID | None:
        """What a flow has led to so far, for the browser that began it. Raises Problem 403."""
        browser = rules.digest(cookies.get(rules.cookie_name(state), ""))
        async with self._engine.connect() as conn:
            found = await store.look(conn, rules.digest(state), browser)
        if found is None:
            raise _other_browser()
        return found[1]

    async def _begin(self, flow: Flow, *, link: str | None = None, restarts: int = 0) -> SentOn:
        state, secret = rules.make_secret(), rules.make_secret()
        now = self._clock()
        flow = replace(flow, restarts=restarts)
        async with self._engine.begin() as conn:
            begun = await store.add(
                conn,
                flow,
                state=rules.digest(state),
                browser=rules.digest(secret),
                link=link,
                now=now,
                expires_at=now + rules.STATE_FOR,
            )
        if not begun:
            raise Problem(409, "This link has been used: ask for a new one.", type="link-used")
        if flow.platform is Platform.SHOPIFY:
            redirect = f"{self._public_url}/oauth/shopify/callback"
            base = self._app.base(flow.store_key)
            scopes = self._platforms[flow.platform.value].scopes
            url = rules.shopify_authorize_url(base, self._client_id(), scopes, redirect, state)
        else:
            url = rules.woocommerce_authorize_url(flow.store_url, self._public_url, state)
        return SentOn(url, rules.cookie_name(state), secret)

    async def _claim(self, platform: Platform, state: str, cookies: Mapping[str, str]) -> Flow:
        browser = cookies.get(rules.cookie_name(state))
        if not browser:
            raise _other_browser()
        async with self._engine.begin() as conn:
            flow = await store.claim(conn, platform, rules.digest(state), self._clock(), browser=rules.digest(browser))
        if flow is None:
            raise _used_up()
        return flow

    async def _exchange(self, endpoint: TokenEndpoint, code: str, flow: Flow) -> TokenPair | None:
        """The tokens for a code; None when they may have been given and lost on the way: then a new code helps.

        Raises Problem 502.
        """
        lost = False
        for _ in range(2):
            try:
                return await endpoint.exchange(code, expiring="1")
            except StoreUnavailable as error:
                lost = True
                log.warning("tokens did not arrive", code=error.code, shop=flow.store_key)
            except GrantRefused as error:
                if lost and flow.restarts < MOST_RESTARTS:
                    return None
                log.warning("a code was refused", code=error.code, shop=flow.store_key)
                raise _no_tokens(error) from None
            except StoreError as error:
                log.error("tokens were refused", code=error.code, shop=flow.store_key)
                raise _no_tokens(error) from None
        if flow.restarts < MOST_RESTARTS:
            return None
        raise Problem(502, "The shop does not give us its tokens now: start again later.", type="store-unavailable")

    async def _connect(self, conn: AsyncConnection, flow: Flow, credentials: Mapping[str, str]) -> IntegrationRow:
        """Make the integration, or go on with the one that is there; its connector does the rest."""
        now = self._clock()
        try:
            row = await self._vault.create(
                conn,
                org_id=flow.org_id,
                platform=flow.platform,
                name=flow.name,
                store_url=flow.store_url,
                store_key=flow.store_key,
                credentials=credentials,
                settings=flow.settings,
                now=now,
            )
        except AlreadyConnected as there:
            found = await self._vault.lock(conn, flow.org_id, there.id)
            before = {} if found is None else found[1]
            again = await self._vault.reconnect(conn, there.id, with_old_secret(credentials, before, now), now)
            if again is None:
                # Taken down in this very moment.
                raise Problem(409, "This store was just disconnected: start again.", type="conflict") from None
            row = again
        await outbox.add(conn, SCHEMA, [row_message(row)])
        return row

    def _place(self, platform: Platform, store_url: str) -> tuple[str, str]:
        request = IntegrationCreate(platform=platform, name="-", store_url=store_url)
        place = read_store(self._platforms[platform.value], request, allow_private=self._allow_private)
        return place.url, place.key

    def _client_id(self) -> str:
        if self._app.client_id is None or not self._app.secrets:
            detail = (
                "This hub has no Shopify app: set LONGSHORE_SHOPIFY_CLIENT_ID and LONGSHORE_SHOPIFY_CLIENT_SECRETS."
            )
            raise Problem(409, detail, type="no-shopify-app")
        return self._app.client_id


def _used_up() -> Problem:
    return Problem(409, "This was used already, or took too long: start again.", type="state-used")


def _other_browser() -> Problem:
    detail = "This flow was begun in another browser, or too long ago: start again."
    return Problem(403, detail, type="other-browser")


def _no_tokens(error: StoreError) -> Problem:
    return Problem(502, f"The shop gave us no tokens: {error.detail} Start again.", type=error.code)
