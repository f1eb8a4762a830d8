"""The words by which people find an order. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from longshore.contracts import OrderSnapshot

MAX_TERM = 100
MAX_TERMS = 400
MAX_WORDS = 10


def texts_of(snapshot: OrderSnapshot) -> tuple[str, ...]:
    """Number, external id, e-mail address, names and SKUs, as the store has them; and who the customer is."""
    texts: list[str | None] = [snapshot.number, snapshot.number.lstrip("#"), snapshot.external_id]
    customer = snapshot.customer
    if customer is not None:
        texts += [customer.email, customer.first_name, customer.last_name]
        if customer.external_id:
            texts.append(customer_term(customer.external_id))
    for address in (snapshot.shipping_address, snapshot.billing_address):
        if address is not None:
            texts += [address.first_name, address.last_name]
    texts += [line.sku for line in snapshot.lines]
    return tuple(text for text in texts if text)


def customer_term(external_id: str) -> str:
    """The word that finds a customer's orders: nobody types it by accident."""
    return f"customer:{external_id}".lower()[:MAX_TERM]


def terms_of(texts: Iterable[str]) -> list[str]:
    """The words of these texts in lower case, each once, sorted."""
    words = "\n".join(texts).replace("\0", " ").lower().split()
    return sorted({word[:MAX_TERM] for word in words})[:MAX_TERMS]


def words_of(query: str) -> list[str]:
    """The words of a query; an order is found when each of them begins one of its terms."""
    return query.replace("\0", " ").lower().split()[:MAX_WORDS]


def ts_query(words: Iterable[str]) -> str:
    """PostgreSQL's tsquery for these words, each as a prefix."""
    return " & ".join("'" + word[:MAX_TERM].replace("\\", "\\\\").replace("'", "''") + "':*" for word in words)
