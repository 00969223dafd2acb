"""Joins a map with its data: answers what it asks for, lets it draw, and gives the page out.

A served page holds no features, only the addresses that its script reads; a saved file holds everything it needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from markupsafe import Markup
from sqlalchemy import ColumnElement, Connection, func, select

from gis_service.along import along, find_targets
from gis_service.database.district import read as read_district
from gis_service.errors import UnknownName, UnknownValue
from gis_service.extents import extent
from gis_service.features import area_codes, as_geojson, find_layer, names, selection
from gis_service.lines import find_line
from gis_service.risk import area_risk, model, risk_counts, risk_features
from gis_service.settings import Settings
from gis_service.statistics import Question, statistics, terms
from layers import Label, Language, Layer, Role, registry, with_role
from maps import (
    AlongFeatures,
    AreaRisk,
    BaseMap,
    Features,
    Map,
    Names,
    Parameter,
    Request,
    RiskFeatures,
    Source,
    Statistics,
    View,
    inlined,
)
from maps import registry as map_registry

Bounds = tuple[float, float, float, float]

EVERYWHERE: Bounds = (73.0, 18.0, 135.0, 54.0)
"""Where a map looks while a district is empty."""


@dataclass(frozen=True)
class Reader:
    """For whom a map is drawn: language, chosen area (its code, or ""), the day; who she is (see maps.View)."""

    language: Language
    area: str
    as_of: date
    account: Markup | None = None
    token: str = ""


def find_map(name: str) -> Map:
    """Return the map of this name.

    Raises
    ------
    UnknownName
        With the maps that there are.
    """
    if name not in map_registry():
        raise UnknownName(Label("地图", "map"), name, map_registry())
    return map_registry()[name]


def page(connection: Connection, map_: Map, reader: Reader, given: Mapping[str, str], settings: Settings) -> str:
    """Return the map's page as HTML, to be served; it reads its features from the service.

    `given` are the map's own parameters as text.

    Raises
    ------
    UnknownName, UnknownValue
        Where a parameter, the area, or a feature is not there.
    """
    return _Publisher(connection, reader, settings, saved=False).draw(map_, given)


def saved(connection: Connection, map_: Map, reader: Reader, given: Mapping[str, str], settings: Settings) -> str:
    """Return the map as one HTML file that holds its features, scripts and styles, and works from a disk."""
    drawn = _Publisher(connection, reader, settings, saved=True).draw(map_, given)
    return inlined(drawn, asset)


def asset(path: str) -> str:
    """Return the text of the file that is served under /assets/: the vendored ones, and our own."""
    web = files("gis_service") / "web"
    return (web / path if path.startswith("vendor/") else web / "static" / path).read_text("utf-8")


class _Publisher:
    """Answers a map's requests for one reader."""

    def __init__(self, connection: Connection, reader: Reader, settings: Settings, *, saved: bool) -> None:
        self.connection, self.reader, self.settings, self.saved = connection, reader, settings, saved
        self.district = read_district(connection, settings)
        self.model = model(connection, reader.as_of)

    def draw(self, map_: Map, given: Mapping[str, str]) -> str:
        parameters = {p.name: _parsed(p, given.get(p.name, "")) for p in map_.parameters}
        requests = map_.requests(registry(), parameters)
        area, bounds = self._place()
        view = View(
            language=self.reader.language,
            district=self.district.name,
            illustrative=self.district.illustrative,
            as_of=self.reader.as_of,
            bounds=bounds,
            layers=registry(),
            data={key: self._answer(request) for key, request in requests.items()},
            parameters=parameters,
            area=area,
            area_code=self.reader.area,
            base_map=base_map(self.settings),
            root=None if self.saved else "",
            account=self.reader.account,
            token=self.reader.token,
        )
        return str(map_.build(view).get_root().render())

    def _answer(self, request: Request) -> Any:  # noqa: ANN401 - a source, or the API's document
        match request:
            case Features():
                return self._features(request)
            case RiskFeatures():
                return self._risk_features(request)
            case AlongFeatures():
                return self._along(request)
            case Names():
                return names(self.connection, find_layer(request.layer), request.limit)
            case Statistics():
                question = Question(
                    find_layer(request.layer), request.group, request.measures, request.filter, self.reader.area
                )
                return statistics(self.connection, question, self.reader.as_of)
            case AreaRisk():
                return {"areas": area_risk(self.connection, self.model, self.reader.area)}

    def _features(self, request: Features) -> Source:
        layer, clause = self._selected(request.layer, request.filter)
        counts = terms(self.connection, layer, layer.symbol.field, clause)
        if self.saved:
            rows = self.connection.execute(as_geojson(layer).where(clause).order_by(layer.id))
            return _held(",".join(row.feature for row in rows).encode(), counts)
        query = {"filter": request.filter, "area": self._area_of(layer)}
        return self._addressed(layer, f"/api/exports/{request.layer}.geojson", counts, query)

    def _risk_features(self, request: RiskFeatures) -> Source:
        layer, clause = self._selected(request.layer, "")
        if self.saved:
            features, counts = risk_features(self.connection, layer, self.model, clause)
            return _held(features, counts)
        counts = risk_counts(self.connection, layer, self.model, clause)
        query = {"area": self._area_of(layer)}
        return self._addressed(layer, f"/api/risk/{request.layer}.geojson", counts, query, {"risk": "true"})

    def _along(self, request: AlongFeatures) -> Source:
        layer = find_layer(request.layer)
        line = find_line(self.connection, layer, request.code, self.district.metres())
        targets = find_targets(request.layers, layer)
        if self.saved:
            hits = along(self.connection, line, targets, request.within)
            return _held(hits.features, hits.counts)
        query = {"within": f"{request.within:g}", "layers": ",".join(request.layers)} | self._day()
        url = f"/api/along/{request.layer}/{quote(request.code, safe='')}"
        return Source(url=_url(url, query))

    def _selected(self, name: str, filter: str) -> tuple[type[Layer], ColumnElement[bool]]:
        """Return a layer and what is chosen of it."""
        layer = find_layer(name)
        area = self._area_of(layer)
        return layer, selection(self.connection, layer, self.reader.as_of, filter=filter, area=area)

    def _area_of(self, layer: type[Layer]) -> str:
        """Return the chosen area; of the areas themselves, which are the ground, all are always there."""
        return "" if layer.role is Role.AREAS else self.reader.area

    def _addressed(
        self,
        layer: type[Layer],
        path: str,
        counts: Mapping[str, int],
        query: dict[str, str],
        tiled: Mapping[str, str] | None = None,
    ) -> Source:
        """Return where the page's script reads a layer: GeoJSON, or vector tiles (with `tiled`) where it is large."""
        count, query = sum(counts.values()), query | self._day()
        # the areas are the ground: whole, so that each is named once
        if count > self.settings.tiles_above and layer.role is not Role.AREAS:
            tiles = _url(f"/api/tiles/{layer.__tablename__}/{{z}}/{{x}}/{{y}}.mvt", query | dict(tiled or {}))
            return Source(tiles=tiles, counts=counts, count=count)
        return Source(url=_url(path, query), counts=counts, count=count)

    def _day(self) -> dict[str, str]:
        """Return the day where the reader has chosen another than the district's."""
        return {} if self.reader.as_of == self.district.today else {"as_of": self.reader.as_of.isoformat()}

    def _place(self) -> tuple[Label | None, Bounds]:
        """Return the chosen area's name, and the bounds to look at: its own, those of all areas, or of everything."""
        areas = with_role(Role.AREAS)
        if self.reader.area:
            area_codes(self.connection, self.reader.area)  # refuses an unknown one
            chosen = select(areas.name, areas.code).where(areas.code == self.reader.area)
            row = self.connection.execute(chosen).one()
            found = self._extent(areas, areas.code == self.reader.area)
            return Label(row.name or row.code, row.name or row.code), found or EVERYWHERE
        boxes = (extent(self.connection, layer).box for layer in (areas, *registry().values()))
        return None, next((box for box in boxes if box), EVERYWHERE)

    def _extent(self, layer: type[Layer], clause: ColumnElement[bool]) -> Bounds | None:
        box = select(func.ST_Extent(layer.geom).label("box")).where(clause).subquery()
        corners = [getattr(func, f"ST_{corner}")(box.c.box) for corner in ("XMin", "YMin", "XMax", "YMax")]
        west, south, east, north = self.connection.execute(select(*corners)).one()
        return None if west is None else (west, south, east, north)


def _held(features: bytes, counts: Mapping[str, int]) -> Source:
    collection = orjson.loads(b'{"type":"FeatureCollection","features":[' + features + b"]}")
    return Source(features=collection, counts=counts, count=sum(counts.values()))


def _url(path: str, query: Mapping[str, str]) -> str:
    given = {key: value for key, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def _parsed(parameter: Parameter, text: str) -> Any:  # noqa: ANN401 - what the parameter's kind says
    """Return a map's parameter as its kind; what it names is looked up where it is used.

    Raises
    ------
    UnknownValue
        Where it is no number, or outside the allowed range.
    """
    if not text:
        return parameter.default
    if parameter.kind == "layers":
        return tuple(name for name in text.split(",") if name)
    if parameter.kind != "number":
        return text
    lowest, highest = parameter.minimum or 0, parameter.maximum or math.inf
    with suppress(ValueError):
        if lowest <= (number := float(text)) <= highest:
            return number
    raise UnknownValue(parameter.name, text, [f"{lowest:g}–{highest:g} {parameter.unit}"])


def base_map(settings: Settings) -> BaseMap | None:
    """Return the base map that the operator has set, if any."""
    return BaseMap(settings.base_map_url, settings.base_map_attribution) if settings.base_map_url else None
