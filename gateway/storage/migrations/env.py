"""Alembic's entry: one connection, one transaction.

The driver would commit each CREATE TABLE for itself; the transaction is opened by hand, so that a process killed
midway leaves the old schema and two that start together go one after the other.
"""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=NullPool, isolation_level="AUTOCOMMIT")
with engine.connect() as connection:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(connection=connection, target_metadata=None)
    context.run_migrations()
    connection.exec_driver_sql("COMMIT")
engine.dispose()
