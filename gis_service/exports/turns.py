"""A large layer written by two connections that see one state: PostgreSQL writes on one core for each connection.

Writing texts is what an export waits for. Each connection walks along the index of ids, and writes every other turn of
some hundred features; read by turns they come in the order of ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from typing import Any

from sqlalchemy import Select, func, literal, literal_column, select, true

from gis_service.copied import Asked, together
from gis_service.exports.source import Source
from layers import Layer

_RUN = 100
"""Features between two that are looked up in the index, and in a row where they are put together."""
_TURN = 5
"""Runs of a turn: one piece of what is sent."""
_LARGE = 5_000
"""Features that are worth a second connection."""


@contextmanager
def asked(source: Source, query: Select[Any], between: bytes | None = None) -> Iterator[tuple[Asked, float]]:
    """Yield what is to be copied where, and how many rows a turn has, so that a SELECT from the layer goes out.

    A layer of points as a whole has its only column put together with what stands `between`, a run in each row: a row
    costs more than its bytes.
    """
    if not source.export.is_whole:
        yield [(source.connection, source.chosen(query))], inf
        return
    joined = between if source.layer.geometry == ("Point",) else None
    with ExitStack() as held:
        connections = [source.connection]
        if _is_large(source):
            export = source.export
            connections = held.enter_context(together(export.database, source.connection, export.brake))
        shares = [_share(source.layer, query, joined, at, len(connections)) for at in range(len(connections))]
        yield list(zip(connections, shares, strict=True)), _TURN if joined else _TURN * _RUN


def _is_large(source: Source) -> bool:
    beyond = select(source.layer.id).order_by(source.layer.id).offset(_LARGE).limit(1)
    return source.connection.scalar(beyond) is not None


def _share(layer: type[Layer], query: Select[Any], joined: bytes | None, at: int, number: int) -> Select[Any]:
    """Return a SELECT of every so manieth turn, in the order of ids: it walks along their index from run to run."""
    table = layer.__table__
    ids = table.alias("ids")
    begin = select(func.min(ids.c.id).label("id"), literal(0).label("run")).cte("begin", recursive=True)
    following = select(ids.c.id).where(ids.c.id > begin.c.id).order_by(ids.c.id).offset(_RUN - 1).limit(1)
    begin = begin.union_all(select(following.scalar_subquery(), begin.c.run + 1).where(begin.c.id.is_not(None)))
    run = query.where(table.c.id >= begin.c.id).order_by(table.c.id).limit(_RUN).correlate(begin)
    if joined is not None:
        features = run.subquery()
        run = select(func.string_agg(*features.c, joined.decode())).correlate(begin)
    rows: Select[Any] = select(literal_column("written.*"))
    rows = rows.select_from(begin.join(run.lateral("written"), true()))
    return rows.where(begin.c.id.is_not(None), begin.c.run // _TURN % number == at)
