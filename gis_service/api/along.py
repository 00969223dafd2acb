"""GET /api/along/{layer}/{code}: what lies along a line, in chainage order."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gis_service.along import MOST_METRES, along, find_targets
from gis_service.api.deps import ConnectionDep, DistrictDep, LanguageDep, LayerDep
from gis_service.api.features import GEOJSON
from gis_service.features import listed
from gis_service.lines import find_line

router = APIRouter(tags=["along"])

_EXAMPLE = {
    "type": "FeatureCollection",
    "line": {"layer": "rivers", "code": "HD-001", "name": "流花溪", "length_m": 5120.4, "parts": 1},
    "within_m": 200.0,
    "numberReturned": 1,
    "counts": {"hazards": 1},
    "features": [
        {
            "type": "Feature",
            "id": "YH-0042",
            "geometry": {"type": "Point", "coordinates": [119.25, 26.05]},
            "properties": {
                "layer": "hazards",
                "code": "YH-0042",
                "distance_m": 17.2,
                "chainage_m": 350.4,
                "chainage": "K0+350",
                "side": "left",
                "part": 1,
                "why": ["within", "subject"],
            },
        }
    ],
}


@router.get(
    "/api/along/{layer}/{code:path}",
    response_class=Response,
    responses={200: {"content": {GEOJSON: {"example": _EXAMPLE}}}},
)
def get_along(
    connection: ConnectionDep,
    layer: LayerDep,
    code: str,
    district: DistrictDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    within: Annotated[float, Query(description=f"Metres from the line, 0 to {MOST_METRES}.", examples=[200])] = 200,
    layers: Annotated[
        str, Query(description="Layers to look for, comma-separated; all by default.", examples=["hazards,bridges"])
    ] = "",
) -> Response:
    """Return the features within so many metres of a line, ordered by chainage.

    Each has `distance_m`, `chainage_m` from the upstream end, `side` looking downstream (left, right, or on), `part` of
    a branching line (1 is the main stem) and `why` it matched. Records that name the line count at any distance.
    """
    line = find_line(connection, layer, code, district.metres())
    hits = along(connection, line, find_targets(listed(layers), layer), within)
    return Response(hits.document(), media_type=GEOJSON)
