"""GET /api/statistics/{layer}: counts, lengths, areas and sums per area; and the figures of the report."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from gis_service.api.deps import AreaQuery, AsOfDep, ConnectionDep, FilterQuery, LanguageDep, LayerDep
from gis_service.features import listed
from gis_service.statistics import Question, figures, statistics

router = APIRouter(tags=["statistics"])

_EXAMPLE = {
    "layer": "rivers",
    "as_of": "2023-10-31",
    "rows": [
        {
            "area_code": "350104101",
            "area": "城门镇",
            "group": {"status": "建成开放"},
            "count": 14,
            "length_km": 33.2,
        }
    ],
    "outside": [{"group": {"status": "建成开放"}, "count": 0, "length_km": 0.0}],
    "groups": [{"group": {"status": "建成开放"}, "count": 53, "length_km": 120.0}],
    "total": {"count": 53, "length_km": 120.0},
}


@router.get("/api/statistics/{layer}", responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}})
def get_statistics(
    connection: ConnectionDep,
    layer: LayerDep,
    today: AsOfDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    group: Annotated[
        str, Query(description="Vocabulary fields to group by, comma-separated.", examples=["status"])
    ] = "",
    measure: Annotated[
        str, Query(description="Measures, comma-separated (see /api/layers).", examples=["count,length_km"])
    ] = "count",
    filter: FilterQuery = "",
    area: AreaQuery = "",
) -> dict[str, Any]:
    """Return a layer's measures per area, outside every area, and in total.

    The sum over `rows` and `outside` is the `total`. Lines and polygons are measured piece by piece in the areas they
    cross (km, m², geodesic); a feature counts once, where most of it lies. Money is in 万元, ratios in percent.
    """
    question = Question(layer, listed(group), listed(measure) or ("count",), filter, area)
    return statistics(connection, question, today)


@router.get("/api/figures", tags=["statistics"])
def list_figures(connection: ConnectionDep, today: AsOfDep, language: LanguageDep) -> dict[str, Any]:
    """Return the figures of the yearly report, each with its definition and a link to the records behind it."""
    found = figures(connection, today, language)
    return {"as_of": today, "figures": [f | {"records": f"/api/layers/{f['layer']}/features"} for f in found]}
