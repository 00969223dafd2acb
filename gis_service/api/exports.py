"""GET /api/exports/{layer}.{format}: a layer as a file, streamed."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from anyio import CancelScope, create_task_group, fail_after, sleep
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Query, Request
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
from gis_service.errors import GisError, UnknownValue
from gis_service.exports import ENCODINGS, FORMATS, Export, Format, find_format, place, stream
from gis_service.features import selection

router = APIRouter(tags=["exports"])


log = logging.getLogger(__name__)

STALLED_SECONDS = 60.0
"""A reader that takes nothing for so long is given up: it holds a connection of the database."""

_AGAIN_SECONDS = 0.1
_NOTES = "\n".join(f"- `{f.suffix}` {f.title.en}: {f.note.en} ({f.title.zh}：{f.note.zh})" for f in FORMATS.values())
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {found.media_type: {} for found in FORMATS.values()}}
}


class Stream(StreamingResponse):
    """An export that fails before it starts where it fails at once, and is stopped when its reader is gone or stalls.

    Starlette leaves the latter to the garbage collector, and the query would hold its connection until then.
    """

    def __init__(self, export: Export, format: Format, headers: Mapping[str, str]) -> None:
        name = f'attachment; filename="{export.stem}.{format.suffix}"'
        headers = {"Content-Disposition": name, **headers}
        super().__init__(self._following(), media_type=format.media_type, headers=headers)
        self._pieces: Generator[bytes] = stream(export, format)
        self._first, self._brake = b"", export.brake

    def _following(self) -> Iterator[bytes]:
        yield self._first
        yield from self._pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as long as somebody reads them."""

        async def send_on(message: Message) -> None:
            with fail_after(STALLED_SECONDS):
                await send(message)

        try:
            await self._begin(receive)
            await super().__call__(scope, receive, send_on)
        except TimeoutError:
            log.warning("an export was given up: its reader took nothing for %g s", STALLED_SECONDS)
        except GisError:
            if not self._brake.pulled:
                raise
        finally:
            with CancelScope(shield=True):
                await run_sync(self._pieces.close)

    async def _begin(self, receive: Receive) -> None:
        """Wait for the first piece, of a binary file until all of it is written, unless the reader goes before that."""

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            while True:  # between two statements there is nothing to cancel
                await run_sync(self._brake.pull)
                await sleep(_AGAIN_SECONDS)

        failed: GisError | None = None
        async with create_task_group() as group:
            group.start_soon(watch)
            try:
                self._first = await run_sync(next, self._pieces)
            except GisError as error:  # not in the group's own words
                failed = error
            group.cancel_scope.cancel()
        if failed:
            raise failed


def known_format(
    format: Annotated[
        str,
        Path(description=f"What kind of file:\n{_NOTES}", examples=["xlsx"], json_schema_extra={"enum": list(FORMATS)}),
    ],
) -> Format:
    """Return the format named in the path."""
    return find_format(format)


@router.get("/api/exports/{layer}.{format}", response_class=Response, responses=_RESPONSES)
def export_layer(
    request: Request,
    database: DatabaseDep,
    connection: ConnectionDep,
    layer: LayerDep,
    format: Annotated[Format, Depends(known_format)],
    today: AsOfDep,
    as_of: AsOfGiven,
    language: LanguageDep,
    filter: FilterQuery = "",
    area: AreaQuery = "",
    crs: Annotated[
        str,
        Query(
            description="Where coordinates are: EPSG:4490 by default, `EPSG:` and a code, or GCJ02 (AMap, Tencent) or "
            "BD09 (Baidu), the shifted degrees of Chinese web maps. First east, then north.",
            examples=["EPSG:4549", "GCJ02"],
        ),
    ] = "",
    encoding: Annotated[
        str,
        Query(
            description="Of a Shapefile: UTF-8 with the names of the database, or GBK with Chinese ones.",
            examples=["GBK"],
        ),
    ] = "UTF-8",
) -> Stream:
    """Return the whole layer, or what a filter or an area chooses of it, as a file; text starts at once.

    `lang` is the language of headings and words: in Chinese columns have Chinese names, otherwise those of the
    database; GeoJSON always has the latter. Where a format has no place for metadata, `Link` says where it is.
    """
    if encoding.upper() not in ENCODINGS:
        raise UnknownValue("encoding", encoding, ENCODINGS)
    export = Export(
        database,
        layer,
        selection(connection, layer, today, filter=filter, area=area),
        as_of,
        place(crs),
        language,
        filter=filter,
        area=area,
        encoding=encoding.upper(),
    )
    format.check(export)
    described = f"{request.url.path.removesuffix(format.suffix)}json"
    query = f"?{request.url.query}" if request.url.query else ""
    beside = {"Link": f'<{quote(described)}{query}>; rel="describedby"; type="application/json"'}
    return Stream(export, format, beside if format.plain else {})
