"""What a tile is asked of, and what it depends on: that names it in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Connection, Subquery, Table, func, literal_column, select, true
from sqlalchemy.sql.visitors import iterate

from gis_service.tiles.place import BUFFER, Place
from layers import UNKNOWN, Layer, registry

_FORMAT = 1
"""To be raised with every change of how tiles are written: those that are kept are then not taken for new ones."""


@dataclass(frozen=True)
class Asked:
    """Which features of a layer, and which further properties (`extra`) of the rows of the same id `beside` them.

    Of those, `level` is what cells are counted by.
    """

    layer: type[Layer]
    clause: ColumnElement[bool]
    extra: tuple[ColumnElement[Any], ...] = ()
    beside: Subquery | None = None


@dataclass(frozen=True)
class State:
    """What is seen: `everything` of the layer as it is now, or less; `key` names all that the tile depends on."""

    everything: bool
    key: str | None


def properties(layer: type[Layer]) -> tuple[str, ...]:
    """Return the names of the properties that features bear in a tile."""
    return tuple(dict.fromkeys(("code", "name", layer.symbol.field)))


def terms(layer: type[Layer]) -> tuple[str, ...]:
    """Return the terms of the symbol's field, the worst first and the unknown last."""
    vocabulary = layer.fields()[layer.symbol.field].vocabulary
    assert vocabulary is not None
    known = [code for code in (*layer.symbol.worst, *vocabulary.codes) if code != UNKNOWN]
    return (*dict.fromkeys(known), UNKNOWN)


def state(connection: Connection, asked: Asked, place: Place) -> State:
    """Ask in one statement who sees what, and what stands in the tile.

    A past day is not kept: it would be new with every entry that is dated back.
    """
    name, margin = asked.layer.__tablename__, 0 if asked.layer.geometry == ("Point",) else BUFFER
    others = _others(asked)
    whole = f"NOT row_security_active('users') OR (gis_everywhere() AND gis_holds('{name}'))"
    hers = "concat_ws('|', gis_everywhere(), gis_areas(), (gis_user()).layers)"
    found = connection.execute(
        select(
            literal_column("coalesce(current_setting('gis.as_of', true), '') <> ''"),
            literal_column(whole),
            literal_column(f"CASE WHEN {whole} THEN '' ELSE {hers} END"),
            getattr(func, f"gis_mark_{name}")(*place.edges(margin)),
            *(getattr(func, f"gis_mark_{other}")(0.0, 0.0, 1.0, 1.0) for other in others or ()),
        )
    ).one()
    past, everything, scope, *marks = found
    if past or others is None:
        return State(everything and not past, None)
    words = (asked.clause, *asked.extra, *([] if asked.beside is None else [asked.beside.element]))
    plain = asked.beside is None and asked.clause.compare(true())
    chosen = "" if plain else "\n".join(_written(connection, word) for word in words)
    drawn = f"{_FORMAT} {properties(asked.layer)} {terms(asked.layer)}"
    at = f"{name}/{place.z}/{place.x}/{place.y}"
    return State(everything, "\n".join((drawn, at, scope, chosen, *map(str, marks))))


def _written(connection: Connection, clause: ClauseElement) -> str:
    """Return a clause with its values, the day among them where it matters."""
    compiled = clause.compile(dialect=connection.dialect)
    return f"{compiled} {sorted(compiled.params.items())}"


def _others(asked: Asked) -> list[str] | None:
    """Return the other layers that an answer depends on; None where it depends on what no grid is kept of."""
    roots = (asked.clause, *([] if asked.beside is None else [asked.beside.element]))
    tables = {part.name for root in roots for part in iterate(root) if isinstance(part, Table)}
    of_columns = (getattr(part, "table", None) for root in roots for part in iterate(root))
    tables |= {table.name for table in of_columns if isinstance(table, Table)}
    others = sorted(tables - {asked.layer.__tablename__})
    return others if set(others) <= set(registry()) else None
