"""GET /api/risk: the levels of areas and features, and why."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from gis_service.api.deps import AreaQuery, AsOfDep, ConnectionDep, LanguageDep, LayerDep
from gis_service.api.features import GEOJSON
from gis_service.features import selection
from gis_service.risk import NOTE, area_risk, explain, model, risk_features

router = APIRouter(tags=["risk"])

_AREAS = {
    "as_of": "2023-10-31",
    "config_version": 1,
    "areas": [
        {
            "area_code": "350104101",
            "area": "城门镇",
            "level": "橙",
            "colour": "#ee7d22",
            "score": 15.2,
            "assets": 41,
            "counts": {"红": 1, "橙": 3, "黄": 20, "蓝": 17},
            "overdue_major": 0,
            "per_km2": 1.2,
            "rank": 1,
        }
    ],
}
_SCORE = {
    "layer": "bridges",
    "code": "QL-001",
    "score": 15.04,
    "level": "橙",
    "colour": "#ee7d22",
    "completeness": 1.0,
    "trace": {"config_version": 1, "factors": [], "likelihood": 3.76, "severity": 4.0, "rules": []},
}


@router.get("/api/risk", responses={200: {"content": {"application/json": {"example": _AREAS}}}})
def get_area_risk(
    connection: ConnectionDep, today: AsOfDep, language: LanguageDep, area: AreaQuery = ""
) -> dict[str, Any]:
    """Return the risk levels of the areas, the worst first, with counts per colour, density and rank."""
    current = model(connection, today)
    return {
        "as_of": today,
        "config_version": current.version,
        "areas": area_risk(connection, current, area),
        "note": NOTE.in_(language),
    }


@router.get("/api/risk/{layer}.geojson", response_class=Response, responses={200: {"content": {GEOJSON: {}}}})
def get_risk_features(
    connection: ConnectionDep,
    layer: LayerDep,
    today: AsOfDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    area: AreaQuery = "",
) -> Response:
    """Return a layer's features as GeoJSON with `score` (1-25), `level` and `completeness` (0-1)."""
    clause = selection(connection, layer, today, area=area)
    features, counts = risk_features(connection, layer, model(connection, today), clause)
    head = orjson.dumps({"type": "FeatureCollection", "as_of": today, "counts": counts})
    return Response(head[:-1] + b',"features":[' + features + b"]}", media_type=GEOJSON)


@router.get("/api/risk/{layer}/{code:path}", responses={200: {"content": {"application/json": {"example": _SCORE}}}})
def get_risk(
    connection: ConnectionDep, layer: LayerDep, code: str, today: AsOfDep, language: LanguageDep
) -> dict[str, Any]:
    """Return one feature's score, level and colour, opened to its factors, their sources and the rules that fired."""
    return explain(connection, layer, code, model(connection, today), language)
