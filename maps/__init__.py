"""How it looks: data and sources in, a Folium map out. One map is one file."""

from maps._map import (
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
    registry,
)

__all__ = [
    "AlongFeatures",
    "AreaRisk",
    "BaseMap",
    "Features",
    "Map",
    "Names",
    "Parameter",
    "Request",
    "RiskFeatures",
    "Source",
    "Statistics",
    "View",
    "registry",
]
