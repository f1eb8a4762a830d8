"""Channels: what each integration is told to do with stock."""
