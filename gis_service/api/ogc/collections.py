"""GET /ogc/collections and /ogc/collections/{layer}: each layer is a collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gis_service.api.deps import ConnectionDep, DistrictDep, LanguageDep, LayerDep, UserDep
from gis_service.api.ogc import pages
from gis_service.api.ogc.answers import (
    DOCUMENTS,
    GEOJSON,
    HTML,
    SCHEMA,
    FormatQuery,
    Links,
    address,
    chosen,
    document,
    link,
    of_layer,
    self_links,
    told,
)
from gis_service.api.ogc.schemas import described
from gis_service.api.pages import render
from gis_service.crs import CRS84, STORED, offered
from gis_service.extents import Extent, extent
from gis_service.items import Turn, page
from layers import Language, Layer, registry

router = APIRouter(tags=["ogc"])

_FIRST = 10
"""Features on the page of a collection."""
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_RELATIONS = "http://www.opengis.net/def/rel/ogc/1.0/"


@router.get("/ogc/collections", response_class=Response, responses=told(DOCUMENTS))
def list_collections(
    request: Request, connection: ConnectionDep, district: DistrictDep, language: LanguageDep, f: FormatQuery = None
) -> Response:
    """List the collections: one for each layer, with its extent and number of features as who asks sees them."""
    kind, crs = chosen(request, f, DOCUMENTS), [one.uri for one in offered(district.metric_srid)]
    listed = [_collection(request, layer, extent(connection, layer), crs, language) for layer in registry().values()]
    if kind == HTML:
        return render(request, "ogc_collections.html", {"collections": listed})
    links = self_links(request, kind, DOCUMENTS)
    return document(request, {"links": links, "crs": crs, "collections": listed})


@router.get("/ogc/collections/{layer}", response_class=Response, responses=told(DOCUMENTS))
def get_collection(
    request: Request,
    connection: ConnectionDep,
    layer: LayerDep,
    district: DistrictDep,
    user: UserDep,
    language: LanguageDep,
    f: FormatQuery = None,
) -> Response:
    """Return one collection: extent, CRSs, number of features, links."""
    kind, crs = chosen(request, f, DOCUMENTS), [one.uri for one in offered(district.metric_srid)]
    held = extent(connection, layer)
    found = _collection(request, layer, held, crs, language)
    if kind == HTML:
        first, fields = page(connection, layer, (), Turn(_FIRST)), described(layer, user, language)
        return pages.collection(request, connection, layer, found, held, first, fields, language)
    return document(request, found | {"links": [*self_links(request, kind, DOCUMENTS), *found["links"][1:]]})


def _collection(
    request: Request, layer: type[Layer], held: Extent, crs: Sequence[str], language: Language
) -> dict[str, Any]:
    return {
        "id": layer.__tablename__,
        "title": layer.title.in_(language),
        "description": layer.standard,
        "itemType": "feature",
        "itemCount": held.count,
        "extent": _extent(held),
        "crs": list(crs),
        "storageCrs": STORED.uri,
        "links": _links(request, layer),
    }


def _extent(held: Extent) -> dict[str, Any]:
    """Return where and when the features are; what there is none of is left out."""
    interval = held.interval()
    where = {"spatial": {"bbox": [list(held.box)], "crs": CRS84.uri}} if held.box else {}
    when = {"temporal": {"interval": [list(interval)], "trs": _GREGORIAN}} if interval else {}
    return {**where, **when}


def _links(request: Request, layer: type[Layer]) -> Links:
    here = of_layer(request, layer)
    return [
        link("self", here, "application/json"),
        link("items", f"{here}/items?f=json", GEOJSON),
        link("items", f"{here}/items?f=html", HTML),
        link("describedby", f"{here}/schema/feature", SCHEMA),  # GDAL reads it
        *(
            link(f"{_RELATIONS}{name}", f"{here}/{name}", SCHEMA, f"{layer.title.zh} {name}")
            for name in ("queryables", "schema", "sortables")
        ),
        link(f"{_RELATIONS}tilesets-vector", f"{here}/tiles", "application/json"),
        link("root", address(request), "application/json"),
    ]
