"""Longshore: the contracts of its streams, and (with the `service` extra) what its services are made of."""

__version__ = "0.1.0"
