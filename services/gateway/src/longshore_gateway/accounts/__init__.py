"""Organisations, who may do what in them, and who is asking."""
