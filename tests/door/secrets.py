"""Secrets that are found wherever they should not be: no other text looks like them."""

from __future__ import annotations

KEY = "lsk_planted_" + "FirstOrganisationsKey" + "x7Qz"
OTHER_KEY = "lsk_planted_" + "SecondOrganisationsKey" + "x7Qz"
STORE_KEY = "ck_planted" + "ConsumerKey0" + "x7Qz" * 4
STORE_SECRET = "cs_planted" + "ConsumerSecret0" + "x7Qz" * 4
WEBHOOK_SECRET = "whs_planted" + "WebhookSecret0" + "x7Qz" * 4
SHOPIFY_APP_SECRET = "shpss_planted" + "AppSecret0" + "x7Qz" * 4
