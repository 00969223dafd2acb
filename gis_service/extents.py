"""What a layer holds as a whole: how many records, from where to where, from when to when. As who asks sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from gis_service.database.once import once
from gis_service.database.tallies import per, tallies, told_by
from gis_service.features import sees_everything
from gis_service.moments import moment
from layers import Layer, Role, registry

_GRID = 1e8
"""Steps of a degree that coordinates are written in."""


@dataclass(frozen=True)
class Extent:
    """A layer as a whole: `box` is west, south, east, north; `first` and `last` are days or moments; None is none."""

    count: int
    box: tuple[float, float, float, float] | None
    first: date | datetime | None
    last: date | datetime | None

    def interval(self) -> tuple[str, str] | None:
        """Return the time as two moments: a day from its beginning to its end."""
        if self.first is None or self.last is None:
            return None
        return _moment(self.first, "T00:00:00Z"), _moment(self.last, "T23:59:59Z")


def _moment(time: date | datetime, of_the_day: str) -> str:
    if not isinstance(time, datetime):
        return f"{time}{of_the_day}"
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def extent(connection: Connection, layer: type[Layer]) -> Extent:
    """Return what a layer holds; read once for each user and state of the database."""
    return once(connection, ("extent", layer.__tablename__), lambda: _read(connection, layer))


def count(
    connection: Connection,
    layer: type[Layer],
    clause: ColumnElement[bool],
    words: tuple[str, ...],
    read: Callable[[], int | None],
) -> int | None:
    """Return how many records a clause selects, which these words say: as tallies tell, or else as `read` counts.

    It is asked once for each user and state of the database.
    """

    def found() -> int | None:
        told = _told(connection, layer, clause)
        return read() if told is None else told

    return once(connection, ("count", layer.__tablename__, *words), found)


def counts(connection: Connection) -> dict[str, int]:
    """Return how many records each layer holds."""
    found = {name: _told(connection, layer, true()) for name, layer in registry().items()}
    return {
        name: connection.scalars(select(func.count()).select_from(registry()[name].__table__)).one()
        if told is None
        else told
        for name, told in found.items()
    }


def _told(connection: Connection, layer: type[Layer], clause: ColumnElement[bool]) -> int | None:
    """Return how many records a clause selects; None where tallies cannot tell: of the areas they count the lowest."""
    told = None if layer.role is Role.AREAS else told_by(layer, clause)
    if told is None or not sees_everything(connection, layer):
        return None
    cells = tallies(layer)
    chosen = and_(told.clause, cells.c.per == per(layer, told.read - {"area_code"}))
    return int(connection.scalars(select(func.coalesce(func.sum(cells.c.number), 0)).where(chosen)).one())


def _read(connection: Connection, layer: type[Layer]) -> Extent:
    table, when = layer.__table__, moment(layer)
    around = func.ST_Extent(table.c.geom)
    edges = (getattr(func, f"ST_{edge}")(around) for edge in ("XMin", "YMin", "XMax", "YMax"))
    query = select(func.count(), func.min(when), func.max(when), *edges).select_from(table)
    count, first, last, *box = connection.execute(query).one()
    if box[0] is None:
        return Extent(count, None, first, last)
    # coordinates are written rounded: the box holds those too
    west, south = (math.floor(edge * _GRID) / _GRID for edge in box[:2])
    east, north = (math.ceil(edge * _GRID) / _GRID for edge in box[2:])
    return Extent(count, (west, south, east, north), first, last)
