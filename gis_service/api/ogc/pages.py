"""Features as pages for people: a table with links, and one record with all it holds."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import HTMLResponse

from gis_service.api.layers import describe
from gis_service.api.ogc.answers import Links, asked
from gis_service.api.pages import render
from gis_service.database import District
from gis_service.features import Found
from gis_service.items import Page
from layers import Language, Layer

_SHOWN = 7
"""Fields in the table of a collection."""


def items(
    request: Request,
    layer: type[Layer],
    found: Page,
    matched: int | None,
    links: Links,
    district: District,
    language: Language,
) -> HTMLResponse:
    """Return a page of features as a table."""
    context = _about(layer, district, language) | {
        "features": orjson.loads(b"[" + found.features + b"]"),
        "shown": list(layer.fields())[:_SHOWN],
        "matched": matched,
        "number": len(found.ids),
        "next": next((one["href"] for one in links if one["rel"] == "next"), None),
        "geojson": asked(request, f="json"),
        "filter": request.query_params.get("filter", ""),
    }
    return render(request, "ogc_items.html", context)


def item(
    request: Request, layer: type[Layer], found: Found, links: Links, district: District, language: Language
) -> HTMLResponse:
    """Return one feature with everything that it holds."""
    feature: dict[str, Any] = orjson.loads(found.feature)
    context = _about(layer, district, language) | {
        "feature": feature,
        "links": links,
        "geojson": asked(request, f="json"),
    }
    return render(request, "ogc_item.html", context)


def _about(layer: type[Layer], district: District, language: Language) -> dict[str, Any]:
    return {
        "layer": describe(layer, language),
        "district": district.name.in_(language),
        "illustrative": district.illustrative,
    }
