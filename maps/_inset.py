"""A small map on a page of text: one layer over the areas, drawn by the same scripts as the maps."""

from __future__ import annotations

from typing import Any

from layers import Language, Layer, registry
from maps import _symbols
from maps._map import BaseMap, Source
from maps._parts import areas_of, layer_options


def inset(
    layer: type[Layer],
    source: Source,
    ground: Source,
    bounds: tuple[float, float, float, float],
    *,
    language: Language,
    base_map: BaseMap | None = None,
    **extra: Any,  # noqa: ANN401 - options of the script pass through
) -> dict[str, Any]:
    """Return what the page's script draws a small map from; `ground` is where it reads the areas."""
    west, south, east, north = bounds
    layers = registry()
    return {
        "sheet": {
            "language": language,
            "root": "",
            "map": "status",
            "bounds": [[south, west], [north, east]],
            "area": "",
            "records": [_symbols.record(one, language) for one in layers.values() if not one.placed],
        },
        "base": {"url": base_map.url, "maxZoom": base_map.max_zoom} if base_map else None,
        "areas": layer_options(layers[areas_of(layers)], ground, language) | {"risk": [], "levels": {}},
        "layer": layer_options(layer, source, language) | extra,
    }
