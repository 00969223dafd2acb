"""GET /api/exports/{layer}.geojson: a layer as a file, streamed."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from gis_service.api.deps import AreaQuery, AsOfDep, ConnectionDep, DatabaseDep, FilterQuery, LanguageDep, LayerDep
from gis_service.api.features import GEOJSON
from gis_service.exports import export_geojson
from gis_service.features import selection

router = APIRouter(tags=["exports"])


@router.get("/api/exports/{layer}.geojson", response_class=Response, responses={200: {"content": {GEOJSON: {}}}})
def export_layer(
    database: DatabaseDep,
    connection: ConnectionDep,
    layer: LayerDep,
    today: AsOfDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    filter: FilterQuery = "",
    area: AreaQuery = "",
) -> StreamingResponse:
    """Return the whole layer, or what a filter or an area chooses of it, as a GeoJSON file. It starts at once."""
    clause = selection(connection, layer, today, filter=filter, area=area)
    return StreamingResponse(
        export_geojson(database, layer, where=clause),
        media_type=GEOJSON,
        headers={"Content-Disposition": f'attachment; filename="{layer.__tablename__}.geojson"'},
    )
