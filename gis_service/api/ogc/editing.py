"""POST, PUT, PATCH and DELETE of features by OGC API Features, part 4: the same writing as under /api, in any CRS."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from gis_service.api.deps import DatabaseDep, LanguageDep, LayerDep, WritingDep
from gis_service.api.editing import (
    CREATING,
    PATCHING,
    REPLACING,
    IfMatch,
    PatchDep,
    RecordDep,
    methods_of_a_feature,
    methods_of_features,
)
from gis_service.api.features import ETAG, FEATURE
from gis_service.api.ogc.answers import GEOJSON, item_tag, link, modified, of_layer, with_links
from gis_service.api.ogc.schemas import returnables
from gis_service.api.problems import WRITING
from gis_service.crs import CRS84, find
from gis_service.database import District
from gis_service.editing import Given, change, create, read_of, remove
from gis_service.features import one
from layers import Layer

router = APIRouter(tags=["ogc"], responses=WRITING)
leftover = APIRouter(include_in_schema=False)
"""OPTIONS, by which QGIS learns what it may edit, and the methods that no other route takes."""

_ALL, _ONE = "/ogc/collections/{layer}/items", "/ogc/collections/{layer}/items/{code:path}"
_STORED: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG, "content": {GEOJSON: {"example": FEATURE}}}}

_IfUnmodifiedSince = Annotated[
    str | None,
    Header(
        alias="If-Unmodified-Since",
        description="The Last-Modified that was read; else 412. Where If-Match is given, that counts.",
        examples=["Tue, 31 Oct 2023 08:00:00 GMT"],
    ),
]
_ContentCrs = Annotated[
    str | None,
    Header(
        alias="Content-Crs",
        description="URI of the CRS of the body's geometry, bare or in angle brackets; CRS84 by default.",
        examples=["<http://www.opengis.net/def/crs/EPSG/0/4490>"],
    ),
]


@router.post(_ALL, status_code=201, response_class=Response, responses={201: _STORED[200]}, openapi_extra=CREATING)
def create_item(
    request: Request,
    layer: LayerDep,
    given: RecordDep,
    connection: WritingDep,
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    content_crs: _ContentCrs = None,
) -> Response:
    """Create a feature; `Location` is its address. Without a code it gets the layer's prefix and the next number."""
    district = database.district(connection)
    made = create(connection, layer, _in_crs(given, content_crs, district), district.today)
    return _stored(request, connection, layer, made.code, status=201)


@router.put(_ONE, response_class=Response, responses=_STORED, openapi_extra=REPLACING)
def replace_item(
    request: Request,
    layer: LayerDep,
    code: str,
    given: RecordDep,
    connection: WritingDep,
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    content_crs: _ContentCrs = None,
    if_match: IfMatch = None,
    if_unmodified_since: _IfUnmodifiedSince = None,
) -> Response:
    """Replace a feature: properties that are not given become empty, or 未知. What only the ledger's steps set stays.

    The `version` that was read, among the properties, holds it to that version where no header does.
    """
    district = database.district(connection)
    read = read_of(if_match, given.properties.get("version"), if_unmodified_since)
    given = _in_crs(given, content_crs, district)
    change(connection, layer, code, given, read=read, today=district.today, whole=True)
    return _stored(request, connection, layer, code)


@router.patch(_ONE, response_class=Response, responses=_STORED, openapi_extra=PATCHING)
def patch_item(
    request: Request,
    layer: LayerDep,
    code: str,
    given: PatchDep,
    connection: WritingDep,
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    content_crs: _ContentCrs = None,
    if_match: IfMatch = None,
    if_unmodified_since: _IfUnmodifiedSince = None,
) -> Response:
    """Change only what is given of a feature: `properties`, `geometry`, or both; null empties.

    With the `version` that was read among the properties, a property that somebody has changed since is refused, and
    others are merged. With a header any change since is refused.
    """
    district = database.district(connection)
    read = read_of(if_match, given.properties.get("version"), if_unmodified_since)
    given = _in_crs(given, content_crs, district)
    change(connection, layer, code, given, read=read, today=district.today, whole=False)
    return _stored(request, connection, layer, code)


@router.delete(_ONE, status_code=204, response_class=Response)
def delete_item(
    layer: LayerDep,
    code: str,
    connection: WritingDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    if_match: IfMatch = None,
    if_unmodified_since: _IfUnmodifiedSince = None,
) -> Response:
    """Delete a feature. Its history stays, and any version of it can be restored."""
    remove(connection, layer, code, read_of(if_match, None, if_unmodified_since))
    return Response(status_code=204)


# no methods are all methods
leftover.add_api_route(_ALL, methods_of_features, methods=[], operation_id="methods_of_items")
leftover.add_api_route(_ONE, methods_of_a_feature, methods=[], operation_id="methods_of_an_item")


def _in_crs(given: Given, content_crs: str | None, district: District) -> Given:
    """Return what is given with the CRS that it is said to be in; QGIS writes the URI bare."""
    uri = content_crs and content_crs.strip().removeprefix("<").removesuffix(">")
    return replace(given, crs=find("Content-Crs", uri, district.metric_srid))


def _stored(request: Request, connection: Connection, layer: type[Layer], code: str, status: int = 200) -> Response:
    """Return a feature as GET returns it after what was written."""
    found, here = one(connection, layer, code, properties=returnables(layer)), of_layer(request, layer, "items", code)
    links = [link("self", here, GEOJSON), link("collection", of_layer(request, layer), "application/json")]
    headers = {
        "Location" if status == 201 else "Content-Location": here,  # noqa: PLR2004 - created
        "ETag": item_tag(found),
        "Last-Modified": modified(found),
        "Content-Crs": f"<{CRS84.uri}>",
    }
    return Response(with_links(found, links), status, headers, GEOJSON)
