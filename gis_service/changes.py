"""The changes: what was written in one transaction, by whom and why, and what became of which records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, MetaData, RowMapping, Select, select, text

from gis_service.database.changes import ChangeRow
from gis_service.errors import UnknownName
from layers import Label, Layer, registry

_METADATA: MetaData = ChangeRow.metadata
_ROWS = _METADATA.tables[ChangeRow.__tablename__]

# A record is told by its id. What stood before a change are the versions that it ended and had not made itself; what
# stands after it, those that it made and did not end.
_TOUCHED = """
    SELECT coalesce(a.number, b.number) AS number, coalesce(a.code, b.code) AS code, coalesce(a.name, b.name) AS name,
        CASE WHEN b.id IS NULL THEN 'inserted' WHEN a.id IS NULL THEN 'deleted' ELSE 'updated' END AS what
    FROM (
        SELECT change AS number, id, code, name FROM {table} WHERE change = ANY (:numbers)
        UNION ALL SELECT change, id, code, name FROM {table}_history
        WHERE change = ANY (:numbers) AND ended_change IS DISTINCT FROM change
    ) a FULL JOIN (
        SELECT ended_change AS number, id, code, name FROM {table}_history
        WHERE ended_change = ANY (:numbers) AND change IS DISTINCT FROM ended_change
    ) b ON a.id = b.id AND a.number = b.number
"""


@dataclass(frozen=True)
class Wanted:
    """Which changes: of one user, with a word in their reason, that touched a layer, older than one, so many."""

    by: str = ""
    reason: str = ""
    layer: type[Layer] | None = None
    after: int = 0
    limit: int = 50


def changes(connection: Connection, wanted: Wanted) -> list[dict[str, Any]]:
    """Return changes, the newest first.

    Each has `id`, `recorded_at`, `by`, `reason`, `valid_from`, `undoes`, `undone_by` (the change that takes it back,
    where that stands), and `layers`: how many records of each were inserted, updated and deleted.
    """
    return _described(connection, connection.execute(_selected(wanted)).mappings().all())


def change(connection: Connection, number: int, *, limit: int = 1000) -> dict[str, Any]:
    """Return one change as `changes` does, with `records`: layer, code and name of each, and what became of it.

    Of a layer with more records than `limit` the first are named.

    Raises
    ------
    UnknownName
        Where there is no such change for who asks.
    """
    described = _described(connection, [find(connection, number)])[0]
    records: list[dict[str, Any]] = []
    for name in described["layers"]:
        statement = f"SELECT '{name}' AS layer, code, name, what FROM ({_TOUCHED.format(table=name)}) t"
        found = connection.execute(
            text(f"{statement} ORDER BY code LIMIT :limit"), {"numbers": [number], "limit": limit}
        )
        records += [dict(row) for row in found.mappings()]
    return {**described, "records": records}


def find(connection: Connection, number: int) -> RowMapping:
    """Return the row of one change.

    Raises
    ------
    UnknownName
        Where there is none for who asks.
    """
    found = connection.execute(select(_ROWS).where(_ROWS.c.id == number)).mappings().one_or_none()
    if found is None:
        raise UnknownName(Label("更改", "change"), str(number))
    return found


def undone(connection: Connection, numbers: Sequence[int]) -> Mapping[int, int]:
    """Say which changes are taken back, and by which; one whose undo was itself undone stands again."""
    rows = connection.execute(
        text(
            "WITH RECURSIVE chain AS (SELECT id, undoes FROM changes WHERE undoes = ANY (:numbers) "
            "UNION SELECT c.id, c.undoes FROM changes c JOIN chain ON c.undoes = chain.id) "
            "SELECT id, undoes FROM chain ORDER BY id DESC"
        ),
        {"numbers": list(numbers)},
    )
    found: dict[int, int] = {}
    for row in rows:  # what undoes is younger than what it undoes: of each it is known by now whether it stands
        if row.id not in found:
            found.setdefault(row.undoes, row.id)
    return found


def _selected(wanted: Wanted) -> Select[Any]:
    statement = select(_ROWS).order_by(_ROWS.c.id.desc()).limit(wanted.limit)
    if wanted.by:
        statement = statement.where(_ROWS.c.recorded_by == wanted.by)
    if wanted.reason:
        statement = statement.where(_ROWS.c.reason.icontains(wanted.reason, autoescape=True))
    if wanted.after:
        statement = statement.where(_ROWS.c.id < wanted.after)
    if wanted.layer:
        table = wanted.layer.__tablename__
        probes = ((table, "change"), (f"{table}_history", "change"), (f"{table}_history", "ended_change"))
        touched = " OR ".join(f"EXISTS (SELECT FROM {of} t WHERE t.{column} = changes.id)" for of, column in probes)
        statement = statement.where(text(f"({touched})"))
    return statement


def _described(connection: Connection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    numbers = [row["id"] for row in rows]
    counts, taken_back = _counts(connection, numbers), undone(connection, numbers)
    return [
        {
            "id": row["id"],
            "recorded_at": row["recorded_at"],
            "by": row["recorded_by"],
            "reason": row["reason"],
            "valid_from": row["valid_from"],
            "undoes": row["undoes"],
            "undone_by": taken_back.get(row["id"]),
            "layers": counts.get(row["id"], {}),
        }
        for row in rows
    ]


def _counts(connection: Connection, numbers: Sequence[int]) -> Mapping[int, dict[str, dict[str, int]]]:
    found: dict[int, dict[str, dict[str, int]]] = defaultdict(dict)
    each = " UNION ALL ".join(
        f"SELECT '{name}' AS layer, number, what, count(*) AS records FROM ({_TOUCHED.format(table=name)}) t "
        "GROUP BY number, what"
        for name in registry()
    )
    for row in connection.execute(text(each), {"numbers": list(numbers)}):
        nothing = {"inserted": 0, "updated": 0, "deleted": 0}
        found[row.number].setdefault(row.layer, nothing)[row.what] = row.records
    return found
