"""A GeoPackage of points into the database. The service judges each row, places it, and keeps its history."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2

from benchmarks.ask import call, program, run
from benchmarks.measure import Sample, Work
from benchmarks.stand import HERE, LAYER, Stand, gis

_MOST = 200_000
_DISTRICT = "imported"
"""The district that the service imports into, made anew for each turn."""
_COPIED, _OTHERS = "bench_copied", "bench_others"


def works(stand: Stand, _seconds: float) -> Iterator[Work]:
    """Yield the one kind of work."""
    file, rows = HERE / "points.gpkg", HERE / "points.copy"
    number = min(stand.features, _MOST)
    file.unlink(missing_ok=True)
    columns = "code, name, kind, level, status, description, found_on, deadline, geom"
    chosen = f"SELECT {columns} FROM {LAYER} WHERE level <> '未知' ORDER BY id LIMIT {number}"
    environment = stand.environment()
    run(["ogr2ogr", "-f", "GPKG", str(file), "PG:", "-sql", chosen, "-nln", "points"], env=environment)
    run(["psql", "-qc", f"\\copy ({chosen}) to '{rows}'"], env=environment)
    areas = HERE / "areas.gpkg"
    areas.unlink(missing_ok=True)
    query = "SELECT code, name, level, parent_code, geom FROM areas"
    run(["ogr2ogr", "-f", "GPKG", str(areas), "PG:", "-sql", query, "-nln", "areas"], env=environment)

    def copy() -> int:
        with closing(psycopg2.connect(stand.url, options=stand.search_path)) as connection:
            with connection.cursor() as cursor, rows.open("rb") as source:
                cursor.copy_expert(f"COPY {_COPIED} ({columns}) FROM STDIN", source)
                copied: int = cursor.rowcount
            connection.commit()
        return copied

    def fresh_table() -> None:
        stand.rows(
            f"DROP TABLE IF EXISTS {_COPIED}; "
            f"CREATE TABLE {_COPIED} AS SELECT {columns} FROM {LAYER} WITH NO DATA; "
            f"ALTER TABLE {_COPIED} ADD PRIMARY KEY (code); CREATE INDEX ON {_COPIED} USING gist (geom)"
        )

    def fresh_district() -> None:
        stand.rows(f"DROP SCHEMA IF EXISTS {_DISTRICT} CASCADE; DROP SCHEMA IF EXISTS {_DISTRICT}_past CASCADE")
        gis("db", "upgrade", district=_DISTRICT)
        gis("import", areas, "--layer", "areas", district=_DISTRICT)

    def ours() -> int:
        gis("import", file, "--layer", LAYER, district=_DISTRICT)
        return number

    others = ["ogr2ogr", "-f", "PostgreSQL", "PG:", str(file), "-nln", _OTHERS, "-overwrite", "--config"]
    frames = [sys.executable, "-m", "benchmarks.frames", "import", str(file), stand.schema, _OTHERS]
    targets = {
        "COPY, key and GiST": _after(fresh_table, call(copy)),
        "gis": _after(fresh_district, call(ours)),
        "ogr2ogr": program([*others, "PG_USE_COPY", "YES"], None, **environment),
        "GeoPandas": program(frames, None, **environment),
    }
    yield Work(f"{number:,} points from a GeoPackage", "s", targets)
    stand.rows(f"DROP TABLE IF EXISTS {_COPIED}, {_OTHERS}")


def _after(prepare: Callable[[], None], turn: Callable[[], Sample]) -> Callable[[], Sample]:
    def prepared() -> Sample:
        prepare()
        return turn()

    return prepared
