"""What alembic runs: the migrations, on the connection it was given."""

from alembic import context

from scriptrun.history import order_tables  # noqa: F401 - adds its tables to METADATA
from scriptrun.history.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
