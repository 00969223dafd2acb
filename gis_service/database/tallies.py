"""Tallies: counts and sums of every layer by area and category, kept by triggers in the transaction that changes rows.

Each layer has a table of cells. `per` says what a cell is counted by: the bits of GROUPING() over the layer's
categories, so 0 where all of them are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, FromClause, SelectBase, TableClause, column, table
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from gis_service.database.kept import Kept, make
from gis_service.database.statements import filled, run
from layers import Layer, Role, Sum

METRES, SQUARE_METRES = "metres", "square_metres"
_DIMENSIONS = {METRES: ("MultiLineString", 1), SQUARE_METRES: ("MultiPolygon", 2)}


@cache
def tallies(layer: type[Layer]) -> TableClause:
    """Return the table of a layer's cells, for queries."""
    return table(
        f"{layer.__tablename__}_tallies", *map(column, ("per", "area_code", *layer.categories(), *_sums(layer)))
    )


def per(layer: type[Layer], group: Iterable[str]) -> int:
    """Return which cells answer a question by these categories: those counted by them, or else by all."""
    wanted = set(group)
    one = next((some for some in _groupings(layer) if set(some) == wanted), layer.categories())
    return sum(1 << at for at, name in enumerate(reversed(layer.categories())) if name not in one)


@dataclass(frozen=True)
class Told:
    """A clause on the rows of a layer, written for another table, and the names of the columns that it reads."""

    clause: ColumnElement[bool]
    read: frozenset[str]


@lru_cache(maxsize=256)
def told_by(layer: type[Layer], clause: ColumnElement[bool]) -> Told | None:
    """Return a clause as cells can answer it: where it reads categories and the area that holds a row, no more."""
    return rewritten(layer, clause, tallies(layer), {"area_code", *layer.categories()})


def rewritten(layer: type[Layer], clause: ColumnElement[bool], onto: FromClause, names: Collection[str]) -> Told | None:
    """Return a clause on rows of a layer as one on columns of the same names elsewhere; None where it reads more."""
    read: set[str] = set()

    def there(element: Any, **_: Any) -> Any:  # noqa: ANN401 - what SQLAlchemy walks through
        if not isinstance(element, Column) or element.table is not layer.__table__:
            return None
        read.add(element.name)
        return onto.c[element.name] if element.name in names else element

    if any(isinstance(part, SelectBase) for part in iterate(clause)):
        return None
    told = replacement_traverse(clause, {}, there)
    return Told(told, frozenset(read)) if read <= set(names) else None


def tallied(layer: type[Layer]) -> Kept:
    """Return what is kept as a layer's tallies."""
    kinds = {category: str(layer.__table__.c[category].type).lower() for category in layer.categories()}
    key = {"per": "integer", "area_code": "text", **kinds}
    return Kept(layer, "tallies", key, dict.fromkeys(_sums(layer), "numeric"), lambda rows: _cells(layer, rows))


def make_tallies(connection: Connection, layer: type[Layer], past: str, service: str) -> None:
    """Make the table and the triggers of a layer's tallies, and the view of its past; count where they are new."""
    make(connection, tallied(layer), service)
    then = _cells(layer, f'SELECT 1 AS sign, t.* FROM "{past}".{layer.__tablename__} t')
    run(connection, filled("tallies", table=layer.__tablename__, past=past, service=service, then=then))


def _groupings(layer: type[Layer]) -> list[tuple[str, ...]]:
    """Return what cells are counted by, beside the area: nothing, each category, all of them."""
    categories = layer.categories()
    return list(dict.fromkeys([(), *((name,) for name in categories), categories]))


def _measured(layer: type[Layer]) -> dict[str, int]:
    """Return the columns of measures by shares: the dimension of the geometry that each measures."""
    return {name: dimension for name, (kind, dimension) in _DIMENSIONS.items() if kind in layer.geometry}


def _sums(layer: type[Layer]) -> dict[str, str]:
    """Return the columns that are summed, and what each counts of a row, as SQL; what is measured is not of a row."""
    declared = {m.name: f"coalesce({m.column}::numeric, 0)" for m in layer.measures if isinstance(m, Sum)}
    return {"number": "1", **declared, **dict.fromkeys(_measured(layer), "0")}


def _cells(layer: type[Layer], rows: str) -> str:
    """Return the SELECT that counts `rows`: all columns of the layer, and `sign`, by which each is counted.

    Each row is counted where it is, and measured in every area that it crosses.
    """
    sums, categories = _sums(layer), layer.categories()
    key = ", ".join(("area_code", *categories))
    counted = ", ".join(f"sum(sign * {what}) AS {name}" for name, what in sums.items())
    parts = f"SELECT {key}, {counted} FROM ({rows}) r{_own(layer)} GROUP BY {key}"
    if measured := _measured(layer):
        pieces = ", ".join(
            f"sum(sign * share.value::numeric) FILTER (WHERE ST_Dimension(geom) = {measured[name]}) AS {name}"
            if name in measured
            else f"0 AS {name}"
            for name in sums
        )
        area = ", ".join(("nullif(share.key, '')", *categories))
        shares = "CROSS JOIN LATERAL jsonb_each_text(shares) share"
        parts += f" UNION ALL SELECT {area}, {pieces} FROM ({rows}) r {shares}{_own(layer)} GROUP BY {area}"
    sets = ", ".join(f"({', '.join(('area_code', *some))})" for some in _groupings(layer))
    by = f"grouping({', '.join(categories)})" if categories else "0"
    some = " OR ".join(f"sum({name}) <> 0" for name in sums)
    added = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in sums)
    return f"SELECT {by} AS per, {key}, {added} FROM ({parts}) part GROUP BY GROUPING SETS ({sets}) HAVING {some}"


def _own(layer: type[Layer]) -> str:
    """Return which rows count: of the areas those inside which there is no other."""
    return " WHERE leaf" if layer.role is Role.AREAS else ""
