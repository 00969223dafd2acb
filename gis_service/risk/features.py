"""The features of a layer with their risk, and how many have each level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Subquery, func, select

from gis_service.database.tallies import rewritten
from gis_service.features import as_geojson
from gis_service.risk.kept import counted, current, kept, scored_anew
from gis_service.risk.score import COLOURS, Model, shown
from layers import Layer


def features(
    connection: Connection, layer: type[Layer], model: Model, clause: ColumnElement[bool]
) -> tuple[bytes, dict[str, int]]:
    """Return features as a comma-separated run of GeoJSON texts with their risk, and how many have each level.

    Further properties: `score` (1-25), `level` (红 橙 黄 蓝), `completeness` (0-1).
    """
    result = current(connection, layer, model).subquery("scored")
    rows = as_geojson(layer, *shown(result), beside=result).add_columns(result.c.rank).where(clause)
    found = connection.execute(rows.order_by(layer.id)).all()
    tally = Counter(row.rank for row in found)
    return ",".join(row.feature for row in found).encode(), _by_level(tally)


def counts(connection: Connection, layer: type[Layer], model: Model, clause: ColumnElement[bool]) -> dict[str, int]:
    """Return how many features have each level, 红 first."""
    found = kept(connection, model)
    cells = counted(layer, found).subquery("cells") if found else None
    if found and cells is not None and (told := rewritten(layer, clause, cells, ("area_code",))):
        standing = select(cells.c.rank, func.sum(cells.c.number)).where(told.clause).group_by(cells.c.rank)
        tally = Counter({row[0]: int(row[1]) for row in connection.execute(standing)})
        if (anew := scored_anew(layer, model, found)) is not None:
            tally += _counts(connection, layer, anew.subquery("anew"), clause)
        return _by_level(tally)
    return _by_level(_counts(connection, layer, current(connection, layer, model).subquery("scored"), clause))


def _counts(connection: Connection, layer: type[Layer], scores: Subquery, clause: ColumnElement[bool]) -> Counter[int]:
    """Return how many features have each rank, of those that are scored and chosen."""
    table = layer.__table__
    query = select(scores.c.rank, func.count()).join_from(table, scores, scores.c.id == table.c.id).where(clause)
    return Counter({row[0]: row[1] for row in connection.execute(query.group_by(scores.c.rank))})


def _by_level(tally: Mapping[int, int]) -> dict[str, int]:
    return {level: tally.get(rank, 0) for rank, level in sorted(enumerate(COLOURS, 1), reverse=True)}
