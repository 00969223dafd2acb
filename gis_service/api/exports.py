"""GET /api/exports/{layer}.geojson: a layer as a file, streamed."""

from __future__ import annotations

from collections.abc import Generator

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gis_service.api.deps import AreaQuery, AsOfDep, ConnectionDep, DatabaseDep, FilterQuery, LanguageDep, LayerDep
from gis_service.api.features import GEOJSON
from gis_service.exports import export_geojson
from gis_service.features import selection

router = APIRouter(tags=["exports"])


class Stream(StreamingResponse):
    """A stream that is closed when its reader is gone.

    Starlette leaves that to the garbage collector, and the query would hold its connection until then.
    """

    def __init__(self, pieces: Generator[bytes], filename: str) -> None:
        disposition = {"Content-Disposition": f'attachment; filename="{filename}"'}
        super().__init__(pieces, media_type=GEOJSON, headers=disposition)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as long as somebody reads them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_sync(self._pieces.close)


@router.get("/api/exports/{layer}.geojson", response_class=Response, responses={200: {"content": {GEOJSON: {}}}})
def export_layer(
    database: DatabaseDep,
    connection: ConnectionDep,
    layer: LayerDep,
    today: AsOfDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    filter: FilterQuery = "",
    area: AreaQuery = "",
) -> Stream:
    """Return the whole layer, or what a filter or an area chooses of it, as a GeoJSON file. It starts at once."""
    clause = selection(connection, layer, today, filter=filter, area=area)
    return Stream(export_geojson(database, layer, where=clause), f"{layer.__tablename__}.geojson")
