"""POST requests that may be repeated: the same Idempotency-Key gives the same answer and one effect."""
