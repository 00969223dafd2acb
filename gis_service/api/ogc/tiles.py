"""OGC API Tiles: vector tiles of each collection, with TileJSON."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from gis_service.api.deps import ConnectionDep, LanguageDep, LayerDep, TileCacheDep, known_parameters
from gis_service.api.ogc.answers import (
    DOCUMENTS,
    HTML,
    JSON,
    MVT,
    SCHEME,
    TILE,
    TILEJSON,
    FormatQuery,
    Links,
    address,
    chosen,
    document,
    link,
    of_layer,
    self_links,
    tiles_of,
    told,
    vector_tile,
)
from gis_service.api.ogc.matrix_sets import WEB_MERCATOR, WELL_KNOWN, SchemeDep
from gis_service.api.ogc.schemas import queryable
from gis_service.api.ogc.selection import AskedDep
from gis_service.api.pages import render
from gis_service.crs import CRS84
from gis_service.errors import UnknownName
from gis_service.extents import Extent, extent
from gis_service.tiles import MOST_ZOOM, Asked, Place, counts, properties, tile
from layers import Label, Language, Layer

router = APIRouter(tags=["ogc"])

MOST_DETAILED = 18
"""From here on a tile's grid is finer than anybody measures (4 cm): programs enlarge it instead of asking further."""

_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_TILE = Label("瓦片", "tile")
_COUNT = Label("数量", "Count")
_TILESET = {"json": JSON, "tilejson": TILEJSON, "html": HTML}
_DIMENSIONS = {"Point": 0, "MultiLineString": 1, "MultiPolygon": 2}
_plain = [Depends(known_parameters)]


def place_of(z: int, row: int, col: int) -> Place:
    """Return a tile; OGC writes matrix, row, column."""
    if not (0 <= z <= MOST_ZOOM and 0 <= row < 2**z and 0 <= col < 2**z):
        raise UnknownName(_TILE, f"{z}/{row}/{col}", [f"0–{MOST_ZOOM}/0–2^z-1/0–2^z-1"])
    return Place(z, col, row)


@router.get("/ogc/collections/{layer}/tiles", response_class=Response, responses=told(DOCUMENTS), dependencies=_plain)
def list_tilesets(request: Request, layer: LayerDep, language: LanguageDep, f: FormatQuery = None) -> Response:
    """List the tilesets of a collection: one, of vector tiles."""
    kind, here = chosen(request, f, DOCUMENTS), of_layer(request, layer, "tiles", SCHEME)
    links = [link("self", here, JSON), link(f"{_REL}tiling-scheme", address(request, "tileMatrixSets", SCHEME), JSON)]
    one = _about(layer, language) | {"links": links}
    if kind == HTML:
        return render(request, "ogc_tilesets.html", {"layer": _named(layer, language), "tilesets": [one]})
    return document(request, {"tilesets": [one], "links": self_links(request, kind, DOCUMENTS)})


@router.get(
    "/ogc/collections/{layer}/tiles/{scheme}",
    response_class=Response,
    responses=told(_TILESET),
)
def get_tileset(
    request: Request,
    connection: ConnectionDep,
    layer: LayerDep,
    scheme: SchemeDep,  # noqa: ARG001 - there is one
    asked_for: AskedDep,  # noqa: ARG001 - a filter is judged here, and holds for the tiles
    language: LanguageDep,
    f: FormatQuery = None,
) -> Response:
    """Return how to read a collection's tiles; as TileJSON with f=tilejson. What filters items filters tiles."""
    kind, held = chosen(request, f, _TILESET), extent(connection, layer)
    if kind == TILEJSON:
        return document(request, _tilejson(request, layer, held, language), TILEJSON)
    found = _tileset(request, layer, held, self_links(request, kind, _TILESET), language)
    if kind == HTML:
        context = {"layer": _named(layer, language), "tileset": found, "xyz": tiles_of(request, layer, "{z}/{y}/{x}")}
        return render(request, "ogc_tileset.html", context)
    return document(request, found)


