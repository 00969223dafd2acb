"""The works: repairs and revivals of old houses (5 and 10 completed this year, report 1.2.3), of bridges and of rivers.

Each is as far as its feature says that it is, and moves on the same days.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from sample import past
from sample.days import YEAR_START, within
from sample.firms import contractor
from sample.past import Row, Step
from sample.past.heritage import WORK
from sample.past.rivers import OPENED
from sample.plane import Random, on_plane, seeded

HOUSE_WORDS = {"方案已定": "计划", "施工中": "进场施工", "完工": "完工"}
HOUSE_COST = {"修缮": (38, 260), "活化利用": (15, 90)}
RIVER_COST_PER_M = 0.62  # 万元


def records(subjects: dict[str, list[Row]]) -> list[Row]:
    """Return the works as records of the layer works; `subjects` are the other layers' rows by name."""
    rng = seeded("works")
    rows = [
        *_houses(subjects["heritage_buildings"], rng),
        *_bridges(subjects["bridges"]),
        *_rivers(subjects["rivers"], rng),
    ]
    rows.sort(key=lambda row: (row["approved_on"], row["name"]))
    return [row | {"code": f"SG-{i:03d}"} for i, row in enumerate(rows, 1)]


def _when(steps: list[Step], column: str, word: str) -> date | None:
    """Return the day on which a feature's field came to say a word; the first step says what was before."""
    return next((step.on for step in steps[1:] if step.values.get(column) == word), None)


def _work(layer: str, subject: Row, kind: str, status: str) -> Row:
    return {
        "name": f"{subject['name']}{kind}",
        "subject_layer": layer,
        "subject_code": subject["code"],
        "kind": kind,
        "status": status,
        "contractor": None if status == "计划" else contractor(subject["code"]),
        "geom": None,
    }


def _houses(houses: list[Row], rng: Random) -> Iterator[Row]:
    for house in houses:
        steps = past.heritage.life(house)
        for column, (kind, ended_on) in WORK.items():
            if house[column] == "无":
                continue
            low, high = HOUSE_COST[kind]
            ended: date | None = house[ended_on]
            approved, started = (_when(steps, column, word) for word in ("方案已定", "施工中"))
            if ended and ended < YEAR_START:
                started = ended - timedelta(days=60 + int(90 * rng.random()))
                approved = started - timedelta(days=50)
            yield _work("heritage_buildings", house, kind, HOUSE_WORDS[house[column]]) | {
                "approved_on": approved,
                "planned_start": None if started else within(rng, date(2023, 11, 6), date(2024, 3, 29)),
                "started": started,
                "finished": ended,
                "quantity": house["floor_area_m2"],
                "unit": "平方米",
                "cost": float(low + int((high - low) * rng.random())),
                "note": "屋面、木构架与墙体修缮" if kind == "修缮" else "完善水电消防，改作公共文化用途",
            }


def _bridges(bridges: list[Row]) -> Iterator[Row]:
    for bridge in bridges:
        if bridge["work"] == "无":
            continue
        begun = bridge["work"] != "计划"
        yield _work("bridges", bridge, "整治", bridge["work"]) | {
            "approved_on": _when(past.bridges.life(bridge), "work", "计划"),
            "planned_start": bridge["work_start"],
            "started": bridge["work_start"] if begun else None,
            "finished": bridge["work_end"],
            "quantity": 1.0,
            "unit": "座",
            "cost": bridge["cost"],
            "note": "上部结构加固，更换支座与伸缩缝",
        }


def _rivers(rivers: list[Row], rng: Random) -> Iterator[Row]:
    for river in rivers:
        opened = OPENED.get(river["name"])
        if opened is None and river["status"] != "整治中":
            continue
        metres = float(round(on_plane(river["geom"]).length))
        started = within(rng, date(2021, 9, 1), date(2022, 8, 31))
        yield _work("rivers", river, "整治", "完工" if opened else "进场施工") | {
            "approved_on": started - timedelta(days=90),
            "planned_start": started - timedelta(days=10),
            "started": started,
            "finished": opened,
            "quantity": metres,
            "unit": "米",
            "cost": round(metres * RIVER_COST_PER_M, 1),
            "note": "清淤、护岸与截污",
        }
