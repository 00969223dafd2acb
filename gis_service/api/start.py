"""GET / and /statistics/{layer}: the pages for people that are no maps."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from gis_service.api.deps import (
    AreaQuery,
    AsOfDep,
    ConnectionDep,
    DistrictDep,
    FilterQuery,
    LanguageDep,
    LayerDep,
    UserDep,
)
from gis_service.api.layers import describe
from gis_service.api.pages import render
from gis_service.exports import FORMATS
from gis_service.extents import counts
from gis_service.features import listed
from gis_service.features import names as feature_names
from gis_service.statistics import Question, figures, statistics
from layers import Role, ledger, registry, with_role
from maps import registry as map_registry

router = APIRouter(tags=["pages"])


@router.get("/", response_class=HTMLResponse)
def start(
    request: Request,
    connection: ConnectionDep,
    district: DistrictDep,
    today: AsOfDep,
    language: LanguageDep,
    user: UserDep,
) -> HTMLResponse:
    """Return the start page: headline figures, maps, layers, rivers and areas, with links to everything."""
    lines = [(name, layer) for name, layer in registry().items() if layer.geometry == ("MultiLineString",)]
    held = counts(connection)
    groups: dict[str, list[dict[str, Any]]] = {}
    for figure in figures(connection, today, language):  # layers come in the order of the report too
        groups.setdefault(registry()[figure["layer"]].title.in_(language), []).append(figure)
    context = {
        "district": district.name.in_(language),
        "illustrative": district.illustrative,
        "as_of": today,
        "figures": groups,
        "maps": [
            {
                "name": name,
                "title": map_.title.in_(language),
                "description": map_.description.in_(language),
                "url": f"/maps/{name}",
            }
            for name, map_ in map_registry().items()
        ],
        "layers": [
            {
                **describe(layer, language),
                "count": held[name],
            }
            for name, layer in registry().items()
        ],
        "lines": [
            {"layer": name, "title": layer.title.in_(language), "features": feature_names(connection, layer, 500)}
            for name, layer in lines
        ],
        "areas": feature_names(connection, with_role(Role.AREAS), 500),
        "formats": list(FORMATS.values()),
        "may_record": user.may_create(ledger()),
    }
    return render(request, "start.html", context)


@router.get("/statistics/{layer}", response_class=HTMLResponse)
def statistics_page(
    request: Request,
    connection: ConnectionDep,
    layer: LayerDep,
    district: DistrictDep,
    today: AsOfDep,
    language: LanguageDep,
    group: Annotated[str, Query(description="Vocabulary fields, comma-separated.")] = "",
    measure: Annotated[str, Query(description="Measures, comma-separated; all by default.")] = "",
    filter: FilterQuery = "",
    area: AreaQuery = "",
) -> HTMLResponse:
    """Return a layer's statistics as a page with a table per area."""
    question = Question(layer, listed(group), listed(measure) or layer.measure_names(), filter, area)
    context = {
        "district": district.name.in_(language),
        "illustrative": district.illustrative,
        "as_of": today,
        "layer": describe(layer, language),
        "layers": [describe(other, language) for other in registry().values()],
        "group": question.group,
        "measures": question.measures,
        "filter": filter,
        "area": area,
        "areas": feature_names(connection, with_role(Role.AREAS), 500),
        "formats": list(FORMATS.values()),
        "result": statistics(connection, question, today),
    }
    return render(request, "statistics.html", context)
