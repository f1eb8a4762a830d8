"""Signed deliveries of stores: verified, written to the raw log, answered. Nothing else happens on that path."""
