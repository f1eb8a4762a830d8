# Made of aio/stock.py: see the package.
"""Stock, products and listings."""

from __future__ import annotations

from uuid import UUID

from longshore.money import Money
from longshore_client.models import Adjusted, Alert, CommandAccepted, Level, Listing, Movement, Product
from longshore_client.sync.transport import Connection, Pages


class Inventory:
    """The stock ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def levels(self, *, sku: str | None = None, limit: int | None = None, cursor: str | None = None) -> Pages[Level]:
        """Stock by SKU; with `sku` of that one, or none."""
        return self._connection.pages(Level, "/api/v1/inventory", sku=sku, limit=limit, cursor=cursor)

    def adjust(
        self,
        sku: str,
        *,
        reason: str,
        delta: int | None = None,
        to: int | None = None,
        location: str | None = None,
        idempotency_key: str | None = None,
    ) -> Adjusted:
        """Change on-hand by `delta` pieces, or set it `to` so many; every store that lists the SKU is told.

        Raises ValueError unless exactly one of the two is given.
        """
        if (delta is None) == (to is None):
            raise ValueError("give exactly one of delta and to")
        body = {"sku": sku, "location": location, "delta": delta, "set": to, "reason": reason}
        return self._connection.post(
            Adjusted, "/api/v1/inventory/adjustments", body=body, idempotency_key=idempotency_key
        )

    def movements(
        self, *, sku: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[Movement]:
        """What moved stock and why, the last entered first."""
        return self._connection.pages(Movement, "/api/v1/inventory/movements", sku=sku, limit=limit, cursor=cursor)

    def alerts(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[Alert]:
        """Alerts that nobody has dismissed, newest first."""
        return self._connection.pages(Alert, "/api/v1/inventory/alerts", limit=limit, cursor=cursor)

    def dismiss_alert(self, alert_id: UUID | str) -> None:
        """Dismiss an alert."""
        self._connection.delete("/api/v1/inventory/alerts/{alert_id}", {"alert_id": alert_id})


class Products:
    """Products, as each store has them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self, *, integration_id: UUID | str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[Product]:
        """Products with their listings."""
        return self._connection.pages(
            Product, "/api/v1/products", integration_id=integration_id, limit=limit, cursor=cursor
        )

    def publish(
        self, product_id: UUID | str, integration_id: UUID | str, *, idempotency_key: str | None = None
    ) -> CommandAccepted:
        """Put a product on its store's shelf."""
        return self._connection.post(
            CommandAccepted,
            "/api/v1/products/{product_id}/publish",
            {"product_id": product_id},
            body={"integration_id": integration_id},
            idempotency_key=idempotency_key,
        )

    def unpublish(self, product_id: UUID | str, integration_id: UUID | str) -> CommandAccepted:
        """Take a product off the shelf: it stays in the store, and nobody can buy it."""
        path = "/api/v1/products/{product_id}/publish/{integration_id}"
        names = {"product_id": product_id, "integration_id": integration_id}
        return self._connection.withdraw(CommandAccepted, path, names)


class Listings:
    """What each store lists, and which SKU it is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        sku: str | None = None,
        integration_id: UUID | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Listing]:
        """Listings, of one SKU or of one store."""
        return self._connection.pages(
            Listing, "/api/v1/listings", sku=sku, integration_id=integration_id, limit=limit, cursor=cursor
        )

    def set_price(
        self,
        listing_id: UUID | str,
        price: Money,
        *,
        compare_at_price: Money | None = None,
        end_reduction: bool | None = None,
        idempotency_key: str | None = None,
    ) -> CommandAccepted:
        """Set what a listing costs, in its store's currency. `compare_at_price`: the price before a reduction;
        `end_reduction`: there is none any more; neither: that stays as it is."""
        body = {"price": price, "compare_at_price": compare_at_price, "end_reduction": end_reduction}
        return self._connection.post(
            CommandAccepted,
            "/api/v1/listings/{listing_id}/price",
            {"listing_id": listing_id},
            body=body,
            idempotency_key=idempotency_key,
        )
