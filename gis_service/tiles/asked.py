"""What a tile is asked of, and what it depends on: that names it in the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Connection, Select, Subquery, Table, true
from sqlalchemy.sql.visitors import iterate

from gis_service.database.grid import FINEST
from gis_service.database.known import known
from gis_service.database.once import once
from gis_service.features import sees_everything
from gis_service.tiles.place import BUFFER, Place
from layers import UNKNOWN, Layer, registry

_FORMAT = 1
"""To be raised with every change of how tiles are written: those that are kept are then not taken for new ones."""


@dataclass(frozen=True)
class Asked:
    """Which features of a layer, and which further properties (`extra`) of the rows of the same id `beside` them.

    Of those, `level` is what cells are counted by. `meant` is what the rows beside are by their definition, where they
    are read from what is kept of it: the tile depends on what that reads.
    """

    layer: type[Layer]
    clause: ColumnElement[bool]
    extra: tuple[ColumnElement[Any], ...] = ()
    beside: Subquery | None = None
    meant: Select[Any] | None = None

    @cached_property
    def plain(self) -> bool:
        """Say whether it is all of the layer and nothing else."""
        return self.beside is None and self.clause.compare(true())

    def words(self) -> Iterable[ClauseElement]:
        """Return what says which tile it is, but for its place."""
        if not self.plain:
            yield from (self.clause, *self.extra)
            if self.beside is not None:
                yield self.beside.element if self.meant is None else self.meant


@dataclass(frozen=True)
class State:
    """What is seen: `everything` of the layer as it is now, or less; `key` names all that the tile depends on.

    `number` is how many marks stand in the tile, where that is known.
    """

    everything: bool
    number: int | None
    key: str | None


@lru_cache(maxsize=64)
def properties(layer: type[Layer]) -> tuple[str, ...]:
    """Return the names of the properties that features bear in a tile."""
    return tuple(dict.fromkeys(("code", "name", layer.symbol.field)))


@lru_cache(maxsize=64)
def terms(layer: type[Layer]) -> tuple[str, ...]:
    """Return the terms of the symbol's field, the worst first and the unknown last."""
    vocabulary = layer.fields()[layer.symbol.field].vocabulary
    assert vocabulary is not None
    known = [code for code in (*layer.symbol.worst, *vocabulary.codes) if code != UNKNOWN]
    return (*dict.fromkeys(known), UNKNOWN)


def state(connection: Connection, asked: Asked, place: Place) -> State:
    """Return who sees what, and what stands in the tile; the latter is asked once for each state of the database.

    A past day is not kept: it would be new with every entry that is dated back.
    """
    past, everything = bool(known(connection).as_of), sees_everything(connection, asked.layer)
    others = _others(asked)
    if past or others is None:
        return State(everything and not past, None, None)
    at = (asked.layer.__tablename__, str(place.z), str(place.x), str(place.y))
    number, *standing = once(connection, ("tile", *at, *others), lambda: _standing(connection, asked, place, others))
    chosen = (_written(connection, word) for word in asked.words())
    drawn = f"{_FORMAT} {properties(asked.layer)} {terms(asked.layer)}"
    # what has an extent is looked for in a margin, too
    exact = everything and asked.plain and place.z <= FINEST and asked.layer.geometry == ("Point",)
    return State(everything, number if exact else None, "\n".join((drawn, *at, *standing, *chosen)))


def _standing(connection: Connection, asked: Asked, place: Place, others: Iterable[str]) -> tuple[Any, ...]:
    """Return how many marks stand in the tile's cells, and texts that name all that does, and all of the other layers.

    They name what is hers, too, where she sees not everything: her layers, her areas and those inside them.
    """
    layer, now = asked.layer, known(connection)
    west, north, east, south = place.edges(0 if layer.geometry == ("Point",) else BUFFER)
    asks = [f"(SELECT mark::text FROM gis_standing_{other}(0, 0, 1, 1))" for other in others]
    if not sees_everything(connection, layer):
        asks.append(f"concat({now.areas is None}, gis_areas(), (gis_user()).layers)")
    columns = ", ".join(("number", "mark::text", *asks))
    asking = f"SELECT {columns} FROM gis_standing_{layer.__tablename__}(%s, %s, %s, %s)"
    return tuple(connection.exec_driver_sql(asking, (west, north, east, south)).one())


def _written(connection: Connection, clause: ClauseElement) -> str:
    """Return a clause with its values, the day among them where it matters."""
    compiled = clause.compile(dialect=connection.dialect)
    return f"{compiled} {sorted(compiled.params.items())}"


def _others(asked: Asked) -> list[str] | None:
    """Return the other layers that an answer depends on; None where it depends on what no grid is kept of."""
    tables: set[str] = set()
    for part in (part for word in asked.words() for part in iterate(word)):
        table = part if isinstance(part, Table) else getattr(part, "table", None)
        if isinstance(table, Table):
            tables.add(table.name)
    others = sorted(tables - {asked.layer.__tablename__})
    return others if set(others) <= set(registry()) else None
