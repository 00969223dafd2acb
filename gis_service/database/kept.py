"""What is kept of a layer beside its rows: counts and sums by a key, changed by triggers in the same transaction.

Who writes only ever adds cells (`fresh`), and so waits for nobody and never in a circle; now and then one who finds no
other at it folds them into those that stand. A reader adds up what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from gis_service.database.statements import filled, literal, run
from layers import Layer


@dataclass(frozen=True)
class Kept:
    """A table `<layer>_<name>` of cells: the columns that they are counted by, and those that add up, with their types.

    `cells` makes of a SELECT of rows, all columns of the layer and the `sign` by which each counts, the SELECT of their
    cells.
    """

    layer: type[Layer]
    name: str
    key: Mapping[str, str]
    sums: Mapping[str, str]
    cells: Callable[[str], str]

    @property
    def table(self) -> str:
        """The table's name."""
        return f"{self.layer.__tablename__}_{self.name}"

    def now(self) -> str:
        """Return the SELECT that counts all rows."""
        return self.cells(f"SELECT 1 AS sign, t.* FROM {self.layer.__tablename__} t")


def make(connection: Connection, kept: Kept, service: str) -> None:
    """Make the table and its triggers; count where they are new."""
    columns = {**kept.key, **kept.sums, "fresh": "boolean"}
    stands = _stands(connection, kept.table, columns)
    if not stands:
        run(connection, f"DROP TABLE IF EXISTS {kept.table} CASCADE")
        run(connection, f"CREATE TABLE {kept.table} ({', '.join(f'{key} {kind}' for key, kind in columns.items())})")
    run(connection, filled("kept", **_names(kept), service=service))
    if not stands:
        count_anew(connection, kept)


def count_anew(connection: Connection, kept: Kept) -> None:
    """Count all records of a layer; who writes to it waits until the transaction ends."""
    run(connection, filled("counted", **_names(kept)))


@dataclass(frozen=True)
class Wrong:
    """A cell as it is kept in a `table`, or found by a recount (`side`), where the other has none like it."""

    table: str
    side: str
    cell: Mapping[str, Any]


def wrong(connection: Connection, kept: Kept) -> list[Wrong]:
    """Count all records of a layer, and return the cells that are not as they should be; of one state of both."""
    names = _names(kept)
    stored = f"SELECT {names['key']}, {names['added']} FROM {kept.table} GROUP BY {names['key']}"
    found = connection.exec_driver_sql(
        f"""
        WITH kept AS ({stored} HAVING {names["something"]}), found AS ({names["now"]})
        SELECT 'kept', to_jsonb(cell) FROM (SELECT * FROM kept EXCEPT SELECT * FROM found) cell
        UNION ALL
        SELECT 'found', to_jsonb(cell) FROM (SELECT * FROM found EXCEPT SELECT * FROM kept) cell
        """.replace("%", "%%")
    )
    return [Wrong(kept.table, *row) for row in found]


def _names(kept: Kept) -> dict[str, str]:
    """Return the names that the SQL is filled in with."""
    new, old = "SELECT 1 AS sign, n.* FROM new_rows n", "SELECT -1 AS sign, o.* FROM old_rows o"
    return {
        "layer": kept.layer.__tablename__,
        "kept": kept.name,
        "table": kept.table,
        "key": ", ".join(kept.key),
        "columns": ", ".join((*kept.key, *kept.sums)),
        "added": ", ".join(f"sum({column}) AS {column}" for column in kept.sums),
        "something": " OR ".join(f"sum({column}) <> 0" for column in kept.sums),
        "folded": ", ".join(f"{column} = t.{column} + excluded.{column}" for column in kept.sums),
        "inserted": kept.cells(new),
        "updated": kept.cells(f"{new} UNION ALL {old}"),
        "deleted": kept.cells(old),
        "now": kept.now(),
        "readable": f"(SELECT gis_everywhere()) AND (SELECT gis_holds({literal(kept.layer.__tablename__)}))",
    }


def _stands(connection: Connection, name: str, wanted: Mapping[str, str]) -> bool:
    """Say whether the table is there with these columns."""
    found = connection.exec_driver_sql(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        (name,),
    )
    return {row[0]: row[1] for row in found} == wanted
