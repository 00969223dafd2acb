"""The colour of an area, from the features in it.

A = 0.5 max(R) + 0.5 mean(top 5 R, padded with 1), same cuts; one red feature makes the area at least orange, two or an
overdue major hazard make it red. Density alone would punish large towns, the maximum alone hides concentration: counts
per colour, features per km2 and the rank in the district are given beside the level.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, func, literal, select, union_all

from gis_service.derived import is_overdue
from gis_service.features import area_codes
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
    areas = [_judged(row, model) for row in connection.execute(_sums(model)).mappings()]
    areas.sort(key=lambda a: (-(a["rank_of_level"] or 0), -(a["score"] or 0), a["area_code"]))
    for rank, entry in enumerate(areas, 1):
        entry["rank"] = rank
        del entry["rank_of_level"]
    return [entry for entry in areas if chosen is None or entry["area_code"] in chosen]


def _sums(model: Model) -> Any:  # noqa: ANN401 - a SELECT
    """Return, for each lowest area, greatest and top scores, counts per colour, and overdue major hazards."""
    scores = union_all(
        *(
            select(s.c.area_code, s.c.score, s.c.rank)
            for s in (scored(layer, model).subquery() for layer in layers_with_risk())
        )
    ).subquery("scored")
    place = func.row_number().over(partition_by=scores.c.area_code, order_by=scores.c.score.desc())
    placed = select(scores, place.label("place")).subquery("placed")
    top = placed.c.place <= model.config.area_top
    sums = (
        select(
            placed.c.area_code,
            func.count().label("assets"),
            func.max(placed.c.score).label("greatest"),
            func.sum(placed.c.score).filter(top).label("top_sum"),
            func.count().filter(top).label("top_count"),
            *(func.count().filter(placed.c.rank == i).label(level) for i, level in enumerate(COLOURS, 1)),
        )
        .group_by(placed.c.area_code)
        .subquery("sums")
    )
    hazards = ledger()
    late = (
        select(hazards.area_code, func.count().label("overdue_major"))
        .where(is_overdue(model.today), hazards.level == hazards.major)
        .group_by(hazards.area_code)
        .subquery("late")
    )
    areas = with_role(Role.AREAS).__table__
    km2 = func.ST_Area(func.geography(areas.c.geom)) / literal(1e6)
    return (
        select(areas.c.code, areas.c.name, km2.label("km2"), sums, late.c.overdue_major)
        .outerjoin_from(areas, sums, sums.c.area_code == areas.c.code)
        .outerjoin(late, late.c.area_code == areas.c.code)
        .where(areas.c.leaf)
    )


def _judged(row: RowMapping, model: Model) -> dict[str, Any]:
    """Return one area's level and what it rests on."""
    config, assets = model.config, row["assets"] or 0
    counts = {level: row[level] or 0 for level in LEVELS.codes[: len(COLOURS)]}
    score = rank = None
    if assets:
        padded = row["top_sum"] + (config.area_top - row["top_count"])
        score = config.area_worst * row["greatest"] + (1 - config.area_worst) * padded / config.area_top
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
