"""Canonical orders: the newest snapshot of each, with its revisions, and what the hub adds to it."""
