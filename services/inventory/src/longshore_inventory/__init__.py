"""inventory: catalogue, listings, the stock ledger with its reservations, and pushes of stock to the stores."""

__version__ = "0.1.0"
