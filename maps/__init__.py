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
from maps._page import inlined, with_nonce

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
    "inlined",
    "registry",
    "with_nonce",
]
