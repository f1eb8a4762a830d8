"""Erasing and handing out what is known of a buyer, or of a whole store (docs/adr/0017-erasure.md)."""
