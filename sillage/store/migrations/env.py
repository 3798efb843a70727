"""Alembic's entry: migrations run on the connection that `sillage.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from sillage.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
