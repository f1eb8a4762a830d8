"""The schema that is this service's own. Tables are in each domain's models.py."""

from __future__ import annotations

from sqlalchemy import MetaData

from longshore.outbox import outbox_table

SCHEMA = "inventory"

metadata = MetaData(schema=SCHEMA)

outbox = outbox_table(metadata, SCHEMA)
