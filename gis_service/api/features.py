"""GET /api/layers/{layer}/features: the records, a page at a time or one by one."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gis_service.api.deps import (
    AreaQuery,
    AsOfDep,
    AsOfGiven,
    ConnectionDep,
    FilterQuery,
    LanguageDep,
    LayerDep,
    SettingsDep,
    features_on_page,
)
from gis_service.features import one, page, selection

router = APIRouter(tags=["features"])

GEOJSON = "application/geo+json"
FEATURE = {
    "type": "Feature",
    "id": "HD-001",
    "geometry": {"type": "MultiLineString", "coordinates": [[[119.25, 26.05], [119.26, 26.04]]]},
    "properties": {"code": "HD-001", "name": "流花溪", "area_code": "350104103", "status": "建成开放"},
}
ETAG = {"ETag": {"description": "Names this version.", "schema": {"type": "string", "examples": ['"12-3"']}}}
_PAGE = {"type": "FeatureCollection", "numberReturned": 1, "links": [], "features": [FEATURE]}


@router.get(
    "/api/layers/{layer}/features",
    response_class=Response,
    responses={200: {"content": {GEOJSON: {"example": _PAGE}}}},
)
def list_features(
    request: Request,
    connection: ConnectionDep,
    layer: LayerDep,
    today: AsOfDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    settings: SettingsDep,
    limit: Annotated[
        int | None, Query(ge=1, description="Features on the page; more than the most is the most.")
    ] = None,
    after: Annotated[int, Query(ge=0, description="Key of the page, from the link `next` of the one before.")] = 0,
    filter: FilterQuery = "",
    area: AreaQuery = "",
) -> Response:
    """Return a page of features as GeoJSON, with a link to the next."""
    clause = selection(connection, layer, today, filter=filter, area=area)
    found = page(connection, layer, clause, limit=features_on_page(settings, limit), after=after)
    return one_page(request, found.features, found.following, numberReturned=found.number)


def one_page(request: Request, features: bytes, following: int | str | None, **said: Any) -> Response:  # noqa: ANN401 - JSON
    """Return a page as a FeatureCollection that says this, with a link to the next where `following` is its key."""
    links = [{"rel": "self", "type": GEOJSON, "href": str(request.url)}]
    if following:
        query = dict(request.query_params) | {"after": following}
        links.append({"rel": "next", "type": GEOJSON, "href": f"{request.url.replace(query='')}?{urlencode(query)}"})
    head = orjson.dumps({"type": "FeatureCollection", **said, "links": links})
    return Response(head[:-1] + b',"features":[' + features + b"]}", media_type=GEOJSON)


@router.get(
    "/api/layers/{layer}/features/{code:path}",
    response_class=Response,
    responses={200: {"headers": ETAG, "content": {GEOJSON: {"example": FEATURE}}}},
)
def get_feature(
    connection: ConnectionDep,
    layer: LayerDep,
    code: str,
    as_of: AsOfGiven,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
) -> Response:
    """Return one feature as GeoJSON.

    `ETag` names its version, for `If-Match` of a change; of a past day there is none, for that cannot be changed.
    """
    found = one(connection, layer, code)
    return Response(found.feature, media_type=GEOJSON, headers={} if as_of else {"ETag": found.etag})
