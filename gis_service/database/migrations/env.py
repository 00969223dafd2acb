"""Runs migrations on the connection that the program hands over: its schema is the first of the search_path."""

from typing import Any

from alembic import context
from geoalchemy2 import alembic_helpers

import gis_service.database.accounts
import gis_service.database.attachments
import gis_service.database.changes
import gis_service.database.district
import gis_service.database.events
import gis_service.database.risk_configs
from layers import Base, registry

registry()
connection = context.config.attributes["connection"]
# a migration waits for nobody for long, and holds nobody up: it fails instead, and can be repeated
connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")


def ours(thing: Any, name: Any, kind: Any, reflected: Any, compare_to: Any) -> bool:
    """Leave out PostGIS's own tables, and what follows the layers by itself: histories, tallies, grids, risk."""
    called = name or ""  # a constraint may have none
    kept = called.endswith(("_history", "_tallies", "_grid", "_number", "_major_open")) or called.startswith("risk_")
    follows = kind in ("table", "index") and kept and reflected and compare_to is None
    ours: bool = alembic_helpers.include_object(thing, name, kind, reflected, compare_to)  # type: ignore[no-untyped-call]
    return ours and not follows


context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_object=ours,
    process_revision_directives=alembic_helpers.writer,
    render_item=alembic_helpers.render_item,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
