"""Catalogue and listings: what is sold, and where."""
