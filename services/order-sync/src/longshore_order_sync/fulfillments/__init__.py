"""Fulfilments asked for through Longshore: request, command to the store, outcome."""
