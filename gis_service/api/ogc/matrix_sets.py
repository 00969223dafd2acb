"""OGC API Tiles: the tile matrix sets. There is one, WebMercatorQuad, the scheme of web maps."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from gis_service.api.deps import LanguageDep
from gis_service.api.ogc.answers import (
    DOCUMENTS,
    HTML,
    JSON,
    SCHEME,
    FormatQuery,
    address,
    chosen,
    document,
    link,
    self_links,
    told,
)
from gis_service.api.pages import render
from gis_service.errors import UnknownName
from gis_service.tiles import MOST_ZOOM
from layers import Label

router = APIRouter(tags=["ogc"])

WELL_KNOWN = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{SCHEME}"
WEB_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
_RADIUS, _PIXELS, _PIXEL = 6_378_137.0, 256, 0.00028
"""Metres of the sphere; pixels of a tile; metres of a pixel on the standard's screen (OGC 17-083r4, 6.1.1)."""
_SCHEME = Label("瓦片方案", "tile matrix set")
_TITLE = Label("网络地图通用方案 (Web 墨卡托)", "The common scheme of web maps (web Mercator)")


def scheme_of(scheme: Annotated[str, Path(description="Tile matrix set.", examples=[SCHEME])]) -> str:
    """Refuse every scheme but the one that there is."""
    if scheme != SCHEME:
        raise UnknownName(_SCHEME, scheme, [SCHEME])
    return scheme


SchemeDep = Annotated[str, Depends(scheme_of)]


@router.get("/ogc/tileMatrixSets", response_class=Response, responses=told(DOCUMENTS))
def list_schemes(request: Request, language: LanguageDep, f: FormatQuery = None) -> Response:
    """List the tile matrix sets that tiles are offered in."""
    kind, here = chosen(request, f, DOCUMENTS), address(request, "tileMatrixSets", SCHEME)
    named = {"id": SCHEME, "title": _TITLE.in_(language), "uri": WELL_KNOWN, "crs": WEB_MERCATOR}
    one = named | {"links": [link("self", here, JSON)]}
    if kind == HTML:
        return render(request, "ogc_schemes.html", {"schemes": [one]})
    return document(request, {"tileMatrixSets": [one], "links": self_links(request, kind, DOCUMENTS)})


@router.get("/ogc/tileMatrixSets/{scheme}", response_class=Response, responses=told(DOCUMENTS))
def get_scheme(request: Request, scheme: SchemeDep, language: LanguageDep, f: FormatQuery = None) -> Response:
    """Return a tile matrix set: the scales and their grids (OGC 17-083r4)."""
    kind = chosen(request, f, DOCUMENTS)
    found = {
        "id": scheme,
        "title": _TITLE.in_(language),
        "uri": WELL_KNOWN,
        "crs": WEB_MERCATOR,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [_matrix(z) for z in range(MOST_ZOOM + 1)],
    }
    return render(request, "ogc_scheme.html", {"scheme": found}) if kind == HTML else document(request, found)


def _matrix(z: int) -> dict[str, Any]:
    """Return one scale, its numbers with the digits of the register."""
    cell, edge = 2 * math.pi * _RADIUS / _PIXELS / 2**z, float(f"{math.pi * _RADIUS:.15g}")
    return {
        "id": str(z),
        "scaleDenominator": float(f"{cell / _PIXEL:.15g}"),
        "cellSize": float(f"{cell:.15g}"),
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": [-edge, edge],
        "tileWidth": _PIXELS,
        "tileHeight": _PIXELS,
        "matrixWidth": 2**z,
        "matrixHeight": 2**z,
    }
