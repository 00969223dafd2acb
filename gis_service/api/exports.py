"""GET /api/exports/{layer}.{format}: a layer as a file, streamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from gis_service.api.addresses import path_of, query_of
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
from gis_service.api.streams import Stream
from gis_service.errors import UnknownValue
from gis_service.exports import ENCODINGS, FORMATS, Export, Format, find_format, place, stream
from gis_service.features import selection

router = APIRouter(tags=["exports"])

_NOTES = "\n".join(f"- `{f.suffix}` {f.title.en}: {f.note.en} ({f.title.zh}：{f.note.zh})" for f in FORMATS.values())
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {found.media_type: {} for found in FORMATS.values()}}
}


class File(Stream):
    """An export as a file to be kept; a binary one begins when all of it is written."""

    def __init__(self, export: Export, format: Format, headers: Mapping[str, str]) -> None:
        name = f'attachment; filename="{export.stem}.{format.suffix}"'
        headers = {"Content-Disposition": name, **headers}
        super().__init__(stream(export, format), export.brake, format.media_type, headers)


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
) -> File:
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
    described = f"{path_of(request).removesuffix(format.suffix)}json{query_of(request)}"
    beside = {"Link": f'<{described}>; rel="describedby"; type="application/json"'}
    return File(export, format, beside if format.plain else {})
