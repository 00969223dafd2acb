"""Tiles of a layer that maps draw by marks: each by itself, or counted in the cells of a grid where they are many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
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
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array

from gis_service.database.grid import FINEST, STEP, grid, latitude_of, longitude_of
from gis_service.tiles.place import BOX, BUFFER, EXTENT, PIXEL, STEPS, Place, X, Y
from gis_service.tiles.shapes import drawn
from layers import UNKNOWN, Layer

SINGLE = 500
"""A tile that holds more marks than this has them counted in cells."""
_SPLIT, _BITS = 3, 12
"""Zooms by which a cell is finer than its tile: eight cells a side; and those by which the tile's own grid is."""
_FINER, _COARSER = (bindparam(f"tile_{name}", type_=Integer()) for name in ("finer", "coarser"))
"""Zooms by which the places that are counted are finer than a cell, and than the tile."""


@dataclass(frozen=True)
class Marked:
    """What is drawn of a layer: the rows of a clause, with more columns from rows `beside`, by the terms of a field."""

    layer: type[Layer]
    clause: ColumnElement[bool]
    columns: tuple[ColumnElement[Any], ...]
    term: ColumnElement[Any]
    terms: tuple[str, ...]
    beside: Subquery | None = None

    def rows(self) -> FromClause:
        """Return where the rows come from."""
        table = self.layer.__table__
        return table if self.beside is None else table.join(self.beside, self.beside.c.id == table.c.id)


def singles(connection: Connection, marked: Marked, place: Place) -> bytes | None:
    """Return the tile with each feature by itself; None where there are too many."""
    margin = 0 if marked.layer.geometry == ("Point",) else BUFFER
    number, content = connection.execute(_singles(marked), place.values(margin)).one()
    return None if number > SINGLE else bytes(content or b"")


def counted(connection: Connection, marked: Marked, place: Place, *, kept: bool) -> bytes:
    """Return the tile with marks counted in cells: the kept ones, or of the rows.

    A cell has `count`, the field's worst term, and the number of each term under the term's code. It lies in the middle
    of what it counts.
    """
    bits = min(place.z + _SPLIT, STEP)
    of = FINEST if kept else STEP
    given = {"tile_finer": of - bits, "tile_coarser": of - place.z}
    return bytes(connection.execute(_cells(marked, kept), place.values() | given).scalar_one() or b"")


def can_be_kept(place: Place) -> bool:
    """Say whether the cells of this tile are made of those that are kept."""
    return place.z + _SPLIT <= FINEST


@lru_cache(maxsize=256)  # who asks chooses the clause
def _singles(marked: Marked) -> Select[Any]:
    """Return the SELECT of the number of features, at most one more than `SINGLE`, and of the tile."""
    points = marked.layer.geometry == ("Point",)
    table = marked.layer.__table__
    placed = _placed(marked, STEPS, table.c.id, *marked.columns, *([] if points else [table.c.geom]))
    here = _inside(placed, _BITS)
    chosen = here if points else or_(func.ST_Dimension(placed.c.geom) > 0, here)
    found = select(placed).where(chosen).limit(SINGLE + 1).subquery("found")
    shape: ColumnElement[Any] = func.ST_MakePoint(found.c.east.op("&")(EXTENT - 1), found.c.south.op("&")(EXTENT - 1))
    if not points:
        shape = _outlined(found, shape)
    names = (str(column.key) for column in marked.columns)
    rows = select(*(found.c[name] for name in names), shape.label("shape")).order_by(found.c.id).subquery("tile")
    whole = func.ST_AsMVT(literal_column("tile"), marked.layer.__tablename__, EXTENT, "shape")
    return select(func.count(), whole.filter(rows.c.shape.is_not(None))).select_from(rows)


