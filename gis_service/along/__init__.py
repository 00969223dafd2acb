"""What lies along a line: features within so many metres, in the order of chainage (桩号).

Distances are metres in the district's metric CRS; chainage is located on the projected line and given in geodesic
metres from its upstream end; left and right are those of one who looks downstream.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

import orjson
import psycopg2
from sqlalchemy import Connection, TextClause, text

from gis_service.along.statement import ALL, DIGITS, MOST_METRES, Shown, statement, tellable
from gis_service.copied import rows
from gis_service.errors import DatabaseError, GisError, UnknownValue
from gis_service.features import find_layer
from gis_service.lines import Line, outside_metric
from layers import Layer, Role, registry

__all__ = [
    "MOST_METRES",
    "Hits",
    "Shown",
    "along",
    "are_many",
    "find_properties",
    "find_targets",
    "pieces",
    "statement",
]

_MANY = 50_000


@dataclass(frozen=True)
class Hits:
    """What lies along a line: how many per layer, and the features as a run of GeoJSON texts in chainage order."""

    line: Line
    within: float
    counts: dict[str, int]
    features: bytes

    def document(self) -> bytes:
        """Return the GeoJSON FeatureCollection, with the line itself and the counts as further members."""
        return _head(self.line, self.within) + self.features + _end(self.counts)


def along(connection: Connection, line: Line, targets: Sequence[type[Layer]], within: float) -> Hits:
    """Find what lies within so many metres of a line, or is linked to it, in chainage order.

    Each feature has `distance_m`, `chainage_m`, `chainage` (K1+234), `side` (left, right, on), `part` (1 is the main
    stem) and `why` it matched: `within` the distance; `reference`, its own field names the line; `subject`, the line is
    the hazard's subject; `subject_reference`, its subject's field names the line. What is linked counts at any
    distance.

    Raises
    ------
    UnknownValue
        Where `within` is no distance between 0 and 20 km.
    UsageError
        Where a linked record lies outside the metric CRS.
    """
    counts = dict.fromkeys((target.__tablename__ for target in targets), 0)
    asked = statement(line, targets, within)
    return Hits(line, within, counts, b",".join(_features([connection], line, asked, counts)))


def pieces(
    connections: Sequence[Connection], line: Line, targets: Sequence[type[Layer]], within: float, shown: Shown = ALL
) -> Generator[bytes]:
    """Stream the document of what lies along a line: features come stretch by stretch, in memory that does not grow.

    Connections that see one state take turns with the stretches. What fails at once, fails before the first piece;
    raises as `along` does.
    """
    counts = dict.fromkeys((target.__tablename__ for target in targets), 0)
    asked = statement(line, targets, within, shown)
    with closing(_features(connections, line, asked, counts)) as found:
        yield _head(line, within) + next(found, b"")
        for features in found:
            yield b"," + features
    yield _end(counts)


def _head(line: Line, within: float) -> bytes:
    head = {
        "type": "FeatureCollection",
        "line": {
            "layer": line.layer.__tablename__,
            "code": line.code,
            "name": line.name,
            "length_m": round(line.length_m, 2),
            "parts": len(line.parts),
        },
        "within_m": within,
    }
    return orjson.dumps(head)[:-1] + b',"features":['


def _end(counts: dict[str, int]) -> bytes:
    return b"]," + orjson.dumps({"numberReturned": sum(counts.values()), "counts": counts})[1:]


def _features(
    connections: Sequence[Connection], line: Line, asked: TextClause, counts: dict[str, int]
) -> Generator[bytes]:
    """Stream the features, and count them as they go out, by the names of their layers."""
    if not counts:
        return

    def told(error: BaseException) -> GisError:
        if isinstance(error, psycopg2.errors.InternalError_):  # as PostGIS says of PROJ
            return outside_metric(line.code, line.srid)
        return DatabaseError("查询中断，请重试；详见日志。", "The query broke off. Try again; see the log.")

    shares = [(one, asked.bindparams(number=len(connections), at=at)) for at, one in enumerate(connections)]
    with closing(rows(shares, told)) as parts:
        for part in parts:
            for row in part:
                for at, name in enumerate(counts):
                    counts[name] += int(row[at * DIGITS : (at + 1) * DIGITS])
            yield b",".join([row[len(counts) * DIGITS :] for row in part])


def find_targets(names: Sequence[str], line_layer: type[Layer]) -> list[type[Layer]]:
    """Return the layers to look for: those named, or all that are placed but the line's own and the areas.

    Raises
    ------
    UnknownName
        With the layers that there are.
    """
    if names:
        return [find_layer(name) for name in dict.fromkeys(names)]
    others = (layer for layer in registry().values() if layer.placed and layer.role is not Role.AREAS)
    return [layer for layer in others if layer is not line_layer]


def are_many(connection: Connection, targets: Sequence[type[Layer]]) -> bool:
    """Say whether layers hold so many records that what lies along a line may be worth a second connection."""
    held = text("SELECT sum(reltuples) FROM pg_class WHERE oid = ANY (CAST(:names AS regclass[]))")
    names = [target.__tablename__ for target in targets]
    return (connection.scalar(held, {"names": names}) or 0) > _MANY


def find_properties(names: Sequence[str], targets: Sequence[type[Layer]]) -> tuple[str, ...] | None:
    """Return the properties to tell, all (None) where none are named; a layer without one of them tells the others.

    Raises
    ------
    UnknownValue
        With those that there are.
    """
    known = tellable(targets)
    for name in names:
        if name not in known:
            raise UnknownValue("properties", name, known)
    return tuple(names) or None
