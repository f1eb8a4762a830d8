"""Connecting a store by consent: Shopify's OAuth, WooCommerce's one click."""
