"""The along map 沿线图: one line, downstream, and what lies beside it in the order in which one walks past it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layers import Label
from maps._map import AlongFeatures, Features, Layers, Map, Names, Parameter, Request, View
from maps._page import Sheet
from maps._parts import ground_requests, layer_options, legend_group, lines, put_ground, themes

WATERS = ("rivers",)


class AlongMap(Map):
    """One line feature with its corridor, and the hits numbered by chainage."""

    title = Label("沿线图", "Along a line")
    description = Label(
        "河道 (或其他线状设施) 沿线的隐患与设施, 按桩号排列", "What lies along a river or another line, by chainage"
    )
    rank = 30
    parameters = (
        Parameter("layer", Label("线图层", "Line layer"), "layer", "rivers"),
        Parameter("code", Label("编号", "Code"), "code"),
        Parameter("within", Label("距离", "Within"), "number", 200.0, 1, 5000, "m"),
        Parameter("layers", Label("目标图层", "Target layers"), "layers", ()),
    )

    def requests(self, layers: Layers, parameters: Mapping[str, Any]) -> Mapping[str, Request]:
        """Ask for the names to choose from; with a code, for that line and what lies along it."""
        layer, code = parameters["layer"], parameters.get("code")
        wanted = ground_requests(layers, WATERS) | {"names": Names(layer)}
        if code:
            quoted = code.replace("'", "''")
            wanted["line"] = Features(layer, f"code = '{quoted}'")
            wanted["hits"] = AlongFeatures(layer, code, parameters["within"], tuple(parameters["layers"]))
        return wanted

    def build(self, view: View) -> Sheet:
        """Draw the line, its corridor and the hits; without a code, the lines to choose from."""
        sheet, chosen = Sheet(self, view), view.parameters
        put_ground(sheet, WATERS)
        targets = [name for name in themes(view.layers) if name != chosen["layer"]]
        sheet.panel(
            "_along.html",
            names=view.data["names"],
            chosen=chosen,
            line_layers=[(name, layer.title.in_(view.language)) for name, layer in lines(view.layers).items()],
            targets=[(name, view.layers[name].title.in_(view.language)) for name in targets],
            within=next(p for p in self.parameters if p.name == "within"),
        )
        if "hits" not in view.data:
            return sheet
        hits = view.data["hits"]
        put = chosen["layers"] or targets
        options = {name: layer_options(view.layers[name], hits, view.language) for name in put}
        for name, described in options.items():
            sheet.legend.append(legend_group(name, described["title"], None, {}, {}))
        sheet.put(
            "along",
            {
                "line": layer_options(view.layers[chosen["layer"]], view.data["line"], view.language),
                "code": chosen["code"],
                "within": chosen["within"],
                "hits": {"source": options[put[0]]["source"] if put else {}},
                "layers": {name: {**described, "source": {}} for name, described in options.items()},
            },
        )
        return sheet
