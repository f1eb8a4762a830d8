"""Fixtures of the whole workspace: real Kafka and PostgreSQL, shared by all tests of a session."""

pytest_plugins = ["longshore_devkit.testing"]
