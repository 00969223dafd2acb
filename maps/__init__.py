"""How it looks: data and sources in, a Folium map out. One map is one file."""

from maps._inset import inset
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
from maps._page import SCRIPTS, inlined, with_nonce

__all__ = [
    "SCRIPTS",
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
    "inset",
    "registry",
    "with_nonce",
]
