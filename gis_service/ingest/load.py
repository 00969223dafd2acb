"""Step 4, load: rows that were judged go to a staging table by COPY, and from there into the layer, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from gis_service.database.locks import take_turns
from gis_service.ingest.columns import Columns
from gis_service.ingest.insert import STAGED, add, grown_by, index_afterwards, insert, stage
from gis_service.ingest.judge import Judged, Refusal
from layers import Label, Layer, Subjected


@dataclass(frozen=True)
class Counts:
    """What became, or would become, of the rows that were fit."""

    inserted: int
    updated: int
    unchanged: int


def next_code(connection: Connection, layer: type[Layer]) -> str:
    """Return the layer's prefix with the number after the highest that is used; whoever asks next waits for this."""
    take_turns(connection, layer)
    number = text("SELECT gis_code(:prefix, number + 1, digits) FROM gis_highest(:layer, :prefix)")
    given = {"prefix": layer.prefix, "layer": layer.__tablename__}
    return str(connection.execute(number, given).scalar_one())


class Staging:
    """A temporary table with the rows of one file, until the transaction ends."""

    def __init__(self, connection: Connection, layer: type[Layer], columns: Columns) -> None:
        self._connection, self._layer = connection, layer
        self._table, self._prefix = layer.__tablename__, layer.prefix
        self._carried = [name for name in columns.fields if name != "code"]
        self._extra = columns.extra
        self._rows = self._last = self._codeless = self._placeless = 0
        self._areas = stage(connection, layer)

    def add(self, judged: Judged) -> None:
        """Append rows that were judged."""
        add(self._connection, self._areas, judged.table, judged.shapes)
        rows = judged.table
        self._codeless += rows["code"].null_count if "code" in rows.column_names else len(rows)
        self._placeless += rows["geom"].null_count
        self._rows += len(rows)
        self._last = rows["_row"][-1].as_py() if len(rows) else self._last

    def refuse_homeless(self) -> list[Refusal]:
        """Take out the rows of what has to lie somewhere that have neither a place nor a subject that is there."""
        if not (self._placeless and self._layer.placed and issubclass(self._layer, Subjected)):
            return []
        gone = self._connection.execute(
            text(
                f"DELETE FROM {STAGED} s WHERE geom IS NULL AND NOT gis_sees(subject_layer, subject_code) AND NOT "
                f"EXISTS (SELECT FROM {self._table} t WHERE t.code = s.code) RETURNING _row AS number, subject_code"
            )
        ).all()
        self._rows -= len(gone)
        why = Label(
            "没有几何图形，也没有现有的对象（subject_layer、subject_code）",
            "has no geometry, and no subject that is there (subject_layer, subject_code)",
        )
        return [Refusal(row.number, "geom", row.subject_code or "", why) for row in gone]

    def load(self, *, dry_run: bool) -> Counts:
        """Insert what is new and update what has changed; a dry run counts only.

        A row is the stored record of the same code; a row without a code is the stored record of the same name and
        the same geometry, or of what needs no place the one that says all the same; of several alike the first that
        no other row is. What then still has no code gets the next. A row without a place leaves the stored one.
        """
        take_turns(self._connection, self._layer)
        stored = self._connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {self._table})").scalar_one()
        if stored:
            self._match()
        if self._codeless:
            self._number()
        counts = self._compare() if stored else Counts(self._rows, 0, 0)
        if not dry_run:
            self._write(counts, moved=stored or self._codeless > 0)
        return counts

    def _match(self) -> None:
        """Find the stored record of each row, and take its place for a row that has none."""
        self._run(f"ANALYZE {STAGED} (code, name)")
        self._run(f"UPDATE {STAGED} s SET _target = t.id FROM {self._table} t WHERE s.code = t.code")
        if self._layer.placed:
            self._match_by_place()
        if issubclass(self._layer, Subjected):
            self._match_by_all()
        self._run(f"UPDATE {STAGED} s SET geom = t.geom FROM {self._table} t WHERE t.id = _target AND s.geom IS NULL")

    def _match_by_place(self) -> None:
        same = "t.geom = s.geom" + (" AND t.name IS NOT DISTINCT FROM s.name" if "name" in self._carried else "")
        alike = "name, geom" if "name" in self._carried else "geom"
        self._run(f"""
            WITH s AS (
                SELECT _row, name, geom, row_number() OVER (PARTITION BY {alike} ORDER BY _row) AS nth
                FROM {STAGED} WHERE code IS NULL
            ), t AS (
                SELECT id, name, geom, row_number() OVER (PARTITION BY {alike} ORDER BY id) AS nth
                FROM {self._table} t
                WHERE geom IN (SELECT geom FROM s)
                    AND NOT EXISTS (SELECT FROM {STAGED} taken WHERE taken._target = t.id)
            )
            UPDATE {STAGED} found SET _target = t.id
            FROM s JOIN t ON {same} AND t.nth = s.nth
            WHERE found._row = s._row
        """)

    def _match_by_all(self) -> None:
        """Match what needs no place, or is given none, by everything that its row says."""
        carried = ", ".join(f'"{name}"' for name in self._carried)
        said = f"CAST(ROW({carried}) AS text) AS said"
        without_place = " AND geom IS NULL" if self._layer.placed else ""
        self._run(f"""
            WITH s AS (
                SELECT _row, said, row_number() OVER (PARTITION BY said ORDER BY _row) AS nth
                FROM (SELECT _row, {said} FROM {STAGED} WHERE code IS NULL{without_place}) r
            ), t AS (
                SELECT id, said, row_number() OVER (PARTITION BY said ORDER BY id) AS nth
                FROM (
                    SELECT id, {said} FROM {self._table} t
                    WHERE NOT EXISTS (SELECT FROM {STAGED} taken WHERE taken._target = t.id)
                ) r
            )
            UPDATE {STAGED} found SET _target = t.id FROM s JOIN t USING (said, nth) WHERE found._row = s._row
        """)

    def _number(self) -> None:
        """Give the new rows without a code the layer's prefix and the numbers after the highest that is used."""
        self._run(
            f"""
            WITH highest AS (
                SELECT greatest(h.number, (SELECT max(gis_number(:prefix, code)) FROM {STAGED})) AS number, h.digits
                FROM gis_highest(:layer, :prefix) h
            ), next AS (
                SELECT _row, h.digits, h.number + row_number() OVER (ORDER BY _row) AS number
                FROM {STAGED} CROSS JOIN highest h WHERE code IS NULL AND _target IS NULL
            )
            UPDATE {STAGED} s
            SET code = gis_code(:prefix, next.number, next.digits)
            FROM next WHERE s._row = next._row
            """,
            layer=self._table,
            prefix=self._prefix,
        )

    def _compare(self) -> Counts:
        """Mark the rows that say something else than what is stored, and count."""
        self._run(
            f"UPDATE {STAGED} s SET _changed = true FROM {self._table} t "
            f"WHERE t.id = s._target AND ({self._differences()})"
        )
        found = self._connection.exec_driver_sql(
            "SELECT count(*) FILTER (WHERE _target IS NULL), count(*) FILTER (WHERE _changed), "
            f"count(*) FILTER (WHERE _target IS NOT NULL AND _changed IS NULL) FROM {STAGED}"
        )
        return Counts(*found.one())

    def _differences(self) -> str:
        compared = [f't."{name}" IS DISTINCT FROM s."{name}"' for name in (*self._carried, "geom")]
        if self._extra:
            compared.append(f"t.extra IS DISTINCT FROM {self._new_extra()}")
        return " OR ".join(compared)

    def _new_extra(self) -> str:
        """Keep what is stored under names that the file does not carry."""
        if "extra" in self._extra:
            return "s.extra"
        return "(t.extra - CAST(:carried AS text[])) || s.extra"

    def _write(self, counts: Counts, *, moved: bool) -> None:
        names = ("code", *self._carried, "geom", *["extra"] * bool(self._extra))
        with index_afterwards(self._connection, grown_by(self._layer), counts.inserted):
            insert(self._connection, self._layer, names, self._last, "_target IS NULL", moved=moved)
        settings = [f'"{name}" = s."{name}"' for name in (*self._carried, "geom")]
        if self._extra:
            settings.append(f"extra = {self._new_extra()}")
        if not counts.updated:
            return
        with index_afterwards(self._connection, (f"{self._table}_history",), counts.updated):
            self._run(
                f"UPDATE {self._table} t SET {', '.join(settings)} FROM {STAGED} s "
                "WHERE t.id = s._target AND s._changed"
            )

    def _run(self, statement: str, **values: object) -> None:
        if ":carried" in statement:
            values["carried"] = list(self._extra)
        self._connection.execute(text(statement), values)
