"""Routes that other services serve: the gateway authenticates and forwards."""
