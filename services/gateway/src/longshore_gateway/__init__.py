"""The gateway: webhooks in, REST API, and nothing else is public."""
