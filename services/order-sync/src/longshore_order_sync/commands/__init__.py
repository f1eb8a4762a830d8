"""Commands that this service has sent to stores, as the API lists them."""
