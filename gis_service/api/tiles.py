"""GET /api/tiles/{layer}/{z}/{x}/{y}.mvt: vector tiles, for maps of larger layers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gis_service.api.deps import AreaQuery, AsOfDep, ConnectionDep, FilterQuery, LanguageDep, LayerDep, TileCacheDep
from gis_service.api.ogc.answers import TILE, vector_tile
from gis_service.features import selection
from gis_service.risk import current, model, scored, shown
from gis_service.tiles import Asked, Place, tile

router = APIRouter(tags=["tiles"])


@router.get("/api/tiles/{layer}/{z}/{x}/{y}.mvt", response_class=Response, responses=TILE)
def get_tile(
    request: Request,
    connection: ConnectionDep,
    cache: TileCacheDep,
    layer: LayerDep,
    z: int,
    x: int,
    y: int,
    today: AsOfDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    filter: FilterQuery = "",
    area: AreaQuery = "",
    risk: Annotated[bool, Query(description="With score, level and completeness of the risk.")] = False,
) -> Response:
    """Return one vector tile (WebMercatorQuad) with code, name and the symbol's field of each feature.

    Where many lie in it, marks are counted in cells, each with `count`, the worst term, and the number of each term
    under the term's code. Where nothing is in it, the status is 204.
    """
    place = Place(z, x, y)
    asked = Asked(layer, selection(connection, layer, today, filter=filter, area=area))
    if risk:
        now = model(connection, today)
        result = current(connection, layer, now).subquery("scored")
        asked = Asked(layer, asked.clause, tuple(shown(result)), result, scored(layer, now))
    return vector_tile(request, tile(connection, asked, place, cache))
