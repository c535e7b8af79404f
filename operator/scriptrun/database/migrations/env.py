"""What alembic runs: the migrations, on the connection it was given."""

from alembic import context

from scriptrun.database import tables_orders, tables_runs  # noqa: F401 - add their tables to METADATA
from scriptrun.database.columns import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
