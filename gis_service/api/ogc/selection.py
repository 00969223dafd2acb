"""What features a request to /ogc asks for: which, in what order, how many, with which properties and in which CRS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Annotated

from fastapi import Depends, Query, Request
from geoalchemy2 import Geometry
from shapely import Geometry as Shape
from shapely import to_wkb
from sqlalchemy import ColumnElement, and_, case, false, func, or_, true

from gis_service.api.deps import (
    AsOfDep,
    ConnectionDep,
    DatabaseDep,
    DistrictDep,
    LayerDep,
    SettingsDep,
    features_on_page,
    parameters_of,
)
from gis_service.api.direct import in_thread
from gis_service.api.ogc.schemas import returnables
from gis_service.crs import CRS84, Crs, find
from gis_service.errors import UnknownValue, UsageError
from gis_service.features import listed
from gis_service.filters import Written, equal, filterable, where
from gis_service.items import Turn, order
from gis_service.moments import during
from layers import STORED_SRID, Layer

_BOX = "West, south, east, north; or with the lower height in the middle and the upper at the end."
_TIME = "An instant or `start/end`, either may be open (`..`); what has no time always matches."
_NUMBER = re.compile(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *")
_MOST_SKIPPED = 1 << 40
_OF_THE_PAGE = {"limit", "offset", "after", "sortby", "properties", "crs", "f", "lang"}
"""The parameters that do not choose records."""
_CRS_EXAMPLE = "http://www.opengis.net/def/crs/EPSG/0/4326"

CrsQuery = Annotated[str | None, Query(description="URI of the answer's CRS.", examples=[_CRS_EXAMPLE])]
PropertiesQuery = Annotated[
    str, Query(description="Properties to return, comma-separated; all by default.", examples=["code,name"])
]


@dataclass(frozen=True)
class Asked:
    """What features were asked for: clauses that all hold, and the day and the words that they were made of."""

    clauses: tuple[ColumnElement[bool], ...]
    words: tuple[str, ...]

    @property
    def clause(self) -> ColumnElement[bool]:
        """All clauses as one."""
        return and_(True, *self.clauses)  # noqa: FBT003 - an SQL literal


async def selected(
    request: Request,
    layer: LayerDep,
    district: DistrictDep,
    today: AsOfDep,
    bbox: Annotated[str | None, Query(description=_BOX, examples=["119.2,26.0,119.4,26.1"])] = None,
    bbox_crs: Annotated[str | None, Query(alias="bbox-crs", description="URI of the box's CRS.")] = None,
    datetime: Annotated[str | None, Query(description=_TIME, examples=["2023-01-01/.."])] = None,
    filter: Annotated[str, Query(description="CQL2.", examples=["status = '建成开放'"])] = "",
    filter_lang: Annotated[Written, Query(alias="filter-lang", description="How the filter is written.")] = "cql2-text",
    filter_crs: Annotated[str | None, Query(alias="filter-crs", description="URI of the CRS of its shapes.")] = None,
) -> Asked:
    """Return what a request selects. Every other parameter is a property, and its value what it shall equal."""
    srid = district.metric_srid
    box_crs, shapes_crs = find("bbox-crs", bbox_crs, srid), find("filter-crs", filter_crs, srid)
    clauses = list(_of_properties(request, layer, today))
    if bbox is not None:
        clauses.append(_inside(layer, box_crs.box(_numbers(bbox))))
    if datetime is not None:
        clauses.append(during(layer, datetime))
    if filter.strip():
        clauses.append(await in_thread(where, layer, filter, today, written=filter_lang, crs=shapes_crs))
    given = {name: value for name, value in request.query_params.items() if name not in _OF_THE_PAGE}
    return Asked(tuple(clauses), (str(today), *chain(*sorted(given.items()))))


AskedDep = Annotated[Asked, Depends(selected)]


def _of_properties(request: Request, layer: type[Layer], today: date) -> Iterator[ColumnElement[bool]]:
    known, own = parameters_of(request), filterable(layer)
    for name, value in request.query_params.items():
        if name in known:
            continue
        if name not in own:
            allowed = sorted({*known, *own})
            raise UsageError(f"没有名为“{name}”的参数。", f"There is no parameter {name!r}.", allowed=allowed)
        yield equal(layer, name, value, today)


def _numbers(text: str) -> list[float]:
    numbers = text.split(",")
    if not all(map(_NUMBER.fullmatch, numbers)):
        raise UnknownValue("bbox", text, ["119.2,26.0,119.4,26.1"])
    return [float(number) for number in numbers]


def _inside(layer: type[Layer], shape: Shape) -> ColumnElement[bool]:
    """Select what a shape touches, boxes first so that the index is used; and what has no place."""
    box = func.ST_GeomFromWKB(to_wkb(shape), STORED_SRID, type_=Geometry)
    near = layer.geom.op("&&", is_comparison=True)(box)
    if layer.geometry == ("Point",) and shape.equals(shape.envelope):
        # CASE keeps from PostgreSQL that these are four conditions: it would take their meeting for far too rare
        (west, south, east, north), x, y = shape.bounds, func.ST_X(layer.geom), func.ST_Y(layer.geom)
        inside = and_(near, case((and_(x >= west, x <= east, y >= south, y <= north), true()), else_=false()))
    else:
        inside = and_(near, func.ST_Intersects(layer.geom, box))
    return inside if layer.placed else or_(inside, layer.geom.is_(None))


async def properties_of(layer: LayerDep, properties: PropertiesQuery = "") -> tuple[str, ...]:
    """Return the properties to return."""
    names, known = listed(properties), returnables(layer)
    for name in names:
        if name not in known:
            raise UnknownValue("properties", name, known)
    return tuple(name for name in known if name in names) if names else known


def crs_of(database: DatabaseDep, connection: ConnectionDep, crs: CrsQuery = None) -> Crs:
    """Return the CRS of the answer; what the district offers is asked where one is named."""
    return CRS84 if crs is None else find("crs", crs, database.district(connection).metric_srid)


def turned(
    layer: LayerDep,
    today: AsOfDep,
    settings: SettingsDep,
    limit: Annotated[
        int | None, Query(ge=1, description="Features on the page; more than the most is the most.")
    ] = None,
    offset: Annotated[int, Query(ge=0, le=_MOST_SKIPPED, description="Features to skip; `next` is faster.")] = 0,
    after: Annotated[str, Query(description="Where the page begins, from the link `next`.")] = "",
    sortby: Annotated[str, Query(description="Properties, comma-separated; `-` goes down.", examples=["-name"])] = "",
) -> Turn:
    """Return which page is asked for."""
    keys = order(layer, listed(sortby), today)
    return Turn(features_on_page(settings, limit), after, offset, keys)


PropertiesDep = Annotated[tuple[str, ...], Depends(properties_of)]
CrsDep = Annotated[Crs, Depends(crs_of)]
TurnDep = Annotated[Turn, Depends(turned)]
