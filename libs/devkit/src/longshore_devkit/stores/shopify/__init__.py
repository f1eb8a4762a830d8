"""A simulated Shopify that executes the official Admin schema."""
