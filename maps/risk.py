"""The risk map 风险图: areas and assets in the four colours, each score open to its factors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from layers import LEVELS, Label
from maps import _symbols
from maps._map import AreaRisk, Layers, Map, Request, RiskFeatures, View
from maps._page import Sheet
from maps._parts import DISCLAIMER, ground_requests, legend_group, put_ground, put_risk_layer, themes

WATERS = ("rivers",)


class RiskMap(Map):
    """Areas by their level and rank, assets by level and score."""

    title = Label("风险图", "Risk map")
    description = Label("镇街与设施的风险等级", "Risk levels of areas and assets")
    rank = 20

    def requests(self, layers: Layers, parameters: Mapping[str, Any]) -> Mapping[str, Request]:  # noqa: ARG002
        """Ask for the areas' levels and for the scores of every layer that declares a risk."""
        scored = {f"risk:{n}": RiskFeatures(n) for n in themes(layers) if layers[n].risk}
        waters = [name for name in WATERS if f"risk:{name}" not in scored]
        return {**ground_requests(layers, waters), **scored, "areas:risk": AreaRisk()}

    def build(self, view: View) -> Sheet:
        """Draw the areas in pale colours and the assets over them."""
        sheet = Sheet(self, view)
        areas = view.data["areas:risk"]["areas"]
        put_ground(sheet, [name for name in WATERS if name in view.data], risk=areas)
        scored = [name for name in themes(view.layers) if f"risk:{name}" in view.data]
        sheet.panel("_risk.html", disclaimer=sheet.t(*DISCLAIMER), areas=areas, levels=LEVELS)
        counts: Counter[str] = Counter()
        for name in scored:
            counts.update(view.data[f"risk:{name}"].counts)
        levels = _symbols.terms(LEVELS, view.language)
        note = sheet.t(
            "符号越大得分越高; 空心 = 资料完整度低于60%", "Larger = higher score; hollow = under 60% of the data known"
        )
        title = sheet.t("设施风险等级", "Level of assets")
        sheet.legend.append(legend_group("*", title, None, levels, counts, toggle=False, note=note))
        # lines first: what is put later is drawn over it
        for name in scored:
            source = view.data[f"risk:{name}"]
            put_risk_layer(sheet, name, source)
            sheet.legend.append(legend_group(name, view.layers[name].title.in_(view.language), source.count, {}, {}))
        sheet.put("areaRisk", {"areas": areas})
        return sheet
