"""The ledger of hazards: 260, on rivers, bridges, stations, sites and old houses, and some on their own.

Every loop is in order: found, issued, rectified, verified, closed, as far as its status says. On 2023-10-31 most are
closed, some open in time, some overdue; none is on a rural bridge (report 1.3.4).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import shapely

from sample.areas import containing, outline
from sample.days import CLOCK, within
from sample.hazard_kinds import OWN, PROBLEMS, Problem
from sample.names import PLACES, pick
from sample.plane import Array, Random, on_plane, scatter, seeded, stored

Row = dict[str, Any]

COUNTS = {"rivers": 72, "bridges": 30, "gas_stations": 38, "project_sites": 82, "heritage_buildings": 28}
NEAR = {"rivers": 26.0, "bridges": 9.0, "gas_stations": 12.0, "project_sites": 30.0, "heritage_buildings": 8.0}
"""How far from its subject a hazard may lie, in metres (along each axis)."""

STATUSES = {"登记": 5, "交办": 11, "整改中": 26, "整改完成": 16, "复查": 14}
"""How many are not yet closed; the others are 销号."""
OVERDUE = 9
"""How many of 交办 and 整改中 have missed their deadline."""

# major hazards that are open: they are what the risk map shows in red
MAJOR_OPEN = {
    ("bridges", "百花洲路桥"): "支座脱空",
    ("gas_stations", "RQ-005"): "实瓶超量存放",
    ("project_sites", "地铁4号线仓山段"): "基坑监测超预警",
}
MAJOR_CLOSED = 5
DAYS_GIVEN = {"一般": (7, 15, 15, 30), "重大": (45, 60)}
AT_REST = {"status": ("完工", "前期", "关停"), "kind": ("农村",)}


@dataclass
class _Case:
    """One hazard in the making."""

    layer: str | None
    subject: Row | None
    problem: Problem
    at: Array
    status: str = "销号"
    level: str = "一般"
    overdue: bool = False


def records(subjects: dict[str, list[Row]]) -> list[Row]:
    """Return the hazards as records of the layer hazards; `subjects` are the records of the other layers by name."""
    rng = seeded("hazards")
    cases = [case for layer, count in COUNTS.items() for case in _cases(layer, subjects[layer], count, rng)]
    cases += _own(rng)
    _statuses(cases, rng)
    order = np.argsort(rng.random(len(cases)), kind="stable").tolist()
    rows = sorted((_row(cases[i], rng) for i in order), key=lambda row: row["found_on"])
    return [row | {"code": f"YH-{i:03d}"} for i, row in enumerate(rows, 1)]


def _cases(layer: str, subjects: list[Row], count: int, rng: Random) -> list[_Case]:
    """Find hazards on the features of one layer: no two of a kind on one feature, none on a rural bridge."""
    possible = [s for s in subjects if s.get("kind") != "农村" and s.get("status") != "前期"]
    weights = np.array([s["geom"].length if layer == "rivers" else 1.0 for s in possible]) ** 0.7
    cases = []
    used: set[tuple[str, str]] = set()
    for (major_layer, which), problem in MAJOR_OPEN.items():
        if major_layer == layer:
            subject = next(s for s in possible if which in (s["code"], s["name"]))
            found = next(p for p in PROBLEMS[layer] if p[0] == problem)
            used.add((subject["code"], problem))
            cases.append(_Case(layer, subject, found, _place(layer, subject, rng), "整改中", "重大"))
    while len(cases) < count:
        subject = possible[int(np.searchsorted(weights.cumsum(), rng.random() * weights.sum()))]
        found = PROBLEMS[layer][int(rng.random() * len(PROBLEMS[layer]))]
        if (subject["code"], found[0]) not in used:
            used.add((subject["code"], found[0]))
            cases.append(_Case(layer, subject, found, _place(layer, subject, rng)))
    return cases


def _place(layer: str, subject: Row, rng: Random) -> Array:
    """Return a point near the subject: on a river's bank, beside a bridge, at a site."""
    shape = on_plane(subject["geom"])
    if layer == "rivers":
        line = max(shapely.get_parts(shape), key=lambda part: part.length)
        at = shapely.line_interpolate_point(line, 0.03 + 0.94 * rng.random(), normalized=True)
    else:
        at = shapely.centroid(shape)
    return np.asarray(shapely.get_coordinates(at)[0]) + (2 * rng.random(2) - 1) * NEAR[layer]


