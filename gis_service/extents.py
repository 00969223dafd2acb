"""What a layer holds as a whole: how many records, from where to where, from when to when. As who asks sees it."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, select

from gis_service.database.known import known
from gis_service.moments import moment
from layers import Layer

_KEPT = 512
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


Found = TypeVar("Found")
_State = tuple[str, ...]
_cache: WeakKeyDictionary[Engine, OrderedDict[_State, Any]] = WeakKeyDictionary()
_lock = threading.Lock()


def extent(connection: Connection, layer: type[Layer]) -> Extent:
    """Return what a layer holds; read once for each user and state of the database."""
    return _kept(connection, (*_state(connection), layer.__tablename__), lambda: _read(connection, layer))


def count(
    connection: Connection, layer: type[Layer], words: tuple[str, ...], read: Callable[[], int | None]
) -> int | None:
    """Return what `read` counts, of what is chosen by these words; once for each user and state of the database."""
    return _kept(connection, (*_state(connection), layer.__tablename__, *words), read)


def _kept(connection: Connection, state: _State, read: Callable[[], Found]) -> Found:
    with _lock:
        kept = _cache.setdefault(connection.engine, OrderedDict())
        if state in kept:
            kept.move_to_end(state)
            known: Found = kept[state]
            return known
    found = read()
    with _lock:
        kept[state] = found
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return found


def _state(connection: Connection) -> _State:
    """Return what an answer depends on: who asks, of which day, and which transactions are seen.

    Two snapshots that are written alike see the same, for whatever has been written by anybody since shows in them.
    """
    now = known(connection)
    return now.acting, now.as_of, now.search_path, now.snapshot


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
