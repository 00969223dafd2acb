"""The colour of an area, from the features in it.

A = 0.5 max(R) + 0.5 mean(top 5 R, padded with 1), same cuts; one red feature makes the area at least orange, two or an
overdue major hazard make it red. Density alone would punish large towns, the maximum alone hides concentration: counts
per colour, features per km2 and the rank in the district are given beside the level.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Connection,
    Double,
    RowMapping,
    Select,
    and_,
    cast,
    exists,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from gis_service.database.risk_levels import scored as kept_scores
from gis_service.database.risk_levels import unscored
from gis_service.derived import is_overdue
from gis_service.features import area_codes
from gis_service.risk.kept import Kept, counted, kept, scored_anew
from gis_service.risk.score import COLOURS, Model, layers_with_risk, scored
from layers import LEVELS, Role, ledger, with_role

_RED, _ORANGE = len(COLOURS), len(COLOURS) - 1


def area_risk(connection: Connection, model: Model, area: str = "") -> list[dict[str, Any]]:
    """Return the lowest areas with level, score, counts per colour, density and rank, the worst first.

    An area without any feature that has a risk model has no level (null), which is not the same as low.

    Raises
    ------
    UnknownName
        Where the area is not there.
    """
    chosen = set(area_codes(connection, area)) if area else None
    sums = _sums(connection, model)
    rows = connection.execute(_areas(model)).mappings()
    areas = [_judged(row, sums.get(row["code"], _Sum()), model) for row in rows]
    areas.sort(key=lambda a: (-(a["rank_of_level"] or 0), -(a["score"] or 0), a["area_code"]))
    for rank, entry in enumerate(areas, 1):
        entry["rank"] = rank
        del entry["rank_of_level"]
    return [entry for entry in areas if chosen is None or entry["area_code"] in chosen]


@dataclass
class _Sum:
    """What an area is judged by, of the features in it: how many have each rank, and the greatest scores."""

    ranks: Counter[int] = field(default_factory=Counter)
    top: list[float] = field(default_factory=list)


def _sums(connection: Connection, model: Model) -> dict[str, _Sum]:
    """Return the sums of each area that holds a feature."""
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    found = kept(connection, model)
    for query in (_all(model),) if found is None else _standing(model, found):
        for area, rank, number, scores in connection.execute(query):
            sums[area].ranks[rank] += int(number)
            sums[area].top += scores
    return sums


def _standing(model: Model, found: Kept) -> Iterator[Select[Any]]:
    """Return the same of what is kept, in parts: numbers, the greatest scores that stand, those scored anew."""
    areas, its = with_role(Role.AREAS).__table__, kept_scores.alias("its")
    cells = union_all(*(counted(layer, found) for layer in layers_with_risk())).subquery("cells")
    by, number = (cells.c.area_code, cells.c.rank), func.sum(cells.c.number)
    yield select(*by, number, cast(array([]), ARRAY(Double))).group_by(*by)
    touched = and_(unscored.c.layer == its.c.layer, unscored.c.code == its.c.code)
    best = (
        select(its.c.rank, its.c.score)
        .where(its.c.area_code == areas.c.code, ~exists().where(touched))
        .order_by(its.c.score.desc())
        .limit(model.config.area_top)
        .lateral("best")
    )
    yield select(areas.c.code, best.c.rank, literal(0), array([best.c.score])).join_from(areas, best, true())
    for layer in layers_with_risk():
        if (anew := scored_anew(layer, model, found)) is not None:
            scores = anew.subquery("anew")
            yield select(scores.c.area_code, scores.c.rank, literal(1), array([scores.c.score]))


def _all(model: Model) -> Select[Any]:
    """Return numbers and greatest scores by area and rank, of all features."""
    parts = (scored(layer, model).subquery() for layer in layers_with_risk())
    scores = union_all(*(select(part.c.area_code, part.c.score, part.c.rank) for part in parts)).subquery("scored")
    by = scores.c.area_code, scores.c.rank
    place = func.row_number().over(partition_by=by, order_by=scores.c.score.desc())
    placed = select(scores, place.label("place")).subquery("placed")
    top = func.array_agg(placed.c.score).filter(placed.c.place <= model.config.area_top)
    return select(placed.c.area_code, placed.c.rank, func.count(), top).group_by(placed.c.area_code, placed.c.rank)


def _areas(model: Model) -> Select[Any]:
    """Return the lowest areas, their size, and how many overdue major hazards each has."""
    hazards = ledger()
    late = (
        select(hazards.area_code, func.count().label("overdue_major"))
        .where(is_overdue(model.today), hazards.deadline < model.today, hazards.level == hazards.major)
        .group_by(hazards.area_code)
        .subquery("late")
    )
    areas = with_role(Role.AREAS).__table__
    km2 = func.ST_Area(func.geography(areas.c.geom)) / literal(1e6)
    return (
        select(areas.c.code, areas.c.name, km2.label("km2"), late.c.overdue_major)
        .outerjoin_from(areas, late, late.c.area_code == areas.c.code)
        .where(areas.c.leaf)
    )


def _judged(row: RowMapping, sums: _Sum, model: Model) -> dict[str, Any]:
    """Return one area's level and what it rests on."""
    config, assets = model.config, sums.ranks.total()
    counts = {level: sums.ranks[COLOURS.index(level) + 1] for level in LEVELS.codes[: len(COLOURS)]}
    score = rank = None
    if assets:
        top = sorted(sums.top, reverse=True)[: config.area_top]
        padded = math.fsum(top) + (config.area_top - len(top))
        score = config.area_worst * top[0] + (1 - config.area_worst) * padded / config.area_top
        reached = [COLOURS.index(level) + 1 for level, cut in config.cuts.items() if score >= cut]
        rank = max([1, *reached, *([_ORANGE] if counts[COLOURS[-1]] else [])])
    several = 2
    if counts[COLOURS[-1]] >= several or row["overdue_major"]:
        rank = _RED
    level = LEVELS[COLOURS[rank - 1]] if rank else None
    return {
        "area_code": row["code"],
        "area": row["name"] or row["code"],
        "level": level.code if level else None,
        "colour": level.colour if level else None,
        "score": None if score is None else round(score, 4),
        "rank_of_level": rank,
        "assets": assets,
        "counts": counts,
        "overdue_major": row["overdue_major"] or 0,
        "per_km2": round(assets / row["km2"], 4) if row["km2"] else None,
    }
