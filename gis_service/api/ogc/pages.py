"""Collections and features as pages for people: a map, a table, the schema, requests to begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import shapely
from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from gis_service.api.layers import describe
from gis_service.api.ogc import samples
from gis_service.api.ogc.answers import Links, asked, tiles_of
from gis_service.api.pages import render
from gis_service.exports import FORMATS
from gis_service.extents import Extent
from gis_service.features import Found, names
from gis_service.items import Page
from gis_service.publish import EVERYWHERE, Bounds, base_map
from layers import Language, Layer, Role, with_role
from maps import SCRIPTS, Source, inset

_SHOWN = 6
"""Fields in the table of a collection."""
_MOST_AREAS = 500
_ROOM = 0.004
"""Degrees around a feature on its map."""


def collection(
    request: Request,
    connection: Connection,
    layer: type[Layer],
    described: Mapping[str, Any],
    held: Extent,
    first: Page,
    properties: Mapping[str, Any],
    language: Language,
) -> HTMLResponse:
    """Return a collection: what it is, its map, its first features, its schema, and how to ask for it."""
    features = _features(first)
    seen = samples.Seen(features[0]["properties"] if features else {}, _around(features[:1]))
    context = _about(connection, layer, language) | {
        "collection": described,
        "features": features,
        "shown": list(layer.fields())[:_SHOWN],
        "properties": properties,
        "requests": samples.requests(request, layer, seen, language),
        "programs": samples.programs(request, layer, seen, language),
        **_map(request, layer, _tiles(request, layer), held.box or EVERYWHERE, language),
    }
    return render(request, "ogc_collection.html", context)


def items(
    request: Request,
    connection: Connection,
    layer: type[Layer],
    found: Page,
    matched: int | None,
    links: Links,
    language: Language,
) -> HTMLResponse:
    """Return a page of features as a table beside a map; both hold what was asked for."""
    features, given = _features(found), request.query_params
    context = _about(connection, layer, language) | {
        "features": features,
        "shown": list(layer.fields())[:_SHOWN],
        "matched": matched,
        "number": found.number,
        "first": asked(request, after=None, offset=None) if "after" in given or "offset" in given else None,
        "next": next((one["href"] for one in links if one["rel"] == "next"), None),
        "geojson": asked(request, f="json"),
        "filter": given.get("filter", ""),
        **_map(request, layer, _tiles(request, layer), _around(features), language),
    }
    return render(request, "ogc_items.html", context)


def item(
    request: Request, connection: Connection, layer: type[Layer], found: Found, links: Links, language: Language
) -> HTMLResponse:
    """Return one feature with everything that it holds, and its place."""
    feature: dict[str, Any] = orjson.loads(found.feature)
    source = Source(features={"type": "FeatureCollection", "features": [feature]})
    context = _about(connection, layer, language) | {
        "feature": feature,
        "links": links,
        "geojson": asked(request, f="json"),
        **_map(request, layer, source, _around([feature]), language),
    }
    return render(request, "ogc_item.html", context)


def _features(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(b"[" + page.features + b"]")
    return found


def _about(connection: Connection, layer: type[Layer], language: Language) -> dict[str, Any]:
    """Return what every page says of a layer; the names of the areas stand beside the name of their layer."""
    areas = with_role(Role.AREAS)
    named = {one["code"]: one["name"] for one in names(connection, areas, _MOST_AREAS)}
    return {
        "layer": describe(layer, language),
        "formats": list(FORMATS.values()),
        "areas": named | {"": areas.__tablename__},
    }


def _map(request: Request, layer: type[Layer], source: Source, bounds: Bounds, language: Language) -> dict[str, Any]:
    """Return what a page with a map needs."""
    ground = Source(url=f"/api/exports/{with_role(Role.AREAS).__tablename__}.geojson")
    links = [
        {
            "label": "记录页" if language == "zh" else "Its page",
            "href": f"/ogc/collections/{layer.__tablename__}/items/{{code}}?f=html",
        }
    ]
    drawn = inset(
        layer, source, ground, bounds, language=language, base_map=base_map(request.app.state.settings), links=links
    )
    return {"inset": drawn, "map_scripts": SCRIPTS}


def _tiles(request: Request, layer: type[Layer]) -> Source:
    """Return where the map reads what was asked for; an address of this host, wherever it is reached."""
    return Source(tiles=tiles_of(request, layer, "{z}/{y}/{x}").removeprefix(str(request.base_url).rstrip("/")))


def _around(features: Sequence[Mapping[str, Any]]) -> Bounds:
    """Return the bounds of features, with room around."""
    shapes = [shapely.geometry.shape(one["geometry"]) for one in features if one["geometry"]]
    if not shapes:
        return EVERYWHERE
    west, south, east, north = shapely.total_bounds(shapes)
    return west - _ROOM, south - _ROOM, east + _ROOM, north + _ROOM
