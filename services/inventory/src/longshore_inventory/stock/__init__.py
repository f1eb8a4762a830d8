"""The stock ledger: movements, levels, reports of the stores, alerts."""
