"""The bridges: where roads cross rivers; the five of grade D and the nine rural ones (report 1.3.4)."""

from datetime import date
from functools import cache
from typing import Any

import numpy as np
import shapely
from shapely.ops import nearest_points

from sample.days import inspected, within
from sample.names import AGENCIES, pick, weighted
from sample.plane import Array, Random, joined, seeded, smooth, stored
from sample.rivers import codes, lines, network

APART = 560.0  # metres between two bridges: the minor crossings between are culverts

# road, class, the points that it passes, in km
ROADS = (
    ("三环路", "快速路", ((5.4, 12.9), (5.6, 10.5), (7.0, 8.2), (9.3, 6.4), (12.4, 5.6), (15.4, 6.1), (17.2, 7.6),
                          (17.6, 9.3))),
    ("南二环路", "快速路", ((8.3, 11.2), (8.7, 9.6), (9.6, 7.9), (11.6, 7.2), (13.7, 7.0), (14.9, 8.6), (15.0, 10.6))),
    ("金山大道", "主干路", ((3.9, 14.2), (4.6, 12.2), (5.6, 10.9), (7.2, 10.3), (9.0, 9.8))),
    ("浦上大道", "主干路", ((3.4, 10.9), (5.0, 10.2), (6.9, 9.4), (8.9, 8.9), (10.3, 8.6))),
    ("南江滨西大道", "主干路", ((1.2, 15.9), (2.3, 15.8), (3.4, 14.7), (4.5, 13.1), (6.0, 11.7), (7.7, 11.0),
                                (9.3, 10.7), (10.4, 10.4), (11.7, 9.95))),
    ("南江滨东大道", "主干路", ((11.7, 9.95), (13.0, 9.8), (14.4, 10.2), (15.6, 10.4), (16.5, 9.8), (17.6, 8.5),
                                (19.1, 7.3), (20.5, 6.2), (21.3, 5.0))),
    ("福峡路", "主干路", ((12.2, 9.8), (12.4, 8.4), (13.2, 7.2), (15.0, 5.4), (17.0, 3.9), (18.3, 3.0))),
    ("则徐大道", "主干路", ((11.3, 10.0), (11.9, 8.6), (12.0, 7.2), (12.4, 5.4), (13.0, 3.4), (13.5, 1.2))),
    ("连江南路", "主干路", ((13.6, 10.0), (13.6, 9.0), (13.3, 7.9), (13.9, 6.4), (14.0, 4.4), (14.6, 1.8))),
    ("城门大道", "主干路", ((13.5, 8.2), (15.7, 7.0), (17.4, 6.3), (19.2, 5.4), (21.0, 4.6))),
    ("盖山路", "次干路", ((6.2, 7.4), (8.0, 5.9), (10.0, 5.0), (12.4, 4.6), (14.9, 4.2))),
    ("齐安路", "次干路", ((9.4, 4.0), (10.6, 4.2), (12.0, 3.7), (14.2, 2.6), (15.6, 2.2))),
    ("上三路", "次干路", ((9.2, 10.9), (9.9, 9.4), (10.4, 8.2), (10.9, 7.0), (10.6, 5.2), (10.2, 3.4))),
    ("建新北路", "次干路", ((1.6, 15.4), (2.5, 13.6), (3.4, 12.0), (4.0, 10.4), (5.0, 8.6), (6.3, 6.9))),
    ("林浦路", "支路", ((16.2, 9.9), (16.9, 8.4), (17.0, 6.6), (16.5, 4.4), (16.5, 2.4))),
    ("潘墩路", "支路", ((14.2, 9.7), (15.2, 8.9), (16.2, 8.5))),
    ("螺洲路", "支路", ((12.4, 1.9), (13.6, 1.6), (15.0, 1.6))),
)  # fmt: skip

# the five of grade D at the start of the year: road, work, its first and last day, cost in 万元, place in km
GRADE_D = (
    ("高仕路", "完工", date(2023, 3, 6), date(2023, 8, 25), 486.0, (10.6, 6.2)),
    ("榕港路", "完工", date(2023, 4, 10), date(2023, 9, 28), 352.5, (7.4, 9.7)),
    ("金环路", "进场施工", date(2023, 9, 4), None, 418.0, (5.6, 9.8)),
    ("油脂路", "进场施工", date(2023, 9, 18), None, 297.0, (12.9, 8.3)),
    ("百花洲路", "计划", date(2023, 11, 3), None, 265.0, (14.2, 8.7)),
)

# name, road, place in km
RURAL = (
    ("绍岐村桥", "乡道浚下线", (18.1, 7.9)),
    ("下洋村桥", "乡道浚下线", (19.9, 5.9)),
    ("梁厝村桥", "村道梁厝线", (18.3, 5.3)),
    ("清凉山村桥", "村道清凉山线", (17.2, 4.0)),
    ("龙江村桥", "村道龙江线", (16.6, 2.3)),
    ("杜园村桥", "村道杜园线", (13.0, 2.3)),
    ("店前村桥", "村道店前线", (14.7, 0.9)),
    ("义序村桥", "村道义序线", (11.0, 3.2)),
    ("淮安村桥", "村道淮安线", (2.2, 14.2)),
)


