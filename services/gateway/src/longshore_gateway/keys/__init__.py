"""API keys: for scripts and other systems of an organisation."""
