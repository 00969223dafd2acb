"""Inspections of what is no layer yet, each at a place of its own: restaurants, lighting, parcel outlets, the ferry.

Lighting: 305 人次. Parcels: 44 家次 and 82 人次. The ferry: 11 times (report 1.2.4, 1.5.4).
"""

from collections.abc import Iterator
from datetime import date, timedelta

import shapely

from sample.areas import containing, outline, sub_districts
from sample.days import within
from sample.money import spread
from sample.names import PLACES, person, pick, weighted
from sample.past import Row
from sample.plane import Random, scatter, seeded, stored

PASSED, FINDINGS, FAILED = "合格", "发现问题", "不合格"
RESTAURANTS = 44
LIGHTING_PEOPLE, LIGHTING_SITES, LIGHTING_ROUNDS = 305, 18, 4
PARCEL_PEOPLE, PARCEL_VISITS, PARCEL_ROUNDS = 82, 44, 31
FERRY_ON = {
    date(2023, 1, 18): "春节前",
    date(2023, 3, 9): "观音诞前",
    date(2023, 4, 28): "五一前",
    date(2023, 5, 17): "",
    date(2023, 6, 21): "端午前",
    date(2023, 7, 19): "",
    date(2023, 8, 4): "观音诞前",
    date(2023, 8, 30): "",
    date(2023, 9, 28): "中秋国庆前",
    date(2023, 10, 3): "国庆期间",
    date(2023, 10, 26): "",
}
"""Before days of crowds, and between. 观音诞, of the 2nd and 6th lunar month, was on 10 March and 5 August 2023."""


def restaurants(rng: Random) -> Iterator[Row]:
    """Yield joint checks of restaurants that use bottled gas."""
    for i, (x, y) in enumerate(scatter(shapely.buffer(outline(), -300), RESTAURANTS, rng, 900), 1):
        result = weighted(rng, {FINDINGS: 4, FAILED: 1, PASSED: 2})
        yield _outing("燃气", "联合执法", within(rng, date(2023, 2, 6), date(2023, 10, 27)), (x, y), rng) | {
            "name": f"{pick(rng, PLACES[containing(x, y)])}餐饮场所用气检查{i}",
            "visits": 1.0,
            "result": result,
            "hazards_found": 0.0,
            "agency": "区建设局燃气办",
            "note": "餐饮场所瓶装液化气使用情况检查",
        }


def lighting(rng: Random) -> list[Row]:
    """Patrol the lit banks and houses, each several times."""
    rows = []
    places = scatter(shapely.buffer(outline(), -250), LIGHTING_SITES, rng, 1400)
    for turn in range(LIGHTING_ROUNDS):
        for i, (x, y) in enumerate(places):
            on = date(2023, 2, 8) + timedelta(days=62 * turn + 3 * i)
            village = pick(seeded(f"lighting {i}"), PLACES[containing(x, y)])
            finds = rng.random() < 0.6
            rows.append(
                _outing("夜景", "日常巡查", on, (x, y), rng)
                | {
                    "name": f"{village}夜景设施巡查（{on.month}月{on.day}日）",
                    "result": FINDINGS if finds else PASSED,
                    "hazards_found": float(1 + int(20 * rng.random())) if finds else 0.0,
                    "agency": "夜景养护公司",
                }
            )
    for row, sent in zip(rows, spread(LIGHTING_PEOPLE, len(rows), 2, 9, rng), strict=True):
        row["person_times"] = sent
    return rows


def parcels(rng: Random) -> Iterator[Row]:
    """Yield checks of parcel firms: one or several premises on a day."""
    places = scatter(shapely.buffer(outline(), -300), PARCEL_ROUNDS, rng, 1200)
    visits = spread(PARCEL_VISITS, PARCEL_ROUNDS, 1, 3, rng)
    people = spread(PARCEL_PEOPLE, PARCEL_ROUNDS, 2, 5, rng)
    for i, (x, y) in enumerate(places):
        finds = rng.random() < 0.3
        kind = weighted(rng, {"专项检查": 3, "联合执法": 1})
        yield _outing("快递", kind, within(rng, date(2023, 1, 10), date(2023, 10, 26)), (x, y), rng) | {
            "name": f"{containing(x, y)}快递网点安全检查{i + 1}",
            "visits": visits[i],
            "person_times": people[i],
            "result": FINDINGS if finds else PASSED,
            "hazards_found": float(1 + int(3 * rng.random())) if finds else 0.0,
            "agency": "区建设局邮政专班",
        }


def ferry(rng: Random) -> Iterator[Row]:
    """Yield the checks of the ferry on the upper arm of the river."""
    bank = shapely.buffer(sub_districts()["建新镇"], -60)
    (x, y), _ = shapely.get_coordinates(shapely.shortest_line(bank, shapely.points(900, 13_000)))
    for on, occasion in FERRY_ON.items():
        yield _outing("渡口", "节假日检查" if occasion else "专项检查", on, (x, y), rng) | {
            "name": f"金山寺渡口{occasion}安全检查（{on.month}月{on.day}日）",
            "visits": 1.0,
            "person_times": float(3 + int(4 * rng.random())),
            "result": PASSED,
            "hazards_found": 0.0,
            "agency": "区建设局、建新镇船管站、市湾边海事处",
        }


def _outing(business: str, kind: str, on: date, at: tuple[float, float], rng: Random) -> Row:
    """Return what every one of them has; `at` is a point of the plane."""
    place = stored(shapely.points(at))
    return {"business": business, "kind": kind, "inspected_on": on, "inspector": person(rng), "geom": place}
