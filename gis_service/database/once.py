"""What is read once for each state of the database: kept in the process, for as long as nobody has written anything."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from gis_service.database.known import known

_KEPT = 4096

Found = TypeVar("Found")
_cache: WeakKeyDictionary[Engine, OrderedDict[tuple[str, ...], Any]] = WeakKeyDictionary()
_lock = threading.Lock()


def once(connection: Connection, words: tuple[str, ...], read: Callable[[], Found]) -> Found:
    """Return what is read, which these words name; once for each user and state of the database.

    The connection is one of `Database.reading` or `answering`: it sees one state, and writes nothing.
    """
    named = (*_state(connection), *words)
    with _lock:
        kept = _cache.setdefault(connection.engine, OrderedDict())
        if named in kept:
            kept.move_to_end(named)
            known: Found = kept[named]
            return known
    found = read()
    with _lock:
        kept[named] = found
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return found


def _state(connection: Connection) -> tuple[str, ...]:
    """Return what an answer depends on: who asks, of which day, and which transactions are seen.

    Two snapshots that are written alike see the same, for whatever has been written by anybody since shows in them.
    """
    now = known(connection)
    return now.acting, now.as_of, now.search_path, now.snapshot
