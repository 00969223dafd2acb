"""The projects map 项目图: sites by state, sized by investment, with the money of each programme.

Programmes overlap: their figures stand side by side and are never added to each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from layers import Label, Ratio
from maps._map import Features, Layers, Map, Request, Statistics, View
from maps._page import Sheet
from maps._parts import ground_requests, put_ground, put_layer

LAYER, PROGRAMME = "project_sites", "programme"
WATERS = ("rivers",)


class ProjectsMap(Map):
    """Project sites, and planned and done investment per programme and area."""

    title = Label("项目图", "Projects")
    description = Label("项目状态、投资与形象进度", "State, investment and progress of project sites")
    rank = 40

    def requests(self, layers: Layers, parameters: Mapping[str, Any]) -> Mapping[str, Request]:  # noqa: ARG002
        """Ask for the sites, and for every measure of theirs per programme and area."""
        return {
            **ground_requests(layers, WATERS),
            LAYER: Features(LAYER),
            "money": Statistics(LAYER, (PROGRAMME,), layers[LAYER].measure_names()),
        }

    def build(self, view: View) -> Sheet:
        """Draw the sites and put the money beside them."""
        sheet = Sheet(self, view)
        put_ground(sheet, WATERS)
        sheet.panel("_projects.html", programmes=programmes(view))
        size = {"field": "total_investment", "most": 200_000, "power": 0.5}
        note = sheet.t("符号面积随总投资增大", "Area of the symbol grows with the total investment")
        put_layer(sheet, LAYER, view.data[LAYER], note=note, sizeBy=size, bar="progress")
        return sheet


def programmes(view: View) -> list[dict[str, Any]]:
    """Return each programme with its sums over areas and outside, its ratios with their base, and its areas' sums."""
    layer, money = view.layers[LAYER], view.data["money"]
    vocabulary = layer.fields()[PROGRAMME].vocabulary
    assert vocabulary is not None
    sums = ("count", *(m.name for m in layer.measures if not isinstance(m, Ratio)))
    ratios = [m for m in layer.measures if isinstance(m, Ratio)]
    rows: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    outside = Label("区外", "Outside").in_(view.language)
    for row in [*money["rows"], *({**r, "area": outside} for r in money["outside"])]:
        rows[row["group"][PROGRAMME]][row["area"]] = {name: row.get(name) or 0 for name in sums}
    found = []
    for term in vocabulary:
        areas = rows.get(term.code, {})
        total = {name: sum(area[name] for area in areas.values()) for name in sums}
        if not total["count"]:
            continue
        shares = [
            {
                "label": r.label.in_(view.language),
                "base": r.base.in_(view.language),
                "value": 100 * total[r.numerator] / total[r.denominator],
            }
            for r in ratios
            if total[r.denominator]
        ]
        found.append(
            {
                "label": term.label.in_(view.language),
                "total": total,
                "sums": [(m.label.in_(view.language), total[m.name]) for m in layer.measures if m.name in total],
                "shares": shares,
                "areas": {name: area for name, area in areas.items() if area["count"]},
            }
        )
    return found
