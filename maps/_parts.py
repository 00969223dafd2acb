"""The parts that maps are made of: the ground (areas and water), a layer's features, and their legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from layers import LEVELS, Language, Layer, Ledger, RiskConfig, Role
from maps import _symbols
from maps._map import Features, Layers, Request, Source
from maps._page import Sheet

DISCLAIMER = (
    "辅助研判, 不替代法定判定",
    "This supports judgement; it replaces no legal finding",
)


def areas_of(layers: Layers) -> str:
    """Return the name of the layer of administrative areas."""
    return next(name for name, layer in layers.items() if layer.role is Role.AREAS)


def themes(layers: Layers) -> list[str]:
    """Return the names of the layers that stand on the ground, points before lines before areas."""
    order = {"line": 1, "area": 2}
    names = [name for name, layer in layers.items() if layer.placed and layer.role is not Role.AREAS]
    return sorted(names, key=lambda name: order.get(layers[name].symbol.shape, 0))


def ground_requests(layers: Layers, waters: Sequence[str] = ()) -> dict[str, Request]:
    """Ask for the areas and for the waters that exist, under the layers' names."""
    return {name: Features(name) for name in (areas_of(layers), *waters) if name in layers}


def put_ground(sheet: Sheet, waters: Sequence[str] = (), risk: Sequence[Mapping[str, Any]] = ()) -> None:
    """Draw base map, areas and waters. With `risk` (the areas' levels) the areas are coloured by it."""
    view = sheet.view
    if view.base_map:
        sheet.put("baseMap", {"url": view.base_map.url, "maxZoom": view.base_map.max_zoom})
    name = areas_of(view.layers)
    levels = _symbols.terms(LEVELS, view.language)
    options = layer_options(view.layers[name], view.data[name], view.language)
    sheet.put("areas", options | {"risk": list(risk), "levels": levels if risk else {}})
    sheet.ground += [("district", sheet.t("区界", "District boundary")), ("area", sheet.t("镇街界", "Area boundary"))]
    for water in waters:
        if water in view.data:
            sheet.put("water", layer_options(view.layers[water], view.data[water], view.language))
            sheet.ground.append(("water", view.layers[water].title.in_(view.language)))


def layer_options(layer: type[Layer], source: Source, language: Language) -> dict[str, Any]:
    """Return what the page's script needs to draw a layer's features and to open them."""
    given = {"url": source.url, "tiles": source.tiles, "features": source.features}
    return {
        "name": layer.__tablename__,
        "title": layer.title.in_(language),
        "isLedger": layer.role is Role.LEDGER,
        **_symbols.symbol(layer, language),
        "source": {key: value for key, value in given.items() if value is not None},
        "fields": _symbols.fields(layer, language),
    }


def put_layer(  # options of the script pass through
    sheet: Sheet,
    name: str,
    source: Source,
    *,
    note: str = "",
    **extra: Any,  # noqa: ANN401
) -> None:
    """Draw a layer's features by the terms of its symbol's field, with its group in the legend."""
    view = sheet.view
    hidden = settled(view.layers[name])
    options = layer_options(view.layers[name], source, view.language) | {"hidden": hidden} | extra
    sheet.put("layer", options)
    group = legend_group(name, options["title"], source.count, options["terms"], source.counts, note=note)
    sheet.legend.append(group | {"hidden": hidden})


def put_risk_layer(sheet: Sheet, name: str, source: Source) -> None:
    """Draw a layer's features by their risk: colour by level, size by score, hollow where too little is known."""
    view = sheet.view
    sheet.put(
        "layer",
        layer_options(view.layers[name], source, view.language)
        | {
            "field": "level",
            "worst": [],
            "terms": _symbols.terms(LEVELS, view.language),
            "sizeBy": {"field": "score", "most": 25, "power": 1},
            "hollow": {"field": "completeness", "below": RiskConfig().hatch_below},
            "trace": True,
        },
    )


def legend_group(
    layer: str,
    title: str,
    count: int | None,
    terms: Mapping[str, Mapping[str, str]],
    counts: Mapping[str, int],
    *,
    toggle: bool = True,
    note: str = "",
) -> dict[str, Any]:
    """Return one group of the legend. Terms that no feature has are left out."""
    shown = [
        {"code": code, "label": term["label"], "count": counts[code]}
        for code, term in terms.items()
        if counts.get(code)
    ]
    group = {"layer": layer, "title": title, "count": count, "terms": shown, "toggle": toggle, "note": note}
    return group | {"hidden": []}


def settled(layer: type[Layer]) -> list[str]:
    """Return the terms of a ledger's status that are settled: a map starts without them, and the legend has them."""
    if not issubclass(layer, Ledger) or layer.symbol.field != "status":
        return []
    vocabulary = layer.fields()["status"].vocabulary
    return [] if vocabulary is None else [code for code in vocabulary.codes if code not in layer.open_terms]


def lines(layers: Layers) -> dict[str, type[Layer]]:
    """Return the layers that are drawn as lines, by name."""
    return {name: layer for name, layer in layers.items() if layer.geometry == ("MultiLineString",)}