def _snapped(place: tuple[float, float]) -> tuple[Array, str]:
    """Return the point of a river that is nearest to a place in km, and the river's name."""
    point = nearest_points(network(), shapely.points(np.array(place) * 1000))[0]
    name = min(lines(), key=lambda n: shapely.MultiLineString(lines()[n]).distance(point))
    return np.array([point.x, point.y]), name


@cache
def crossings() -> list[tuple[Array, str, str, str]]:
    """Return where roads cross rivers: point on the plane, road, its class, river; not closer than `APART`."""
    taken = [_snapped(b[-1])[0] for b in (*GRADE_D, *RURAL)]
    found = []
    for road, importance, points in ROADS:
        way = shapely.linestrings(joined(smooth(np.array(points) * 1000, 25.0)))
        for river, parts in lines().items():
            cuts = shapely.get_coordinates(shapely.intersection(way, shapely.MultiLineString(parts)))
            for cut in cuts:
                if np.hypot(*(np.array(taken) - cut).T).min() > APART:
                    taken.append(cut)
                    found.append((cut, road, importance, river))
    return found


def records() -> list[dict[str, Any]]:
    """Return the bridges as records of the layer bridges."""
    rng = seeded("bridges")
    rows = [_grade_d(bridge, rng) for bridge in GRADE_D] + [_rural(bridge, rng) for bridge in RURAL]
    names: dict[str, int] = {}
    for point, road, importance, river in crossings():
        name = f"{road}{river}"
        names[name] = names.get(name, 0) + 1
        number = "" if names[name] == 1 else f"{names[name]}号"
        rows.append(_urban(f"{name}{number}桥", road, importance, (point, river), rng))
    for i, row in enumerate(rows, 1):
        row["code"] = f"QL-{i:03d}"
        row["geom"] = stored(shapely.points(row["geom"]))
    return rows


def _bridge(name: str, road: str, crossing: tuple[Array, str], rng: Random) -> dict[str, Any]:
    """Return what every bridge has; it crosses a river at a point of the plane."""
    point, river = crossing
    return {
        "name": name, "road": road, "river_code": codes()[river], "geom": point, "kind": "城市", "status": "通行",
        "agency": pick(rng, AGENCIES), "span_m": float(round(14 + 40 * rng.random() ** 2)),
        "built_year": float(1986 + int(34 * rng.random())), "work": "无",
    }  # fmt: skip


def _urban(name: str, road: str, importance: str, crossing: tuple[Array, str], rng: Random) -> dict[str, Any]:
    grade = weighted(rng, {"A": 22, "B": 22, "C": 7})
    heavy = {"快速路": "较大", "主干路": weighted(rng, {"较大": 3, "一般": 2})}.get(importance, "一般")
    return _bridge(name, road, crossing, rng) | {
        "importance": importance,
        "grade": grade,
        "grade_at_start": grade,
        "bci": round({"A": 90.0, "B": 80.0, "C": 66.0}[grade] + rng.random() * 9, 1),
        "assessed_on": inspected(rng, 300, late=0.0),
        "owner": "市管" if importance == "快速路" else "区管",
        "traffic": heavy,
        "people": float(round({"快速路": 150, "主干路": 90}.get(importance, 30) * np.exp(0.5 * rng.standard_normal()))),
    }


def _grade_d(bridge: tuple[Any, ...], rng: Random) -> dict[str, Any]:
    road, work, start, end, cost, place = bridge
    repaired = work == "完工"
    return _bridge(f"{road}桥", road, _snapped(place), rng) | {
        "importance": "次干路" if road == "金环路" else "支路",
        "grade": "B" if repaired else "D",
        "grade_at_start": "D",
        "bci": round((82 if repaired else 54) + 6 * rng.random(), 1),
        "assessed_on": within(rng, end, date(2023, 10, 20))
        if repaired
        else within(rng, date(2023, 1, 9), date(2023, 3, 1)),
        "status": {"完工": "通行", "进场施工": "封闭", "计划": "限载"}[work],
        "load_limit_t": 10.0 if work == "计划" else None,
        "built_year": float(1979 + int(12 * rng.random())),
        "owner": "区管",
        "traffic": "一般",
        "people": float(40 + int(50 * rng.random())),
        "work": work,
        "work_start": start,
        "work_end": end,
        "cost": cost,
    }


def _rural(bridge: tuple[str, str, tuple[float, float]], rng: Random) -> dict[str, Any]:
    name, road, place = bridge
    grade = weighted(rng, {"1类": 2, "2类": 5, "3类": 2})
    return _bridge(name, road, _snapped(place), rng) | {
        "kind": "农村",
        "importance": "支路",
        "grade": grade,
        "grade_at_start": grade,
        "assessed_on": within(rng, date(2023, 5, 8), date(2023, 9, 22)),
        "span_m": float(round(8 + 14 * rng.random())),
        "owner": "镇管",
        "traffic": "一般",
        "people": float(5 + int(30 * rng.random())),
    }
