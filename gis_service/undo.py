"""Take a change back as a whole: what it inserted is deleted, what it updated or deleted is what it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from gis_service.changes import find, undone
from gis_service.database import not_before, note
from gis_service.database.locks import take_turns
from gis_service.errors import Forbidden, NotNow
from layers import Layer, Role, Subjected, content_columns, registry

_NAMED = 20


def undo(connection: Connection, number: int) -> int:
    """Take a change back, in the caller's transaction, as a change of its own; return that one's number.

    It holds from one moment, never before what it takes back. An undo can itself be undone.

    Raises
    ------
    UnknownName
        Where there is no such change for who asks.
    NotNow
        Where it is undone already, has left nothing, or records of it have been changed since; these are named.
    Forbidden
        Where not all of its records are hers to change.
    """
    find(connection, number)
    touched = _touched(connection, number)
    steps = [_Step(connection, layer, number) for layer in _ordered() if layer.__tablename__ in touched]
    take_turns(connection, *(step.layer for step in steps))
    touched = _touched(connection, number)
    if any(step.versions() != touched[step.table] for step in steps):
        raise _not_hers()
    _require_unchanged(connection, number, steps)
    note(connection, transition="restore", undoes=number)
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = auto")  # rows come in bulk: let triggers keep their plans
    not_before(connection, max(filter(None, (step.latest() for step in steps)), default=None))
    try:
        for step in reversed(steps):
            step.delete()
        for step in steps:
            step.put_back()
    except IntegrityError as error:
        raise NotNow(
            "编号已被其他记录使用，无法撤销。", "A code is another record's now; this cannot be undone."
        ) from error
    return int(connection.exec_driver_sql("SELECT current_setting('gis.change')").scalar_one())


def _touched(connection: Connection, number: int) -> dict[str, int]:
    """Return how many versions of each layer the change has made or ended, hers or not."""
    rows = connection.execute(text("SELECT layer, versions FROM gis_touched(:number)"), {"number": number})
    return {row.layer: row.versions for row in rows}


def _require_unchanged(connection: Connection, number: int, steps: Sequence[_Step]) -> None:
    by = undone(connection, [number]).get(number)
    if by is not None:
        raise NotNow(f"更改 {number} 已由更改 {by} 撤销。", f"Change {number} is undone already, by change {by}.")
    if not any(step.records() for step in steps):
        raise NotNow(f"更改 {number} 没有留下任何内容，无需撤销。", f"Change {number} has left nothing to undo.")
    since = [f"{step.table}/{code}" for step in steps for code in step.changed_since()]
    if since:
        named = ", ".join(since[:_NAMED]) + (", …" if len(since) > _NAMED else "")
        raise NotNow(
            f"更改 {number} 的下列记录此后又有更改，请先撤销那些更改：{named}",
            f"Records of change {number} have been changed since; undo those changes first: {named}",
            records=since[:_NAMED],
        )


class _Step:
    """What an undo does in one layer, in a few statements whatever the number of records.

    Sets are compared by hashed subplans: the planner knows nothing yet of the history of an import that was just made,
    and would join ten thousand records to ten thousand one by one.
    """

    def __init__(self, connection: Connection, layer: type[Layer], number: int) -> None:
        self.layer, self.table = layer, layer.__tablename__
        self._connection, self._number, self._columns = connection, number, content_columns(layer)
        self._names = ", ".join(f'"{name}"' for name in self._columns)
        self._ctes = f"""
            WITH before AS (
                SELECT id, {self._names}, valid_to FROM {self.table}_history
                WHERE ended_change = :number AND change IS DISTINCT FROM :number
            ), after AS (
                SELECT id, {self._names} FROM {self.table} WHERE change = :number
                UNION ALL SELECT id, {self._names} FROM {self.table}_history
                WHERE change = :number AND ended_change IS DISTINCT FROM :number
            )
        """

    def versions(self) -> int:
        """Return how many versions, of those that she sees, the change has made or ended."""
        return int(
            self._ask(
                f"SELECT (SELECT count(*) FROM {self.table} WHERE change = :number) + (SELECT count(*) "
                f"FROM {self.table}_history WHERE change = :number OR ended_change = :number)"
            ).scalar_one()
        )

    def records(self) -> int:
        """Return how many records the change has left otherwise than they were."""
        found = self._ask(f"{self._ctes} SELECT count(*) FROM before FULL JOIN after USING (id)")
        return int(found.scalar_one())

    def changed_since(self) -> list[str]:
        """Return the codes of records that are not what the change left, or whose code is another record's by now."""
        found = self._ask(
            f"""{self._ctes}
            SELECT coalesce(a.code, b.code) AS code
            FROM before b FULL JOIN after a USING (id) LEFT JOIN {self.table} t USING (id)
            WHERE {self._row("t")} IS DISTINCT FROM {self._row("a")}
            UNION SELECT b.code FROM before b JOIN {self.table} t ON t.code = b.code AND t.id <> b.id
            WHERE t.id NOT IN (SELECT id FROM after)
            ORDER BY code LIMIT {_NAMED + 1}"""
        )
        return list(found.scalars())

    def latest(self) -> datetime | None:
        """Return the moment before which nothing that follows can hold."""
        found: datetime | None = self._ask(
            f"{self._ctes} SELECT greatest((SELECT max(valid_to) FROM before), "
            f"(SELECT max(t.valid_from) FROM {self.table} t JOIN after USING (id)))"
        ).scalar_one()
        return found

    def delete(self) -> None:
        """Delete what the change inserted."""
        wanted = "after WHERE id NOT IN (SELECT id FROM before)"
        self._write(wanted, f"DELETE FROM {self.table} WHERE id IN (SELECT id FROM {wanted})")

    def put_back(self) -> None:
        """Make what the change updated what it was, and insert what it deleted: the same records, under their ids."""
        settings = ", ".join(f'"{name}" = b."{name}"' for name in self._columns)
        wanted = "before b WHERE (id IN (SELECT id FROM after)) IS TRUE"  # as a subplan: see above
        self._write(wanted, f"UPDATE {self.table} t SET {settings} FROM (SELECT * FROM {wanted}) b WHERE t.id = b.id")
        gone = "before b WHERE id NOT IN (SELECT id FROM after)"
        version = f"(SELECT max(h.version) + 1 FROM {self.table}_history h WHERE h.code = b.code)"
        self._write(
            gone,
            f"INSERT INTO {self.table} (id, version, {self._names}) SELECT id, {version}, {self._names} FROM {gone} "
            "ORDER BY id",
        )

    def _write(self, wanted: str, statement: str) -> None:
        expected = self._ask(f"{self._ctes} SELECT count(*) FROM {wanted}").scalar_one()
        if expected and self._ask(f"{self._ctes} {statement}").rowcount != expected:
            raise _not_hers()  # the row policies pass over what is not hers

    def _row(self, of: str) -> str:
        cells = (f'ST_AsBinary({of}."{name}")' if name == "geom" else f'{of}."{name}"' for name in self._columns)
        return f"ROW({', '.join(cells)})"

    def _ask(self, statement: str) -> Any:  # noqa: ANN401 - SQLAlchemy's own
        return self._connection.execute(text(statement), {"number": self._number})


def _ordered() -> list[type[Layer]]:
    """Return the layers, each behind what it leans on: the areas, what lies in them, what is about that."""
    return sorted(registry().values(), key=lambda layer: (layer.role is not Role.AREAS, issubclass(layer, Subjected)))


def _not_hers() -> Forbidden:
    return Forbidden(
        "此更改涉及不在您辖区或图层内的记录，只能由有权更改全部记录的人撤销。",
        "This change has touched records that are not yours; only who may change all of them can undo it.",
    )