@router.get(
    "/ogc/collections/{layer}/tiles/{scheme}/{z}/{row}/{col}",
    response_class=Response,
    responses=TILE,
)
def get_tile(
    request: Request,
    connection: ConnectionDep,
    layer: LayerDep,
    scheme: SchemeDep,  # noqa: ARG001 - there is one
    asked_for: AskedDep,
    place: Annotated[Place, Depends(place_of)],
    cache: TileCacheDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    f: FormatQuery = None,
) -> Response:
    """Return one vector tile by matrix, row and column: what matches of it, 204 where nothing does.

    Where much does, marks are counted in cells, each with `count`, the worst term, and the number of each term under
    the term's code.
    """
    chosen(request, f, {"mvt": MVT})
    return vector_tile(request, tile(connection, Asked(layer, asked_for.clause), place, cache))


def _about(layer: type[Layer], language: Language) -> dict[str, Any]:
    return {
        "title": layer.title.in_(language),
        "dataType": "vector",
        "crs": WEB_MERCATOR,
        "tileMatrixSetURI": WELL_KNOWN,
    }


def _tileset(request: Request, layer: type[Layer], held: Extent, links: Links, language: Language) -> dict[str, Any]:
    """Return the metadata of a tileset (OGC 17-083r4, 7)."""
    name, collection = layer.__tablename__, link(f"{_REL}geodata", of_layer(request, layer), JSON)
    described = {key: queryable(key, layer, language) for key in properties(layer)}
    described |= {key: {"title": title, "type": "integer"} for key, title in _counted(layer, language).items()}
    dimension = {"geometryDimension": _DIMENSIONS[layer.geometry[0]]} if len(layer.geometry) == 1 else {}
    around: dict[str, Any] = {}
    if held.box:
        west, south, east, north = held.box
        around["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84.uri}
        centre = {"coordinates": [(west + east) / 2, (south + north) / 2], "crs": CRS84.uri}
        around["centerPoint"] = centre | {"tileMatrix": str(_zoom(held.box))}
    item: dict[str, Any] = link("item", tiles_of(request, layer, "{tileMatrix}/{tileRow}/{tileCol}"), MVT)
    return {
        **_about(layer, language),
        "description": layer.standard,
        **around,
        "layers": [
            {
                "id": name,
                "title": layer.title.in_(language),
                "dataType": "vector",
                **dimension,
                "minTileMatrix": "0",
                "maxTileMatrix": str(MOST_ZOOM),
                "propertiesSchema": {"type": "object", "properties": described},
                "links": [collection],
            }
        ],
        "mediaTypes": [MVT],
        "links": [
            *links,
            item | {"templated": True},
            link(f"{_REL}tiling-scheme", address(request, "tileMatrixSets", SCHEME), JSON),
            collection,
        ],
    }


def _tilejson(request: Request, layer: type[Layer], held: Extent, language: Language) -> dict[str, Any]:
    """Return the same as TileJSON 3.0."""
    labels = {key: queryable(key, layer, language)["title"] for key in properties(layer)} | _counted(layer, language)
    title, reach = layer.title.in_(language), {"minzoom": 0, "maxzoom": MOST_DETAILED}
    around: dict[str, Any] = {}
    if held.box:
        west, south, east, north = held.box
        around = {"bounds": list(held.box), "center": [(west + east) / 2, (south + north) / 2, _zoom(held.box)]}
    return {
        "tilejson": "3.0.0",
        "name": title,
        "description": layer.standard,
        "scheme": "xyz",
        "tiles": [tiles_of(request, layer, "{z}/{y}/{x}")],
        **reach,
        **around,
        "vector_layers": [{"id": layer.__tablename__, "description": title, "fields": labels, **reach}],
    }


def _counted(layer: type[Layer], language: Language) -> dict[str, str]:
    """Return what cells bear: `count`, and how many there are of each term of the symbol's field."""
    field = layer.fields()[layer.symbol.field]
    assert field.vocabulary is not None
    titles = {term.code: f"{_COUNT.in_(language)}: {term.label.in_(language)}" for term in field.vocabulary}
    return {name: titles.get(name, _COUNT.in_(language)) for name in counts(layer)}


def _zoom(box: tuple[float, float, float, float]) -> int:
    """Return the scale at which a box is about as wide as a tile or two."""
    return min(MOST_DETAILED, max(0, math.ceil(math.log2(360 / max(box[2] - box[0], box[3] - box[1], 1e-3)))))


def _named(layer: type[Layer], language: Language) -> dict[str, str]:
    return {"name": layer.__tablename__, "title": layer.title.in_(language)}
