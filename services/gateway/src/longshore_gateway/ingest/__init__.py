"""The custom channel: orders, products, stock and customers that are sent to our own API."""
