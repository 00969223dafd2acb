"""The API definition of /ogc as OpenAPI 3.0, in the form that clients read.

QGIS takes the size of its pages from `components.parameters.limit`, and the properties that it may filter by from the
parameters of each collection's own path, each with `style` and `explode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from gis_service.api.ogc import writing
from gis_service.api.ogc.answers import FEATURES, FILES, GEOJSON, HTML, ITEMS, JSON, MVT, OPENAPI, SCHEMA, TILEJSON
from gis_service.api.ogc.schemas import queryable
from gis_service.api.openapi import ANY_OF_THESE, SECURITY, TO_SIGN_IN
from gis_service.filters import filterable
from gis_service.settings import Settings
from layers import Language, Layer, registry

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "allowed": {"type": "array", "items": {"type": "string"}},
    },
}
_LINK: dict[str, Any] = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title")},
}
_LINKS = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
_STRINGS = {"type": "array", "items": {"type": "string"}}
_COLLECTION: dict[str, Any] = {
    "type": "object",
    "required": ["id", "links"],
    "properties": {
        **{name: {"type": "string"} for name in ("id", "title", "description", "itemType", "storageCrs")},
        "itemCount": {"type": "integer"},
        "crs": _STRINGS,
        "extent": {"type": "object"},
        "links": _LINKS,
    },
}
_FEATURE: dict[str, Any] = {
    "type": "object",
    "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"type": "string"},
        "geometry": {"type": "object", "nullable": True},
        "properties": {"type": "object", "nullable": True},
        "links": _LINKS,
    },
}
_SCHEMAS: dict[str, Any] = {
    "problem": _PROBLEM,
    "link": _LINK,
    "landingPage": {"type": "object", "required": ["links"], "properties": {"links": _LINKS}},
    "confClasses": {"type": "object", "required": ["conformsTo"], "properties": {"conformsTo": _STRINGS}},
    "collection": _COLLECTION,
    "collections": {
        "type": "object",
        "required": ["links", "collections"],
        "properties": {
            "links": _LINKS,
            "crs": _STRINGS,
            "collections": {"type": "array", "items": {"$ref": "#/components/schemas/collection"}},
        },
    },
    "featureGeoJSON": _FEATURE,
    "featureCollectionGeoJSON": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/featureGeoJSON"}},
            "links": _LINKS,
            "timeStamp": {"type": "string", "format": "date-time"},
            "numberMatched": {"type": "integer", "minimum": 0},
            "numberReturned": {"type": "integer", "minimum": 0},
        },
    },
}
_ERRORS = {
    "400": "A parameter is unknown, or its value is wrong.",
    "401": "Nobody is signed in and this needs it, or the token is nobody's.",
    "403": "She who is signed in may not do this.",
    "404": "There is no such collection or feature.",
    "503": "The database is away or busy.",
}
_STRING = {"type": "string"}
_COUNTED = {"type": "integer", "minimum": 0}
_SELECTING = ["bbox", "bbox-crs", "datetime", "filter", "filter-lang", "filter-crs", "as_of"]
"""The parameters that choose features, beside their properties."""
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


def definition(root: str, title: str, settings: Settings, crs: Sequence[str], language: Language) -> dict[str, Any]:
    """Return the API definition; `root` is the address that all paths are below."""
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "version": version("gis-service"), "description": "OGC API Features and Tiles."},
        "servers": [{"url": root}],
        "security": ANY_OF_THESE,
        "paths": _common() | {path: item for layer in registry().values() for path, item in _of(layer, language)},
        "components": {
            "parameters": _parameters(settings, crs) | writing.parameters(crs),
            "schemas": {**_SCHEMAS, **writing.SCHEMAS},
            "responses": {
                "notModified": {"description": "What the client has is what there is."},
                "toSignIn": {"description": TO_SIGN_IN},
            }
            | {
                f"problem{status}": {
                    "description": meaning,
                    "content": {"application/problem+json": _json("problem"), HTML: {"schema": _STRING}},
                }
                for status, meaning in {**writing.PROBLEMS, **_ERRORS}.items()
            },
            "securitySchemes": dict(SECURITY),
        },
    }


def _parameters(settings: Settings, crs: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that operations share."""
    page = {"type": "integer", "minimum": 1, "maximum": settings.page_limit, "default": settings.page_size}
    box = {
        "type": "array",
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
        "items": {"type": "number"},
    }
    uri: dict[str, Any] = {"type": "string", "format": "uri", "enum": list(crs), "default": crs[0]}
    names: dict[str, Any] = {"type": "array", "items": _STRING}
    day = {"type": "string", "format": "date"}
    return {
        "limit": _query("limit", page, "Features on the page; more than the most is the most."),
        "offset": _query("offset", {"type": "integer", "minimum": 0}, "Features to skip; `next` is faster."),
        "after": _query("after", _STRING, "Where the page begins, from the link `next` of the one before."),
        "bbox": _query("bbox", box, "Only what intersects this box."),
        "bbox-crs": _query("bbox-crs", uri, "CRS of the box."),
        "datetime": _query("datetime", _STRING, "Only what is of this time: an instant, or `start/end`, `..` is open."),
        "crs": _query("crs", uri, "CRS of the answer."),
        "filter": _query("filter", _STRING, "CQL2: only what it holds for."),
        "filter-lang": _query("filter-lang", _STRING | {"enum": ["cql2-text", "cql2-json"], "default": "cql2-text"}),
        "filter-crs": _query("filter-crs", uri, "CRS of the shapes in the filter."),
        "sortby": _query("sortby", names, "Properties to sort by, `-` before one goes down."),
        "properties": _query("properties", names, "Properties to return."),
        "as_of": _query("as_of", day, "The records as they stood at the end of this day."),
        "f": _query("f", _STRING | {"enum": ["json", "html"]}, "Format; by default what Accept asks for."),
        "f-item": _query("f", _STRING | {"enum": list(FEATURES)}, "Format; by default what Accept asks for."),
        "f-items": _query("f", _STRING | {"enum": list(ITEMS)}, "Format; by default what Accept asks for."),
        "lang": _query("lang", _STRING | {"enum": ["zh", "en"]}, "Language of titles and errors."),
        "f-tileset": _query("f", _STRING | {"enum": ["json", "tilejson", "html"]}, "Format; by default by Accept."),
        "f-tile": _query("f", _STRING | {"enum": ["mvt"]}, "Format: Mapbox Vector Tile."),
        "featureId": _part("featureId", _STRING),
        "scheme": _part("scheme", _STRING | {"enum": ["WebMercatorQuad"]}),
        "tileMatrix": _part("tileMatrix", _STRING, "Scale: its number in the tile matrix set.", "12"),
        "tileRow": _part("tileRow", _COUNTED, "Row, counted from the north.", 1741),
        "tileCol": _part("tileCol", _COUNTED, "Column, counted from the west.", 3406),
    }


