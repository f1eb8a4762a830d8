"""How stores' connections fare: their connectors look, the gateway asks them."""
