"""What is asked with the first words of a transaction that reads: who acts, of which district, and which state is seen.

Nearly every request needs it, and as a question of its own it would cost one more way to the database. In the loop it
is asked when it is first wanted: one feature is found without.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection

from gis_service.database.prepared import Kept
from gis_service.database.waiting import in_loop

_STATEMENT = """
SELECT d.key, d.name_zh, d.name_en, d.clock, d.metric_srid, d.illustrative,
    u.name AS user_name, u.title, u.role, u.areas, u.layers, u.columns,
    row_security_active('users') AS held,
    coalesce(current_setting('gis.user_name', true), '') AS acting,
    coalesce(current_setting('gis.as_of', true), '') AS as_of,
    current_setting('search_path') AS search_path,
    pg_current_snapshot()::text AS snapshot
FROM district d LEFT JOIN gis_user() u ON true"""
KNOWN = Kept(_STATEMENT)
"""The statement; where there is no such user, or she is no longer active, her columns are null."""
_KEPT = "gis_known"


def keep(connection: Connection, description: Sequence[Any], row: Sequence[Any]) -> Any:  # noqa: ANN401 - as below
    """Keep a row that was found with the connection, for as long as it is lent."""
    named = {column.name: value for column, value in zip(description, row, strict=True)}
    return connection.info.setdefault(_KEPT, SimpleNamespace(**named))


def forget(info: dict[Any, Any]) -> None:
    """Keep it no longer: the connection is given back."""
    info.pop(_KEPT, None)


def known(connection: Connection) -> Any:  # noqa: ANN401 - a row: its columns by their names
    """Return what was asked when the transaction began, or asks now.

    In a transaction that reads it holds throughout: it sees one state.
    """
    if (found := connection.info.get(_KEPT)) is not None:
        return found
    if not in_loop():  # there, all that asks only reads
        return connection.exec_driver_sql(_STATEMENT).one()
    return keep(connection, *KNOWN.asked(connection))