@lru_cache(maxsize=256)
def _cells(marked: Marked, kept: bool) -> Select[Any]:
    """Return the SELECT of the tile with cells."""
    part = (_of_cells(marked) if kept else _of_rows(marked)).subquery("part")
    number, ranks = func.sum(part.c.number), array(marked.terms)
    east, south = (
        func.floor(cast(func.sum(added), Double) / cast(number, Double) * STEPS / 2.0**STEP)
        - cast(tile, Double) * EXTENT
        for added, tile in ((part.c.east, X), (part.c.south, Y))
    )
    cells = (
        select(
            cast(number, Integer).label("count"),
            ranks[func.min(func.array_position(ranks, part.c.term))].label(marked.term.key),
            func.jsonb_object_agg(part.c.term, cast(part.c.number, Integer)).label("counts"),
            func.ST_MakePoint(east, south).label("shape"),
        )
        .group_by(part.c.cell)
        .order_by(part.c.cell)
        .subquery("tile")
    )
    whole = func.ST_AsMVT(literal_column("tile"), marked.layer.__tablename__, EXTENT, "shape")
    return select(whole).select_from(cells)


def _of_cells(marked: Marked) -> Select[Any]:
    """Return the SELECT of cells by term from those that are kept."""
    cells = grid(marked.layer).c
    sides = (
        at.between(first.op("<<")(_COARSER), (first + 1).op("<<")(_COARSER) - 1)
        for at, first in ((cells.x, X), (cells.y, Y))
    )
    return (
        select(_cell(cells.x, cells.y), func.coalesce(cells.term, UNKNOWN).label("term"))
        .add_columns(*(func.sum(cells[name]).label(name) for name in ("number", "east", "south")))
        .where(cells.zoom == FINEST, *sides)
        .group_by(*map(literal_column, "12"))
        .having(func.sum(cells.number) != 0)
    )


def _of_rows(marked: Marked) -> Select[Any]:
    """Return the SELECT of cells by term, counted from the rows."""
    placed = _placed(marked, literal(2.0**STEP), func.coalesce(marked.term, UNKNOWN).label("term"))
    return (
        select(_cell(placed.c.east, placed.c.south), placed.c.term)
        .add_columns(
            func.count().label("number"), *(func.sum(placed.c[name]).label(name) for name in ("east", "south"))
        )
        .where(_inside(placed, _COARSER))
        .group_by(*map(literal_column, "12"))
    )


def _placed(marked: Marked, steps: ColumnElement[float], *columns: ColumnElement[Any]) -> Subquery:
    """Return the rows that may lie in the tile, with the place of their marks in steps of the world.

    OFFSET 0, or every condition and every column that is made of a place would compute it again.
    """
    layer, geom = marked.layer, f"{marked.layer.__tablename__}.geom"
    u = func.gis_unit_x(literal_column(longitude_of(layer, geom)))
    v = func.gis_unit_y(literal_column(latitude_of(layer, geom)))
    east, south = (cast(func.floor(cast(at, Double) * steps), BigInteger) for at in (u, v))
    return (
        select(*columns, east.label("east"), south.label("south"))
        .select_from(marked.rows())
        .where(layer.__table__.c.geom.op("&&")(BOX), marked.clause)
        .offset(literal_column("0"))
        .subquery("placed")
    )


def _inside(placed: FromClause, bits: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Select the marks of the tile, `bits` zooms coarser than their places: each is in exactly one of a zoom."""
    return and_(placed.c.east.op(">>")(bits) == X, placed.c.south.op(">>")(bits) == Y)


def _cell(x: ColumnElement[Any], y: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the number of the cell among those of the tile, column by column."""
    column, row = (at.op(">>")(_FINER).op("&")(2**_SPLIT - 1) for at in (x, y))
    cell: ColumnElement[Any] = column * 2**_SPLIT + row
    return cell.label("cell")


def _outlined(found: Subquery, point: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the shape of a feature that may have an extent: what is smaller than a pixel is its mark."""
    geom = found.c.geom
    small = and_(
        func.ST_XMax(geom) - func.ST_XMin(geom) < PIXEL,
        func.ST_YMax(geom) - func.ST_YMin(geom) < PIXEL,
    )
    return case((small, case((_inside(found, _BITS), point))), else_=drawn(geom, EXTENT))
