"""GET /api/exports/{layer}.geojson: a layer as a file, streamed."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator

from anyio import CancelScope, fail_after
from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from gis_service.api.deps import (
    AreaQuery,
    AsOfDep,
    AsOfGiven,
    ConnectionDep,
    DatabaseDep,
    FilterQuery,
    LanguageDep,
    LayerDep,
)
from gis_service.api.features import GEOJSON
from gis_service.exports import export_geojson
from gis_service.features import selection

router = APIRouter(tags=["exports"])


log = logging.getLogger(__name__)

STALLED_SECONDS = 60.0
"""A reader that takes nothing for so long is given up: it holds a connection of the database."""


class Stream(StreamingResponse):
    """A stream that fails before it starts where it fails at once, and is closed when its reader is gone or stalls.

    Starlette leaves the latter to the garbage collector, and the query would hold its connection until then.
    """

    def __init__(self, pieces: Generator[bytes], filename: str) -> None:
        disposition = {"Content-Disposition": f'attachment; filename="{filename}"'}
        super().__init__(self._following(), media_type=GEOJSON, headers=disposition)
        self._pieces, self._first = pieces, b""

    def _following(self) -> Iterator[bytes]:
        yield self._first
        yield from self._pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as long as somebody reads them."""

        async def send_on(message: Message) -> None:
            with fail_after(STALLED_SECONDS):
                await send(message)

        try:
            self._first = await run_sync(next, self._pieces)
            await super().__call__(scope, receive, send_on)
        except TimeoutError:
            log.warning("an export was given up: its reader took nothing for %g s", STALLED_SECONDS)
        finally:
            with CancelScope(shield=True):
                await run_sync(self._pieces.close)


@router.get("/api/exports/{layer}.geojson", response_class=Response, responses={200: {"content": {GEOJSON: {}}}})
def export_layer(
    database: DatabaseDep,
    connection: ConnectionDep,
    layer: LayerDep,
    today: AsOfDep,
    as_of: AsOfGiven,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    filter: FilterQuery = "",
    area: AreaQuery = "",
) -> Stream:
    """Return the whole layer, or what a filter or an area chooses of it, as a GeoJSON file. It starts at once."""
    clause = selection(connection, layer, today, filter=filter, area=area)
    return Stream(export_geojson(database, layer, where=clause, as_of=as_of), f"{layer.__tablename__}.geojson")
