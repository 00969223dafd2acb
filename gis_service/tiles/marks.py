"""Tiles of a layer that maps draw by marks: each by itself, or counted in the cells of a grid where they are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array

from gis_service.database.grid import FINEST, STEP, grid, latitude_of, longitude_of
from gis_service.tiles.place import BUFFER, EXTENT, Place
from gis_service.tiles.shapes import drawn
from layers import UNKNOWN, Layer

SINGLE = 500
"""A tile that holds more marks than this has them counted in cells."""
_SPLIT, _BITS = 3, 12
"""Zooms by which a cell is finer than its tile: eight cells a side; and those by which the tile's own grid is."""


@dataclass(frozen=True)
class Marked:
    """What is drawn of a layer: the rows of a clause, with more columns from rows `beside`, by the terms of a field."""

    layer: type[Layer]
    clause: ColumnElement[bool]
    columns: tuple[ColumnElement[Any], ...]
    term: ColumnElement[Any]
    terms: Sequence[str]
    beside: Subquery | None = None

    def rows(self) -> FromClause:
        """Return where the rows come from."""
        table = self.layer.__table__
        return table if self.beside is None else table.join(self.beside, self.beside.c.id == table.c.id)


def singles(connection: Connection, marked: Marked, place: Place) -> bytes | None:
    """Return the tile with each feature by itself; None where there are too many."""
    table, points = marked.layer.__table__, marked.layer.geometry == ("Point",)
    u, v = _unit(marked.layer)
    here, reach = _inside(place, u, v), place.box(0 if points else BUFFER)
    found = (
        select(table.c.id, *marked.columns, *([] if points else [table.c.geom]))
        .add_columns(u.label("u"), v.label("v"))
        .select_from(marked.rows())
        .where(table.c.geom.op("&&")(reach), marked.clause)
        .where(here if points else or_(func.ST_Dimension(table.c.geom) > 0, here))
        .limit(SINGLE + 1)
        .subquery("found")
    )
    names = [str(column.key) for column in marked.columns]
    shape = _point(place, found.c.u, found.c.v, 0)
    if not points:
        shape = _outlined(place, found, shape)
    rows = select(*(found.c[name] for name in names), shape.label("shape")).order_by(found.c.id).subquery("tile")
    whole = func.ST_AsMVT(literal_column("tile"), marked.layer.__tablename__, EXTENT, "shape")
    tile = select(func.count(), whole.filter(rows.c.shape.is_not(None))).select_from(rows)
    number, content = connection.execute(tile).one()
    return None if number > SINGLE else bytes(content or b"")


def counted(connection: Connection, marked: Marked, place: Place, *, kept: bool) -> tuple[int, bytes]:
    """Return how many there are in the tile, and the tile with them counted in cells: the kept ones, or of the rows.

    A cell has `count`, the field's worst term, and the number of each term under the term's code. It lies in the middle
    of what it counts.
    """
    zoom = min(place.z + _SPLIT, STEP)
    part = (_kept(marked, place, zoom) if kept else _from_rows(marked, place, zoom)).subquery("part")
    number, ranks = func.sum(part.c.number), array(marked.terms)
    cells = (
        select(
            cast(number, Integer).label("count"),
            ranks[func.min(func.array_position(ranks, part.c.term))].label(marked.term.key),
            func.jsonb_object_agg(part.c.term, cast(part.c.number, Integer)).label("counts"),
            _point(place, _mean(part.c.east, number), _mean(part.c.south, number), STEP).label("shape"),
        )
        .group_by(part.c.x, part.c.y)
        .order_by(part.c.x, part.c.y)
        .subquery("tile")
    )
    whole = func.ST_AsMVT(literal_column("tile"), marked.layer.__tablename__, EXTENT, "shape")
    tile = select(func.coalesce(func.sum(cells.c["count"]), 0), whole).select_from(cells)
    total, content = connection.execute(tile).one()
    return int(total), bytes(content or b"")


