"""Sync runs: asked for here, carried out by the connectors, followed by what they tell."""