def _part(name: str, schema: Mapping[str, Any], description: str = "", example: object = None) -> dict[str, Any]:
    """Return a parameter in the path."""
    said = {"description": description, "example": example} if description else {}
    return {"name": name, "in": "path", "required": True, "schema": dict(schema), **said}


def _query(name: str, schema: Mapping[str, Any], description: str = "") -> dict[str, Any]:
    said = {"description": description} if description else {}
    form = {"style": "form", "explode": False}
    return {"name": name, "in": "query", "required": False, "schema": dict(schema), **form, **said}


def _json(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _get(
    summary: str, id_: str, content: Mapping[str, Any], parameters: Iterable[Any] = (), *, headers: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the operation GET of a path; parameters are names of shared ones, or whole."""
    given = [p if isinstance(p, dict) else {"$ref": f"#/components/parameters/{p}"} for p in (*parameters, "lang")]
    told = {name: {"schema": _STRING} for name in ("ETag", *headers)}
    responses: dict[str, Any] = {"200": {"description": summary, "headers": told, "content": dict(content)}}
    responses |= {
        "303": {"$ref": "#/components/responses/toSignIn"},
        "304": {"$ref": "#/components/responses/notModified"},
    }
    responses |= {status: {"$ref": f"#/components/responses/problem{status}"} for status in _ERRORS}
    return {"get": {"summary": summary, "operationId": id_, "parameters": given, "responses": responses}}


def _common() -> dict[str, Any]:
    page = {HTML: {"schema": _STRING}}
    return {
        "/": _get("Landing page", "landing", {JSON: _json("landingPage"), **page}, ["f", "as_of"]),
        "/conformance": _get("Conformance classes", "conformance", {JSON: _json("confClasses"), **page}, ["f"]),
        "/api": _get("This document", "api", {OPENAPI: {"schema": {"type": "object"}}, **page}, ["f"]),
        "/functions": _get("Functions of filters", "functions", {JSON: {"schema": {"type": "object"}}, **page}, ["f"]),
        "/collections": _get("Collections", "collections", {JSON: _json("collections"), **page}, ["f", "as_of"]),
        "/tileMatrixSets": _get("Tile matrix sets", "schemes", {JSON: {"schema": {"type": "object"}}, **page}, ["f"]),
        "/tileMatrixSets/{scheme}": _get(
            "Tile matrix set", "scheme", {JSON: {"schema": {"type": "object"}}, **page}, ["scheme", "f"]
        ),
    }


def _of(layer: type[Layer], language: Language) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the paths of one collection."""
    name, title = layer.__tablename__, layer.title.in_(language)
    root, page = f"/collections/{name}", {HTML: {"schema": _STRING}}
    yield root, _get(title, f"{name}.collection", {JSON: _json("collection"), **page}, ["f", "as_of"])
    for part in ("schema", "schema/feature", "queryables", "sortables"):
        content = {SCHEMA: {"schema": {"type": "object"}}, **page}
        yield f"{root}/{part}", _get(f"{title}: {part}", f"{name}.{part.replace('/', '.')}", content, ["f"])
    own = [_own(key, layer, language) for key in filterable(layer)]
    content = {GEOJSON: _json("featureCollectionGeoJSON"), **page, **dict.fromkeys(FILES.values(), _FILE)}
    told = ("Content-Crs", "OGC-NumberReturned", "OGC-NumberMatched", "Link")
    every = ["limit", "offset", "after", *_SELECTING, "crs", "sortby", "properties", "f-items", *own]
    reads = _get(f"{title}: features", f"{name}.items", content, every, headers=told)
    yield f"{root}/items", reads | writing.of_items(name, title)
    content = {GEOJSON: _json("featureGeoJSON"), **page}
    one = ["featureId", "crs", "properties", "f-item", "as_of"]
    reads = _get(f"{title}: a feature", f"{name}.item", content, one, headers=("Content-Crs", "Last-Modified"))
    yield f"{root}/items/{{featureId}}", reads | writing.of_an_item(name, title)
    yield from _tiles(f"{root}/tiles", name, title, [*_SELECTING, *own])


def _tiles(root: str, name: str, title: str, selecting: list[Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the paths of a collection's tiles; the ends of their ids are the standard's (OGC 20-057, 14)."""
    of, known, page = f"{name}.collection.vector", {"schema": {"type": "object"}}, {HTML: {"schema": _STRING}}
    yield root, _get(f"{title}: tilesets", f"{of}.getTileSetsList", {JSON: known, **page}, ["f"])
    content = {JSON: known, TILEJSON: known, **page}
    told = _get(f"{title}: tileset", f"{of}.getTileSet", content, ["f-tileset", *selecting])
    yield f"{root}/WebMercatorQuad", told
    place = ["tileMatrix", "tileRow", "tileCol"]
    content = {MVT: {"schema": _STRING | {"format": "binary"}}}
    told = _get(f"{title}: a tile", f"{of}.getTile", content, [*place, "f-tile", *selecting])
    told["get"]["responses"]["204"] = {"description": "Nothing is in the tile."}
    yield f"{root}/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", told


def _own(name: str, layer: type[Layer], language: Language) -> dict[str, Any]:
    """Return the parameter of one property: only what equals it."""
    described = queryable(name, layer, language)
    schema: dict[str, Any] = {key: described[key] for key in ("type", "format", "enum") if key in described}
    return _query(name, schema, described["title"])