def can_be_kept(place: Place) -> bool:
    """Say whether the cells of this tile are made of those that are kept."""
    return place.z + _SPLIT <= FINEST


def _kept(marked: Marked, place: Place, zoom: int) -> Select[Any]:
    """Return the SELECT of cells by term from those that are kept."""
    cells, finer, coarser = grid(marked.layer).c, FINEST - zoom, FINEST - place.z
    across, down = cells.x.op(">>")(finer), cells.y.op(">>")(finer)
    return (
        select(across.label("x"), down.label("y"), func.coalesce(cells.term, UNKNOWN).label("term"))
        .add_columns(*(func.sum(cells[name]).label(name) for name in ("number", "east", "south")))
        .where(
            cells.zoom == FINEST,
            cells.x.between(place.x << coarser, ((place.x + 1) << coarser) - 1),
            cells.y.between(place.y << coarser, ((place.y + 1) << coarser) - 1),
        )
        .group_by(*map(literal_column, "123"))
        .having(func.sum(cells.number) != 0)
    )


def _from_rows(marked: Marked, place: Place, zoom: int) -> Select[Any]:
    """Return the SELECT of cells by term, counted from the rows."""
    u, v = _unit(marked.layer)
    placed = (
        select(u.label("u"), v.label("v"), marked.term.label("term"))
        .select_from(marked.rows())
        .where(marked.layer.__table__.c.geom.op("&&")(place.box()), marked.clause)
        .subquery("placed")
    )
    across, down = (cast(func.floor(at * 2.0**zoom), Integer) for at in (placed.c.u, placed.c.v))
    east, south = (func.sum(cast(func.floor(at * 2.0**STEP), BigInteger)) for at in (placed.c.u, placed.c.v))
    return (
        select(across.label("x"), down.label("y"), func.coalesce(placed.c.term, UNKNOWN).label("term"))
        .add_columns(func.count().label("number"), east.label("east"), south.label("south"))
        .where(_inside(place, placed.c.u, placed.c.v))
        .group_by(*map(literal_column, "123"))
    )


def _unit(layer: type[Layer]) -> tuple[ColumnElement[float], ColumnElement[float]]:
    """Return where a feature's mark lies in the unit square."""
    geom = f"{layer.__tablename__}.geom"
    return (
        func.gis_unit_x(literal_column(longitude_of(layer, geom)), type_=Double()),
        func.gis_unit_y(literal_column(latitude_of(layer, geom)), type_=Double()),
    )


def _inside(place: Place, u: ColumnElement[float], v: ColumnElement[float]) -> ColumnElement[bool]:
    """Select the marks of a tile: each is in exactly one of a zoom."""
    west, north, east, south = place.edges()
    return and_(u >= west, u < east, v >= north, v < south)


def _mean(added: ColumnElement[Any], number: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.sum(added), Double) / cast(number, Double)


def _point(place: Place, east: ColumnElement[Any], south: ColumnElement[Any], bits: int) -> ColumnElement[Any]:
    """Return the point of a tile's own grid for a place given in steps of 2^-bits of the world."""
    zoom, grid = place.z + _BITS, float(EXTENT)
    across, down = (func.floor(cast(at, Double) * 2.0 ** (zoom - bits)) for at in (east, south))
    return func.ST_MakePoint(across - place.x * grid, down - place.y * grid)


def _outlined(place: Place, found: Subquery, point: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the shape of a feature that may have an extent: what is smaller than a pixel is its mark."""
    pixel, geom = place.pixel(), found.c.geom
    small = and_(
        func.ST_XMax(geom) - func.ST_XMin(geom) < pixel,
        func.ST_YMax(geom) - func.ST_YMin(geom) < pixel,
    )
    mark = case((_inside(place, found.c.u, found.c.v), point))
    return case((small, mark), else_=drawn(place, geom, EXTENT))
