"""What features a request to /ogc asks for: which, in what order, how many, with which properties and in which CRS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from itertools import chain
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from geoalchemy2 import Geometry
from shapely import to_wkb
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Double,
    LargeBinary,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    true,
)
from sqlalchemy.sql.visitors import replacement_traverse

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
from gis_service.database.prepared import varying
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
_EDGES, _BOX_ITSELF = ("west", "south", "east", "north"), "box"
"""The parameters of clauses by a box."""
_CRS_EXAMPLE = "http://www.opengis.net/def/crs/EPSG/0/4326"

CrsQuery = Annotated[str | None, Query(description="URI of the answer's CRS.", examples=[_CRS_EXAMPLE])]
PropertiesQuery = Annotated[
    str, Query(description="Properties to return, comma-separated; all by default.", examples=["code,name"])
]


@dataclass(frozen=True)
class Asked:
    """What features were asked for: clauses that all hold, and the day and the words that they were made of.

    Clauses are the same where their words are, for which statements are written once; so are those of all boxes, whose
    edges are `values` of their parameters.
    """

    clauses: tuple[ColumnElement[bool], ...]
    words: tuple[str, ...]
    values: Mapping[str, Any]

    @property
    def clause(self) -> ColumnElement[bool]:
        """All clauses as one, with the values."""

        def replaced(element: Any, **_: Any) -> Any:  # noqa: ANN401 - what SQLAlchemy walks through
            named = isinstance(element, BindParameter) and element.key in self.values
            return literal(self.values[element.key], element.type) if named else None

        clause: ColumnElement[bool] = replacement_traverse(all_of(self.clauses), {}, replaced)
        return clause


@lru_cache(maxsize=256)
def all_of(clauses: tuple[ColumnElement[bool], ...]) -> ColumnElement[bool]:
    """Return clauses as one."""
    return and_(True, *clauses)  # noqa: FBT003 - an SQL literal


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
    clauses, values = list(_of_properties(request, layer, today)), dict[str, Any]()
    if bbox is not None:
        box = box_crs.box(_numbers(bbox))
        upright = layer.geometry == ("Point",) and box.equals(box.envelope)
        clauses.append(_between(layer) if upright else _touching(layer))
        values = dict(zip(_EDGES, box.bounds, strict=True)) if upright else {_BOX_ITSELF: to_wkb(box)}
    if datetime is not None:
        clauses.append(during(layer, datetime))
    if filter.strip():
        clauses.append(await in_thread(where, layer, filter, today, written=filter_lang, crs=shapes_crs))
    given = {name: value for name, value in request.query_params.items() if name not in _OF_THE_PAGE}
    return Asked(tuple(clauses), (str(today), *chain(*sorted(given.items()))), values)


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


@cache
def _between(layer: type[Layer]) -> ColumnElement[bool]:
    """Select the points between the edges of a box."""
    west, south, east, north = (varying(edge, Double) for edge in _EDGES)
    near = _near(layer, func.ST_MakeEnvelope(west, south, east, north, STORED_SRID, type_=Geometry))
    x, y = func.ST_X(layer.geom), func.ST_Y(layer.geom)
    # CASE keeps from PostgreSQL that these are four conditions: it would take their meeting for far too rare
    within = case((and_(x >= west, x <= east, y >= south, y <= north), true()), else_=false())
    return _or_nowhere(layer, and_(near, within))


@cache
def _touching(layer: type[Layer]) -> ColumnElement[bool]:
    """Select what touches a box that has been projected."""
    box = func.ST_GeomFromWKB(varying(_BOX_ITSELF, LargeBinary), STORED_SRID, type_=Geometry)
    return _or_nowhere(layer, and_(_near(layer, box), func.ST_Intersects(layer.geom, box)))


def _near(layer: type[Layer], box: ColumnElement[Any]) -> ColumnElement[bool]:
    """Select by boxes, so that the index is used."""
    near: ColumnElement[bool] = layer.geom.op("&&", is_comparison=True)(box)
    return near


def _or_nowhere(layer: type[Layer], inside: ColumnElement[bool]) -> ColumnElement[bool]:
    """Select what has no place, too, where a layer allows it."""
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
