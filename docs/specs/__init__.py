"""The published documents, made from the code: JSON Schemas, AsyncAPI, OpenAPI. docs/generate.py writes them."""
