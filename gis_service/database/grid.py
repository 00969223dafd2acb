"""A grid of every layer, kept by triggers: how many marks of which term stand in a cell, and a sum of all that does.

Cells are those of web Mercator at zoom `FINEST`, about 270 m wide at 26 N. Where maps draw a layer by marks, each
feature is counted in the one cell that holds its mark: its point, or the middle of its box. `east` and `south` add up
the marks' places, in steps of `STEP`, so that a cell knows its middle. `mark` adds up a hash of each version that
stands in the cell, and so changes whenever something there does. What has an extent is marked in up to four cells of
a coarser zoom, which hold its box; what has no place in the one of zoom 0.
"""

from __future__ import annotations

from sqlalchemy import Connection, TableClause, column, table

from gis_service.database.kept import Kept, make
from gis_service.database.statements import filled, run
from layers import Layer, Subjected

FINEST = 17
STEP = 25
"""Places are added up in steps of 2^-25 of the world, 1.2 m on the equator."""
_COARSER = 14
_HASH = "hashtextextended(concat_ws(' ', id, version, extract(epoch FROM updated_at), area_code, shares), 0) >> 24"
"""What a tile shows follows from the version, also of another district's; whose a record is, from where it lies.

Forty bits of it, so that those of eight million versions add up to a bigint. Whoever changes it renames a column, too,
so that every grid is counted anew: what was added up by one hash is not taken away by another."""


def grid(layer: type[Layer]) -> TableClause:
    """Return the table of a layer's cells, for queries."""
    return table(f"{layer.__tablename__}_grid", *map(column, (*_KEY, *_SUMS)))


def is_marked(layer: type[Layer]) -> bool:
    """Say whether maps draw the layer by marks, and not by its lines or outlines alone."""
    return layer.symbol.shape not in ("line", "area")


_KEY = {"zoom": "smallint", "x": "integer", "y": "integer", "term": "text"}
_SUMS = {"number": "integer", "east": "bigint", "south": "bigint", "mark": "bigint"}


def gridded(layer: type[Layer]) -> Kept:
    """Return what is kept as a layer's grid."""
    return Kept(layer, "grid", _KEY, _SUMS, lambda rows: _cells(layer, rows))


def make_grid(connection: Connection, layer: type[Layer], service: str) -> None:
    """Make the table and the triggers of a layer's grid; count where they are new."""
    make(connection, gridded(layer), service)
    zooms = (FINEST,) if layer.geometry == ("Point",) and layer.placed else (*range(_COARSER + 1), FINEST)
    run(connection, filled("grid", table=layer.__tablename__, zooms=", ".join(map(str, zooms))))
    if layer.geometry == ("Point",):  # an outline may be too long for an index
        run(connection, filled("place", table=layer.__tablename__, columns=", ".join(_read(layer))))


def _read(layer: type[Layer]) -> tuple[str, ...]:
    """Return the columns that are read of what lies in a box where it is only counted: the row policies read some."""
    whose = ("area_code", "shares", *["subject_layer"] * issubclass(layer, Subjected))
    return ("id", "geom", layer.symbol.field, *whose)


def _cells(layer: type[Layer], rows: str) -> str:
    """Return the SELECT that counts `rows`: all columns of the layer, and `sign`, by which each is counted."""
    points = layer.geometry == ("Point",)
    x, y = longitude_of(layer, "geom"), latitude_of(layer, "geom")
    # OFFSET 0, or every column that is made of them would place the row again
    placed = f"SELECT *, gis_unit_x({x}) AS u, gis_unit_y({y}) AS v, {_HASH} AS hash FROM ({rows}) r OFFSET 0"
    parts = []
    if is_marked(layer):
        mark = "hash" if points else "CASE ST_Dimension(geom) WHEN 0 THEN hash ELSE 0 END"
        marks = (
            f"SELECT {FINEST} AS zoom, floor(u * {2**FINEST})::int AS x, floor(v * {2**FINEST})::int AS y,"
            f" {layer.symbol.field} AS term, sign AS number, sign * floor(u * {2**STEP})::bigint AS east,"
            f" sign * floor(v * {2**STEP})::bigint AS south, sign * ({mark}) AS mark"
            f" FROM ({placed}) placed WHERE geom IS NOT NULL"
        )
        parts.append(marks)
    if not (points and layer.placed):
        parts.append(_extended(rows))
    added = ", ".join(f"sum({name})::{kind} AS {name}" for name, kind in _SUMS.items())
    return (
        f"SELECT zoom::smallint AS zoom, x, y, term, {added} FROM ({' UNION ALL '.join(parts)}) part "
        f"GROUP BY zoom, x, y, term HAVING {' OR '.join(f'sum({name}) <> 0' for name in _SUMS)}"
    )


def _extended(rows: str) -> str:
    """Return the SELECT that marks what has an extent or no place in the cells that hold its box."""
    edges = {
        "west": "gis_unit_x(ST_XMin(geom))",
        "east": "gis_unit_x(ST_XMax(geom))",
        "north": "gis_unit_y(ST_YMax(geom))",
        "south": "gis_unit_y(ST_YMin(geom))",
    }
    boxed = ", ".join(f"coalesce({what}, 0) AS {name}" for name, what in edges.items())
    # so far from zoom 0 that two cells hold the longer side, be it the world's
    zoom = f"least({_COARSER}, greatest(0, floor(-ln(greatest(east - west, south - north, 1e-9)) / ln(2.0))))::int"
    return (
        "SELECT zoom, x, y, NULL AS term, 0 AS number, 0 AS east, 0 AS south, sign * hash AS mark"
        f" FROM (SELECT sign, geom, {boxed}, {_HASH} AS hash FROM ({rows}) r"
        " WHERE geom IS NULL OR ST_Dimension(geom) > 0) boxed"
        f" CROSS JOIN LATERAL (SELECT CASE WHEN geom IS NULL THEN 0 ELSE {zoom} END AS zoom) fit"
        " CROSS JOIN LATERAL generate_series(floor(west * (1 << zoom))::int, floor(east * (1 << zoom))::int) x"
        " CROSS JOIN LATERAL generate_series(floor(north * (1 << zoom))::int, floor(south * (1 << zoom))::int) y"
    )


def longitude_of(layer: type[Layer], geom: str) -> str:
    """Return the longitude of a feature's mark, as SQL."""
    return f"ST_X({geom})" if layer.geometry == ("Point",) else f"(ST_XMin({geom}) + ST_XMax({geom})) / 2"


def latitude_of(layer: type[Layer], geom: str) -> str:
    """Return the latitude of a feature's mark, as SQL."""
    return f"ST_Y({geom})" if layer.geometry == ("Point",) else f"(ST_YMin({geom}) + ST_YMax({geom})) / 2"
