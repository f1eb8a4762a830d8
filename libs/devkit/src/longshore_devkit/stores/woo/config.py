"""What kind of shop is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

VERSION = "11.0.1"
WORDPRESS_VERSION = "7.1"

CURRENCY_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CAD": "$", "AUD": "$"}
CURRENCY_NAMES = {
    "USD": "United States (US) dollar",
    "EUR": "Euro",
    "GBP": "Pound sterling",
    "JPY": "Japanese yen",
    "CAD": "Canadian dollar",
    "AUD": "Australian dollar",
}


@dataclass(frozen=True)
class TaxRate:
    """One rate of a tax class ("" is the standard class); `percent` of the price without tax."""

    id: int
    code: str
    label: str
    percent: Decimal
    tax_class: str = ""
    on_shipping: bool = True


DEFAULT_TAX_RATES = (
    TaxRate(1, "US-NY-SALES TAX-1", "Sales Tax", Decimal("8.875")),
    TaxRate(2, "US-NY-REDUCED-1", "Reduced Tax", Decimal("4.5"), "reduced-rate", on_shipping=False),
)


@dataclass(frozen=True)
class WooConfig:
    """Settings of a simulated shop.

    `products` counts the SKUs `<sku_prefix>0001`...; some of them are variations. `webhook_delay_s` is the range from
    which the wait between an event and its delivery is drawn: the body is built after it, so what happens meanwhile
    collapses into one delivery, and deliveries overtake each other.
    """

    consumer_key: str = "ck_" + "0" * 40
    consumer_secret: str = "cs_" + "0" * 40
    read_only_key: str | None = None
    read_only_secret: str | None = None
    products: int = 50
    seed: int = 1
    sku_prefix: str = "LS-"
    currency: str = "USD"
    timezone: str = "America/New_York"
    prices_include_tax: bool = False
    decimals: int = 2
    initial_stock: int = 100
    backorders: str = "no"
    tax_rates: tuple[TaxRate, ...] = DEFAULT_TAX_RATES
    orders_per_minute: float = 0.0
    webhook_delay_s: tuple[float, float] = (0.02, 0.25)
    delivery_concurrency: int = 16
    own_fulfillments: bool = False
    """Whether WooCommerce's own fulfilments are turned on."""

    @property
    def symbol(self) -> str:
        """The sign of the shop's currency."""
        return symbol(self.currency)

    def rates(self, tax_class: str) -> tuple[TaxRate, ...]:
        """The rates of one class; none for `zero-rate` and unknown classes."""
        return tuple(rate for rate in self.tax_rates if rate.tax_class == tax_class)


def symbol(currency: str) -> str:
    """The sign of a currency; its code where none is known."""
    return CURRENCY_SYMBOLS.get(currency, currency)
