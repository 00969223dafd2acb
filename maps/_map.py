"""The contract of a map: what it asks for, what it is given, and the discovery of the files.

A map is one file of this package: a subclass of `Map`. It declares the data it wants (`requests`) and draws what it is
given (`build`). It opens no database, calls no service and reads no clock: `gis_service.publish` does all of that.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import folium
from markupsafe import Markup

from layers import Label, Language, Layer

Layers = Mapping[str, type[Layer]]


@dataclass(frozen=True)
class Features:
    """Ask for the features of a layer, all of them or those that a CQL2 text keeps. Given as a `Source`."""

    layer: str
    filter: str = ""


@dataclass(frozen=True)
class RiskFeatures:
    """Ask for the features of a layer with `score` (1-25), `level` (红橙黄蓝) and `completeness` (0-1).

    Given as a `Source` whose counts are by level.
    """

    layer: str


@dataclass(frozen=True)
class AlongFeatures:
    """Ask for what lies within `within` metres of one line feature, in chainage order.

    `layers` are the target layers, () for every layer but the line's own. Given as a `Source` that counts nothing: how
    many there are is known when all are found.
    Each feature has layer, code, name, term (of its layer's symbol field), distance_m, chainage_m, chainage (K1+234),
    side (left, right, on), part and why (a list of sentences).
    """

    layer: str
    code: str
    within: float
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Names:
    """Ask for the codes and names of a layer's features, to choose from. Given as `[{"code", "name"}, ...]`."""

    layer: str
    limit: int = 500


@dataclass(frozen=True)
class Statistics:
    """Ask for a layer's statistics per area. Given as the API's document: layer, as_of, rows, outside, total."""

    layer: str
    group: tuple[str, ...] = ()
    measures: tuple[str, ...] = ("count",)
    filter: str = ""


@dataclass(frozen=True)
class AreaRisk:
    """Ask for the areas' risk. Given as the API's document.

    `{"areas": [{"area_code", "area", "level", "score", "rank", "assets", "counts": {level: number}}]}`.
    """


Request = Features | RiskFeatures | AlongFeatures | Names | Statistics | AreaRisk


@dataclass(frozen=True)
class Source:
    """Where a layer's features come from: exactly one of a GeoJSON address, a vector tile template, or themselves.

    `tiles` is a template with {z}, {x}, {y} whose MVT layer bears the layer's name and carries code, name, the symbol's
    field (and score, level, completeness for risk). `features` is a GeoJSON FeatureCollection, for a map saved to a
    file. All coordinates are longitude, latitude in degrees. `counts` are by term of the symbol's field, unless the
    request says otherwise.
    """

    url: str | None = None
    tiles: str | None = None
    features: Mapping[str, Any] | None = None
    count: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BaseMap:
    """A background of image tiles: XYZ template, attribution as plain text, and its 审图号 where it has one."""

    url: str
    attribution: str = ""
    approval: str = ""
    max_zoom: int = 18


@dataclass(frozen=True)
class View:
    """Everything that one drawing of a map is given.

    `bounds` are west, south, east, north in degrees, of the area where one is chosen. `data` answers the map's requests
    under the same keys. `root` is the path under which the service answers ("" at its root); it is None in a saved
    file, which then links to nothing. `account` says in the masthead who is signed in, and `token` is what the pages of
    her session send along when they write; a saved file has neither.
    """

    language: Language
    district: Label
    illustrative: bool
    as_of: date
    bounds: tuple[float, float, float, float]
    layers: Layers
    data: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    area: Label | None = None
    area_code: str = ""
    base_map: BaseMap | None = None
    root: str | None = ""
    account: Markup | None = None
    token: str = ""


@dataclass(frozen=True)
class Parameter:
    """One thing a reader may choose, beside the language, area and day that every map has.

    `layer` is the name of a layer drawn as lines, `layers` a comma-separated list of layer names, `code` the code of a
    feature of the layer chosen, `number` a number between `minimum` and `maximum` (both inclusive).
    """

    name: str
    label: Label
    kind: Literal["layer", "layers", "code", "number"]
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""


class Map(ABC):
    """The base of every map. Its name is its file's name; `rank` is its place in menus, the lower the earlier."""

    title: ClassVar[Label]
    description: ClassVar[Label]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    rank: ClassVar[int] = 100

    @property
    def name(self) -> str:
        """The file's name, under which the map is served."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def requests(self, layers: Layers, parameters: Mapping[str, Any]) -> Mapping[str, Request]:
        """Say what data the map wants, each under a key of its own choice."""

    @abstractmethod
    def build(self, view: View) -> folium.Map:
        """Draw the view. `map.get_root().render()` is the page."""


@cache
def registry() -> Mapping[str, Map]:
    """Import every file of this package and return its maps by name, in the order of their ranks."""
    package = importlib.import_module("maps")
    found: dict[str, Map] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            declared = importlib.import_module(f"maps.{module.name}")
            kinds = [c for c in vars(declared).values() if isinstance(c, type) and issubclass(c, Map) and c is not Map]
            if len(kinds) != 1:
                raise TypeError(f"maps/{module.name}.py declares {len(kinds)} maps; one file is one map")
            found[module.name] = kinds[0]()
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[1].rank, item[0]))))
