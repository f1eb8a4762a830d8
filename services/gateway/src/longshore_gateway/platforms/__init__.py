"""The platforms whose stores can be connected, as they declare themselves."""
