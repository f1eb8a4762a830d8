"""Customers as their stores have them: the newest snapshot of each."""
