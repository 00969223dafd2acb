"""The inspections: every check of an LPG station, of a site with dangerous works, of a monument, every bridge test.

Each is on the day on which its feature says that it was checked. What was inspected elsewhere is in `sample.outings`.
Gas: 586 people sent, 478 hazards found (report 1.5.3).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from sample import outings, past
from sample.days import CLOCK, YEAR_START
from sample.money import spread
from sample.names import person, weighted
from sample.outings import FAILED, FINDINGS, PASSED
from sample.past import Row, Step
from sample.plane import Random, seeded

GAS_PEOPLE, GAS_HAZARDS = 586, 478


@dataclass(frozen=True)
class _Checks:
    """How one layer's features are checked: the field of the last day, that of the state found, and what a state means.

    `kinds` weighs the kinds of inspection, `people` are the fewest and the most sent out.
    """

    business: str
    on: str
    state: str
    results: dict[str, str]
    life: Callable[[Row], list[Step]]
    agency: str
    kinds: dict[str, float]
    people: tuple[int, int]
    only: tuple[str, tuple[str, ...]] = ("", ())


CHECKS = {
    "gas_stations": _Checks(
        "燃气",
        "checked_on",
        "check_result",
        {"合格": PASSED, "有问题": FINDINGS, "不合格": FAILED},
        past.gas_stations.life,
        "区建设局燃气办",
        {"专项检查": 6, "联合执法": 2, "复查": 1},
        (2, 8),
    ),
    "project_sites": _Checks(
        "工地",
        "checked_on",
        "rating",
        {"优良": PASSED, "合格": PASSED, "不合格": FAILED},
        lambda row: past.projects.life(row, CLOCK),
        "区建设工程质量安全站",
        {"日常巡查": 4, "专项检查": 1},
        (2, 4),
        ("danger", ("危大", "超规模")),
    ),
    "heritage_buildings": _Checks(
        "古厝",
        "patrolled_on",
        "condition",
        {"良好": PASSED, "一般": PASSED, "较差": FINDINGS, "很差": FAILED},
        past.heritage.life,
        "区古厝保护中心",
        {"日常巡查": 1},
        (2, 2),
        ("level", ("全国重点文物保护单位", "省级文物保护单位", "市县级文物保护单位")),
    ),
    "bridges": _Checks(
        "桥梁",
        "assessed_on",
        "grade",
        dict.fromkeys(("A", "B", "1类", "2类"), PASSED)
        | dict.fromkeys(("C", "3类"), FINDINGS)
        | dict.fromkeys(("D", "E", "4类", "5类"), FAILED),
        past.bridges.life,
        "",
        {"定期检测": 1},
        (3, 5),
    ),
}


def records(subjects: dict[str, list[Row]]) -> list[Row]:
    """Return the inspections as records of the layer inspections; `subjects` are the other layers' rows by name."""
    rng = seeded("inspections")
    found: dict[str, list[date]] = {}
    for hazard in subjects["hazards"]:
        found.setdefault(hazard["subject_code"], []).append(hazard["found_on"])
    rows = [
        row
        for layer, checks in CHECKS.items()
        for subject in subjects[layer]
        if subject.get(checks.only[0]) in (*checks.only[1], None)
        for row in _checked(layer, checks, subject, found.get(subject["code"], []), rng)
    ]
    rows += [*outings.restaurants(rng), *outings.lighting(rng), *outings.parcels(rng), *outings.ferry(rng)]
    _as_the_report_says([row for row in rows if row["business"] == "燃气"], rng)
    rows.sort(key=lambda row: (row["inspected_on"], row["business"], row["name"]))
    return [row | {"code": f"JC-{i:03d}"} for i, row in enumerate(rows, 1)]


def _checked(layer: str, checks: _Checks, subject: Row, found: list[date], rng: Random) -> Iterator[Row]:
    """Yield this year's checks of one feature; what was found on it since the last one was found by them."""
    state: str = subject[checks.state]
    last = date.min
    states: dict[date, str] = {}
    for step in sorted(checks.life(subject), key=lambda step: step.on):
        state = str(step.values.get(checks.state, state))
        if step.values.get(checks.on, date.min) == step.on >= YEAR_START:
            states[step.on] = state
    for on, seen in states.items():
        hazards = sum(last < day <= on for day in found)
        result = checks.results.get(seen, "未知")
        last = on
        yield {
            "name": f"{subject['name']}检查（{on.month}月{on.day}日）",
            "subject_layer": layer,
            "subject_code": subject["code"],
            "business": checks.business,
            "kind": weighted(rng, checks.kinds),
            "inspected_on": on,
            "person_times": float(checks.people[0] + int((checks.people[1] - checks.people[0] + 1) * rng.random())),
            "visits": 1.0,
            "result": FINDINGS if hazards and result == PASSED else result,
            "hazards_found": float(hazards),
            "agency": checks.agency or subject["agency"],
            "inspector": person(rng),
            "geom": None,
        }


def _as_the_report_says(rows: list[Row], rng: Random) -> None:
    """Send out people and find hazards on the rows of gas, together as many as the report says."""
    finding = [row for row in rows if row["result"] != PASSED]
    for row, sent in zip(rows, spread(GAS_PEOPLE, len(rows), 2, 8, rng), strict=True):
        row["person_times"] = sent
    for row, hazards in zip(finding, spread(GAS_HAZARDS, len(finding), 1, 30, rng), strict=True):
        row["hazards_found"] = hazards
