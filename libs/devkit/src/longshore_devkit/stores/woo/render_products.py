"""Products, customers, coupons and webhooks as the REST API shows them."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from longshore_devkit.stores.woo.models import Coupon, Customer, Product, Webhook
from longshore_devkit.stores.woo.render import Json, View, meta

NO_DATES = dict.fromkeys(("date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt"), None)
_EMPTY_LISTS = (
    "upsell_ids", "cross_sell_ids", "brands", "tags", "images", "default_attributes", "grouped_products", "related_ids",
)  # fmt: skip
HOOKS: dict[str, list[str]] = {
    "coupon.created": ["woocommerce_process_shop_coupon_meta", "woocommerce_new_coupon"],
    "coupon.updated": ["woocommerce_process_shop_coupon_meta", "woocommerce_update_coupon"],
    "coupon.deleted": ["wp_trash_post"],
    "coupon.restored": ["untrashed_post"],
    "customer.created": ["user_register", "woocommerce_created_customer", "woocommerce_new_customer"],
    "customer.updated": ["profile_update", "woocommerce_update_customer"],
    "customer.deleted": ["delete_user"],
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "order.restored": ["untrashed_post", "woocommerce_untrash_order"],
    "product.created": [
        "woocommerce_process_product_meta",
        "woocommerce_new_product",
        "woocommerce_new_product_variation",
    ],
    "product.updated": [
        "woocommerce_process_product_meta",
        "woocommerce_update_product",
        "woocommerce_update_product_variation",
    ],
    "product.deleted": ["wp_trash_post"],
    "product.restored": ["untrashed_post"],
    "product.published": ["woocommerce_product_published"],
}
"""Every topic that can be subscribed to, with the WordPress actions behind it."""


def product(view: View, product: Product) -> Json:
    """A product, or a variation under `products/<id>` and in webhooks."""
    slug = _slug(product)
    variation = product.kind == "variation"
    links = view.links(f"products/{product.id}", up=f"products/{product.parent_id}" if variation else None)
    shown = {
        "id": product.id,
        "name": product.name,
        "slug": slug,
        "permalink": _permalink(view, product),
        **_dates(view, product),
        "type": product.kind,
        "status": product.status,
        "featured": False,
        "catalog_visibility": "visible",
        "description": product.description,
        "short_description": "",
        "sku": product.sku,
        "price": _price(view, product),
        **_prices(product),
        "total_sales": str(product.total_sales) if variation else product.total_sales,
        "virtual": product.virtual,
        **_downloads(),
        "external_url": "",
        "button_text": "",
        "tax_status": "taxable" if product.taxable else "none",
        "tax_class": product.tax_class,
        "manage_stock": product.manage_stock,
        "stock_quantity": product.stock if product.manage_stock else None,
        **_backorders(product),
        "sold_individually": False,
        **_weight(),
        "shipping_required": not product.virtual,
        "shipping_taxable": not product.virtual,
        "shipping_class": "",
        "shipping_class_id": 0,
        "reviews_allowed": not variation,
        "average_rating": "0" if view.edit else "0.00",
        "rating_count": 0,
        "parent_id": product.parent_id,
        "purchase_note": "",
        "categories": [] if variation else [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}],
        **{name: [] for name in _EMPTY_LISTS},
        "attributes": _attributes(product),
        "variations": list(product.variations),
        "menu_order": 0,
        "price_html": _price_html(view, product),
        "meta_data": meta(product.meta),
        "stock_status": product.stock_status,
        "has_options": product.kind == "variable",
        "post_password": "",
        "global_unique_id": "",
    }
    if view.edit:
        shown["permalink_template"] = f"{view.origin}/product/%pagename%/"
        shown["generated_slug"] = slug
    return {**shown, "_links": links}


def variation(view: View, product: Product) -> Json:
    """A variation under `products/<parent>/variations`, which has fields of its own."""
    parent = f"products/{product.parent_id}"
    return {
        "id": product.id,
        "type": "variation",
        **_dates(view, product),
        "description": product.description,
        "permalink": _permalink(view, product),
        "sku": product.sku,
        "global_unique_id": "",
        "price": _price(view, product),
        **_prices(product, purchasable=False),
        "status": product.status,
        "purchasable": True,
        "virtual": product.virtual,
        **_downloads(),
        "tax_status": "taxable",
        "tax_class": "parent" if view.edit else product.tax_class,
        "manage_stock": product.manage_stock,
        "stock_quantity": product.stock if product.manage_stock else None,
        "stock_status": product.stock_status,
        **_backorders(product),
        **_weight(),
        "shipping_class": "",
        "shipping_class_id": 0,
        "image": None,
        "gallery_image_ids": [],
        "attributes": _attributes(product),
        "menu_order": 0,
        "meta_data": meta(product.meta),
        "name": ", ".join(value for _, value in product.attributes),
        "parent_id": product.parent_id,
        "_links": view.links(f"{parent}/variations/{product.id}", up=parent),
    }


def customer(view: View, customer: Customer) -> Json:
    """A registered buyer."""
    digest = hashlib.sha256(customer.email.encode()).hexdigest()
    return {
        "id": customer.id,
        "date_created": view.local(customer.created),
        "date_created_gmt": view.gmt(customer.created),
        "date_modified": view.local(customer.modified),
        "date_modified_gmt": view.gmt(customer.modified),
        "email": customer.email,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "role": customer.role,
        "username": customer.username,
        "billing": dict(customer.billing),
        "shipping": dict(customer.shipping),
        "is_paying_customer": customer.paying,
        "avatar_url": f"https://secure.gravatar.com/avatar/{digest}?s=96&d=mm&r=g",
        "meta_data": [],
        "_links": view.links(f"customers/{customer.id}"),
    }


def coupon(view: View, coupon: Coupon) -> Json:
    """A coupon."""
    return {
        "id": coupon.id,
        "code": coupon.code,
        "amount": view.amount(coupon.amount),
        "status": coupon.status,
        "date_created": view.local(coupon.created),
        "date_created_gmt": view.gmt(coupon.created),
        "date_modified": view.local(coupon.modified),
        "date_modified_gmt": view.gmt(coupon.modified),
        "discount_type": coupon.kind,
        "description": "",
        "date_expires": None,
        "date_expires_gmt": None,
        "usage_count": coupon.used,
        "individual_use": False,
        "product_ids": [],
        "excluded_product_ids": [],
        "usage_limit": None,
        "usage_limit_per_user": None,
        "limit_usage_to_x_items": None,
        "free_shipping": False,
        "product_categories": [],
        "excluded_product_categories": [],
        "exclude_sale_items": False,
        "minimum_amount": "0.00",
        "maximum_amount": "0.00",
        "email_restrictions": [],
        "used_by": [],
        "meta_data": [],
        "_links": view.links(f"coupons/{coupon.id}"),
    }


def webhook(view: View, webhook: Webhook) -> Json:
    """A subscription; its secret is never shown."""
    resource, _, event = webhook.topic.partition(".")
    return {
        "id": webhook.id,
        "name": webhook.name,
        "status": webhook.status,
        "topic": webhook.topic,
        "resource": resource,
        "event": event,
        "hooks": HOOKS[webhook.topic],
        "delivery_url": webhook.delivery_url,
        "date_created": view.local(webhook.created),
        "date_created_gmt": view.gmt(webhook.created),
        "date_modified": view.local(webhook.modified),
        "date_modified_gmt": view.gmt(webhook.modified),
        "_links": view.links(f"webhooks/{webhook.id}"),
    }


def _dates(view: View, product: Product) -> Json:
    return {
        "date_created": view.local(product.created),
        "date_created_gmt": view.gmt(product.created),
        "date_modified": view.local(product.modified),
        "date_modified_gmt": view.gmt(product.modified),
    }


def _prices(product: Product, *, purchasable: bool = True) -> Json:
    return {
        "regular_price": product.price,
        "sale_price": product.sale_price,
        **NO_DATES,
        "on_sale": bool(product.sale_price),
        **({"purchasable": product.kind == "variable" or bool(product.current_price)} if purchasable else {}),
    }


def _downloads() -> Json:
    return {"downloadable": False, "downloads": [], "download_limit": -1, "download_expiry": -1}


def _backorders(product: Product) -> Json:
    allowed = product.backorders != "no"
    return {
        "backorders": product.backorders,
        "backorders_allowed": allowed,
        "backordered": allowed and product.manage_stock and (product.stock or 0) < 0,
        "low_stock_amount": None,
    }


def _weight() -> Json:
    return {"weight": "", "dimensions": {"length": "", "width": "", "height": ""}}


def _attributes(product: Product) -> list[dict[str, Any]]:
    if product.kind == "variation":
        return [{"id": 0, "name": name, "slug": name.lower(), "option": value} for name, value in product.attributes]
    return [
        {"id": 0, "name": name, "slug": name, "position": 0, "visible": True, "variation": True, "options": options}
        for name, options in product.options
    ]  # fmt: skip


def _price(view: View, product: Product) -> str:
    """A variable product shows the lowest price of its variations."""
    if product.kind != "variable":
        return product.current_price
    children = (view.shop.products[child] for child in product.variations)
    return min((child.current_price for child in children), key=_as_number, default="")


def _as_number(price: str) -> Decimal:
    return Decimal(price or 0)


def _price_html(view: View, product: Product) -> str:
    price = _price(view, product)
    if not price:
        return ""
    sign = view.shop.config.symbol
    return (
        '<span class="woocommerce-Price-amount amount"><bdi><span class="woocommerce-Price-currencySymbol" '
        f'translate="no">{sign}</span>{price}</bdi></span>'
    )


def _slug(product: Product) -> str:
    words = "".join(c if c.isascii() and c.isalnum() else "-" for c in product.name.lower())
    return "-".join(part for part in words.split("-") if part) + f"-{product.id}"


def _permalink(view: View, product: Product) -> str:
    parent = view.shop.products.get(product.parent_id)
    page = f"{view.origin}/product/{_slug(parent or product)}/"
    if parent is None:
        return page
    return page + "?" + "&".join(f"attribute_{name.lower()}={quote(value)}" for name, value in product.attributes)
