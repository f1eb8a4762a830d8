"""The WooCommerce connector: store records into normalized events, commands into the store."""
