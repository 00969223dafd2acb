"""The eighteen LPG stations, two of them closed down this year (report 1.5.3)."""

from datetime import date
from typing import Any

import numpy as np
import shapely

from sample.areas import containing, outline
from sample.days import inspected, within
from sample.names import PLACES, pick
from sample.plane import Random, scatter, seeded, stored
from sample.rivers import network

CYLINDER_M3 = 0.0355  # a 15 kg cylinder (GB 51142-2015)
CLOSED = {7: date(2023, 6, 15), 13: date(2023, 8, 22)}
SUSPENDED = 10
TOO_NEAR, NEAR = (4,), (1, 15)  # stations with less than the required separation, and with hardly more
OPERATORS = ("福州安燃液化气有限公司", "榕城燃气有限公司", "闽江石油气公司", "南台液化气有限公司")

# the class of each station
CLASSES = tuple(f"{c}类" for c in "ⅠⅡⅡⅡⅠⅡⅢⅡⅡⅠⅡⅡⅡⅢⅠⅡⅠⅡ")
VOLUMES = {"Ⅰ类": (6.2, 19.6), "Ⅱ类": (1.3, 5.9), "Ⅲ类": (0.5, 0.98)}  # m3, within the bounds of 8.0.1


def required_m(volume: float) -> float | None:
    """Return the separation from important public buildings in metres: GB 51142-2015 table 8.0.4; none for class Ⅲ."""
    steps = ((10, 25.0), (6, 20.0), (3, 15.0), (1, 12.0))
    return next((metres for above, metres in steps if volume > above), None)


def records() -> list[dict[str, Any]]:
    """Return the stations as records of the layer gas_stations."""
    rng = seeded("gas stations")
    places = scatter(shapely.buffer(outline(), -400), len(CLASSES), rng, 2300, network())
    rows: list[dict[str, Any]] = []
    for i, (x, y) in enumerate(places):
        area = containing(x, y)
        free = [p for p in PLACES[area] if f"{p}液化气供应站" not in [r["name"] for r in rows]]
        row = {"code": f"RQ-{i + 1:03d}", "name": f"{pick(rng, free)}液化气供应站", "operator": pick(rng, OPERATORS)}
        row["address"] = f"{area}{row['name'].removesuffix('液化气供应站')}路{int(2 + 180 * rng.random())}号"
        rows.append(row | _store(i, rng) | _supervision(i, rng) | {"geom": stored(shapely.points(x, y))})
    return rows


def _store(i: int, rng: Random) -> dict[str, Any]:
    """Return the cylinder store and what lies around it."""
    low, high = VOLUMES[CLASSES[i]]
    cylinders = int((low + (high - low) * rng.random()) / CYLINDER_M3)
    required = required_m(cylinders * CYLINDER_M3)
    ratio = 0.9 if i in TOO_NEAR else 1.15 if i in NEAR else 1.3 + 3 * rng.random() ** 1.5
    stock = 0 if i in CLOSED else cylinders
    return {
        "station_class": CLASSES[i],
        "cylinders": float(stock),
        "volume_m3": round(stock * CYLINDER_M3, 4),
        "required_m": required,
        "separation_m": round((required or 8.0) * ratio, 1),
        "people": float(round({"Ⅰ类": 180, "Ⅱ类": 90, "Ⅲ类": 40}[CLASSES[i]] * np.exp(0.4 * rng.standard_normal()))),
    }


def _supervision(i: int, rng: Random) -> dict[str, Any]:
    """Return licence, last check and status."""
    valid = {"status": "正常", "licence": "有效", "licence_until": within(rng, date(2024, 3, 1), date(2026, 9, 30))}
    result = "有问题" if i in (1, 4, 8, 11, 16) else "合格"
    row = valid | {"checked_on": inspected(rng, 30, late=0.12), "check_result": result}
    if i == SUSPENDED:
        row |= {"status": "停业整顿", "check_result": "不合格"}
    if i in CLOSED:
        expired = within(rng, date(2023, 2, 1), date(2023, 5, 31))
        row |= {"status": "关停", "licence": "过期", "licence_until": expired, "closed_on": CLOSED[i]}
        row |= {"checked_on": CLOSED[i], "check_result": "不合格"}
    return row
