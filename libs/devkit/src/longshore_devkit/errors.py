"""Errors that a person at a terminal can act on. The command line prints their text alone, without a stack."""

from __future__ import annotations


class DevkitError(Exception):
    """A condition outside the code: one or two sentences that say what is wrong and what to do."""


class InfraError(DevkitError):
    """Kafka or PostgreSQL cannot be had or started on this machine."""


class StartError(DevkitError):
    """A process did not become ready; the text holds the end of its log."""
