"""What every request to the API passes before its route: plain ASGI, and none of it before a store's delivery."""