def _own(rng: Random) -> list[_Case]:
    places = scatter(shapely.buffer(outline(), -200), len(OWN), rng, 1500)
    return [_Case(None, None, problem, at) for problem, at in zip(OWN, places, strict=True)]


def _statuses(cases: list[_Case], rng: Random) -> None:
    """Say which are still open: on features in use only, at most two on one, and how many are overdue."""
    live = [c for c in cases if c.level == "一般" and not _at_rest(c.subject)]
    order = np.argsort(rng.random(len(live)), kind="stable").tolist()
    words = [word for word, count in STATUSES.items() for _ in range(count)]
    on_subject: Counter[str] = Counter()
    overdue = OVERDUE
    for case in (live[i] for i in order):
        subject = case.subject["code"] if case.subject else case.problem[0]
        if words and on_subject[subject] < (2 if words[-1] in ("整改完成", "复查") else 1):
            case.status = words.pop()
            on_subject[subject] += 1
            case.overdue = case.status in ("交办", "整改中") and overdue > 0 and rng.random() < 0.4
            overdue -= case.overdue
    closed = [c for c in cases if c.status == "销号" and c.layer in ("gas_stations", "project_sites")]
    for i in range(MAJOR_CLOSED):
        closed[(i * 23 + 5) % len(closed)].level = "重大"


def _at_rest(subject: Row | None) -> bool:
    return subject is not None and any(subject.get(field) in words for field, words in AT_REST.items())


def _row(case: _Case, rng: Random) -> Row:
    problem, kind, description, standard = case.problem
    x, y = case.at
    subject = case.subject["name"] if case.subject else pick(rng, PLACES[containing(x, y)])
    return {
        "name": f"{subject}{problem}",
        "subject_layer": case.layer,
        "subject_code": case.subject["code"] if case.subject else None,
        "kind": kind,
        "level": case.level,
        "status": case.status,
        "description": description,
        "standard_version": standard or None,
        "supervised": case.level == "重大",
        **_days(case, rng),
        "geom": stored(shapely.points(x, y)),
    }


def _days(case: _Case, rng: Random) -> dict[str, date | None]:
    """Return the days of the loop as far as it has come, in order, none after the clock."""
    given = DAYS_GIVEN[case.level][int(rng.random() * len(DAYS_GIVEN[case.level]))]
    issued_after, until_verified, until_closed = (timedelta(days=int(n * rng.random())) for n in (4, 6, 5))
    found = _found(case, given, rng)
    days: dict[str, date | None] = {"found_on": found}
    if case.status == "登记":
        return days
    issued = min(found + issued_after, CLOCK)
    days |= {"issued_on": issued, "deadline": issued + timedelta(days=given)}
    if case.status in ("整改完成", "复查", "销号"):
        took = 1.3 if rng.random() < 0.08 else 0.2 + 0.75 * rng.random()
        rectified = min(issued + timedelta(days=int(given * took)), CLOCK)
        verified = min(rectified + timedelta(days=1) + until_verified, CLOCK)
        days["rectified_on"] = rectified
        if case.status != "整改完成":
            days["verified_on"] = verified
        if case.status == "销号":
            days["closed_on"] = min(verified + until_closed, CLOCK)
    return days


def _found(case: _Case, given: int, rng: Random) -> date:
    """Return a day of finding that suits the status: old enough to be overdue or closed, or young enough not to be."""
    if case.status == "登记":
        return within(rng, CLOCK - timedelta(days=5), CLOCK)
    if case.overdue:
        late = 3 + int(45 * rng.random())
        return CLOCK - timedelta(days=given + late + 3)
    if case.status in ("交办", "整改中"):
        return CLOCK - timedelta(days=1 + int(0.75 * given * rng.random()))
    if case.status in ("整改完成", "复查"):
        return within(rng, CLOCK - timedelta(days=given + 12), CLOCK - timedelta(days=int(0.6 * given)))
    return within(rng, date(2023, 1, 5), CLOCK - timedelta(days=given + 14))
