"""The status map 现状图: every layer by its own state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layers import Label
from maps._map import Features, Layers, Map, Request, View
from maps._page import Sheet
from maps._parts import areas_of, lines, put_ground, put_layer, themes


class StatusMap(Map):
    """Every layer, coloured by the terms of its symbol's field."""

    title = Label("现状图", "Status map")
    description = Label("各类设施、项目与隐患的现状", "The state of every asset, project and hazard")
    rank = 10

    def requests(self, layers: Layers, parameters: Mapping[str, Any]) -> Mapping[str, Request]:  # noqa: ARG002
        """Ask for all features of all layers."""
        return {name: Features(name) for name in (areas_of(layers), *themes(layers))}

    def build(self, view: View) -> Sheet:
        """Draw the layers over the areas."""
        sheet = Sheet(self, view)
        put_ground(sheet)
        for name in themes(view.layers):
            put_layer(sheet, name, view.data[name], links=self._links(name, view))
        return sheet

    def _links(self, layer: str, view: View) -> list[dict[str, str]]:
        """Return what a popup leads to: from a line, to what lies along it."""
        if layer not in lines(view.layers):
            return []
        label = Label("沿线隐患与设施", "What lies along it").in_(view.language)
        return [{"label": label, "href": f"/maps/along?lang={view.language}&layer={layer}&code={{code}}"}]
