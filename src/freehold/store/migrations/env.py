"""What Alembic runs: it is handed a connection in a transaction, and leaves the end of it to the caller."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
