"""Organisations and the keys that speak for them."""
