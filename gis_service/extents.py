"""What a layer holds as a whole: how many records, from where to where, from when to when. As who asks sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, func, select

from gis_service.database.once import once
from gis_service.moments import moment
from layers import Layer

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
    connection: Connection, layer: type[Layer], words: tuple[str, ...], read: Callable[[], int | None]
) -> int | None:
    """Return what `read` counts, of what is chosen by these words; once for each user and state of the database."""
    return once(connection, ("count", layer.__tablename__, *words), read)


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
