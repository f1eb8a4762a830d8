"""The WooCommerce connector: store records into normalized events, commands into the store."""

__version__ = "0.1.0"
