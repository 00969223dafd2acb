"""GET /ogc, /ogc/conformance, /ogc/api, /ogc/functions: where clients begin."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gis_service.api.deps import AsOfGiven, DistrictDep, LanguageDep, SettingsDep
from gis_service.api.ogc import samples
from gis_service.api.ogc.answers import (
    DOCUMENTS,
    HTML,
    OPENAPI,
    FormatQuery,
    address,
    chosen,
    document,
    link,
    self_links,
    told,
)
from gis_service.api.ogc.conformance import classes
from gis_service.api.ogc.definition import definition
from gis_service.api.pages import render
from gis_service.crs import offered
from gis_service.filters import FUNCTIONS
from layers import Label

router = APIRouter(tags=["ogc"])

_ABOUT = Label(
    "本区各图层，按 OGC API Features 与 Tiles 标准提供，供桌面软件、程序和网络地图使用。",
    "The district's layers by OGC API Features and Tiles: for desktop GIS, programs, and web maps.",
)
_DEFINITION: dict[str, str] = {"json": OPENAPI, "html": HTML}


@router.get("/ogc", response_class=Response, responses=told(DOCUMENTS))
@router.get("/ogc/", response_class=Response, responses=told(DOCUMENTS), include_in_schema=False)
def landing_page(
    request: Request,
    district: DistrictDep,
    as_of: AsOfGiven,  # noqa: ARG001 - accepted everywhere
    language: LanguageDep,
    f: FormatQuery = None,
) -> Response:
    """Return the landing page: links to the API definition, the conformance declaration, and the collections."""
    kind = chosen(request, f, DOCUMENTS)
    if kind == HTML:
        context = {"about": _ABOUT.in_(language), "programs": samples.beginnings(request, language)}
        return render(request, "ogc_landing.html", context)
    data, api = address(request, "collections"), address(request, "api")
    links = [
        *self_links(request, kind, DOCUMENTS),
        link("service-desc", f"{api}?f=json", OPENAPI),
        link("service-doc", f"{api}?f=html", HTML),
        *(link("conformance", f"{address(request, 'conformance')}{q}", k) for q, k in (("", kind), ("?f=html", HTML))),
        *(link("data", f"{data}{q}", k) for q, k in (("", kind), ("?f=html", HTML))),
        link("http://www.opengis.net/def/rel/ogc/1.0/conformance", address(request, "conformance"), kind),
        link("http://www.opengis.net/def/rel/ogc/1.0/data", data, kind),
        link("http://www.opengis.net/def/rel/ogc/1.0/functions", address(request, "functions"), kind),
        link("http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes", address(request, "tileMatrixSets"), kind),
    ]
    title = district.name.in_(language)
    return document(request, {"title": title, "description": _ABOUT.in_(language), "links": links})


@router.get("/ogc/conformance", response_class=Response, responses=told(DOCUMENTS))
def conformance(
    request: Request,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    f: FormatQuery = None,
) -> Response:
    """Return the conformance classes that hold."""
    kind = chosen(request, f, DOCUMENTS)
    if kind == HTML:
        return render(request, "ogc_conformance.html", {"classes": list(classes())})
    return document(request, {"conformsTo": list(classes()), "links": self_links(request, kind, DOCUMENTS)})


@router.get("/ogc/api", response_class=Response, responses=told(_DEFINITION))
def api_definition(
    request: Request,
    district: DistrictDep,
    settings: SettingsDep,
    language: LanguageDep,
    f: FormatQuery = None,
) -> Response:
    """Return the API definition (OpenAPI 3.0) of all below /ogc; as a page to read and try with f=html."""
    kind = chosen(request, f, _DEFINITION)
    if kind == HTML:
        return render(request, "docs.html", {"openapi": f"{address(request, 'api')}?f=json"})
    crs = [one.uri for one in offered(district.metric_srid)]
    content = definition(address(request), district.name.in_(language), settings, crs, language)
    return document(request, content, OPENAPI)


@router.get("/ogc/functions", response_class=Response, responses=told(DOCUMENTS))
def functions(
    request: Request,
    language: LanguageDep,
    f: FormatQuery = None,
) -> Response:
    """Return the functions that filters may use beside those of CQL2."""
    kind = chosen(request, f, DOCUMENTS)
    listed = [
        {"name": name, "description": label.in_(language), "arguments": [], "returns": ["date"]}
        for name, (label, _) in FUNCTIONS.items()
    ]
    if kind == HTML:
        return render(request, "ogc_functions.html", {"functions": listed})
    return document(request, {"functions": listed, "links": self_links(request, kind, DOCUMENTS)})
