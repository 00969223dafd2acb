"""The 55 rivers: 53 open ones, 120 km in all, and 胪厦溪 and 浦口河 under remediation (report 1.2.1)."""

from functools import cache
from typing import Any

import numpy as np
import shapely

from sample.areas import containing
from sample.days import inspected
from sample.names import RIVERS, person, weighted
from sample.plane import Array, Random, seeded, stored
from sample.waters import courses, main_lines, spring_for, tributary

UNDER_WORK = ("胪厦溪", "浦口河")
OPEN_KM = 120.0
REPORTED = {"流花溪": (7.7, 10.0), "浦下河": (15.7, 9.1), "胪厦溪": (12.8, 4.0), "浦口河": (17.4, 6.9)}
"""The rivers that the report names, and about where they run, in km."""
LIGHT_ODOUR = ("胪厦溪", "浦口河", "竹榄河", "樟岚河")
LATE_SAMPLES = ("洪湾河", "石步河", "吴山河")


@cache
def lines() -> dict[str, list[Array]]:
    """Return the lines of each river on the plane by name: (n x 2) in metres, downstream, the main one first."""
    names = _names([shapely.linestrings(line) for line in main_lines()])
    spring = spring_for([i for i, name in enumerate(names) if name not in UNDER_WORK], OPEN_KM)
    return dict(zip(names, courses(spring), strict=True))


def _names(mains: list[Any]) -> list[str]:
    """Name rivers by their main lines: those of the report by their place, the others after their sub-district."""
    names = {}
    for name, place in REPORTED.items():
        at = shapely.points(np.array(place) * 1000)
        names[min(range(len(mains)), key=lambda i: mains[i].distance(at))] = name
    free = {area: list(pool) for area, pool in RIVERS.items()}
    for i in sorted(set(range(len(mains))) - set(names), key=lambda i: -mains[i].length):
        middle = shapely.line_interpolate_point(mains[i], 0.5, normalized=True)
        names[i] = free[containing(middle.x, middle.y)].pop(0)
    return [names[i] for i in range(len(mains))]


@cache
def network() -> Any:  # noqa: ANN401 - a shapely MultiLineString
    """Return all rivers on the plane as one geometry."""
    return shapely.MultiLineString([line for parts in lines().values() for line in parts])


@cache
def codes() -> dict[str, str]:
    """Return the code of each river by its name."""
    return {name: f"HD-{i:03d}" for i, name in enumerate(lines(), 1)}


def records() -> list[dict[str, Any]]:
    """Return the rivers as records of the layer rivers."""
    rng = seeded("rivers")
    rows = []
    for (name, parts), joins in zip(lines().items(), tributary(), strict=True):
        length = shapely.MultiLineString(parts).length
        importance = "支流" if joins else "主干" if length > 3200 else "次干"
        rows.append({"code": codes()[name], "name": name, "importance": importance, **_about(name, importance, rng)})
        rows[-1]["catchment"] = _catchment(parts)
        rows[-1]["geom"] = stored(shapely.MultiLineString(parts))
    return rows


def _about(name: str, importance: str, rng: Random) -> dict[str, Any]:
    wide = {"主干": 20.0, "次干": 12.0, "支流": 6.0}[importance]
    people = {"主干": 260, "次干": 120, "支流": 50}[importance]
    open_now = name not in UNDER_WORK
    sampled = inspected(rng, 90, late=0.0)
    return {
        "status": "建成开放" if open_now else "整治中",
        "width_m": float(round(wide * (0.8 + 0.8 * rng.random()))),
        "mgmt_width_m": {"主干": 15.0, "次干": 10.0, "支流": 8.0}[importance],
        "water_grade": weighted(rng, {"Ⅲ": 14, "Ⅳ": 24, "Ⅴ": 12}) if name not in LIGHT_ODOUR else "劣Ⅴ",
        "black_odour": "轻度" if name in LIGHT_ODOUR else "正常",
        "sampled_on": None if name == "谢坑溪" else inspected(rng, 90, late=1.0) if name in LATE_SAMPLES else sampled,
        "interception": weighted(rng, {"已完成": 47, "未截污": 6}) if open_now else "临时截污",
        "chief": person(rng),
        "people": float(round(people * np.exp(0.5 * rng.standard_normal()))),
    }


def _catchment(parts: list[Array]) -> str:
    """Tell which arm of the Min river the water flows to: north of the line from cape to cape, or south of it."""
    x, y = parts[0][-1]
    return "闽江北港水系" if y > 15_600 - 0.52 * x else "乌龙江水系"
