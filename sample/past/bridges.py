"""The year of a bridge: assessed again; those of grade D limited, closed, repaired and graded anew."""

from datetime import date, timedelta

from sample.days import YEAR_START, within
from sample.past.step import Row, Step, reached
from sample.plane import seeded

UPPER = {"A": 100.0, "B": 89.9, "C": 79.9, "D": 65.9, "E": 49.9}  # the BCI of each grade ends here (CJJ 99-2017 4.5)
LIMIT_T = 10.0  # what a bridge of grade D still carries


def life(row: Row) -> list[Step]:
    """Return the steps of one bridge up to its state at the clock."""
    return _repaired(row) if row["work"] != "无" else _assessed(row)


def _assessed(row: Row) -> list[Step]:
    """Assess a bridge once a year: its grade stays, its index falls a little."""
    rng = seeded(f"past {row['code']}")
    last: date = row["assessed_on"]
    before = last - timedelta(days=330 + int(45 * rng.random()))
    bci = row["bci"] and round(min(row["bci"] + 0.2 + 1.6 * rng.random(), UPPER[row["grade"]]), 1)
    return [
        Step(before, "年度检测", {"assessed_on": before, "bci": bci}),
        reached(last, "桥梁定期检测", row, "assessed_on", "bci"),
    ]


def _repaired(row: Row) -> list[Step]:
    """Repair a bridge of grade D as far as it has come: limited, planned, closed, finished, assessed, opened."""
    rng = seeded(f"past {row['code']}")
    before = within(rng, date(2022, 9, 5), date(2022, 12, 9))
    repaired = row["work"] == "完工"
    bci = round(53 + 6 * rng.random() if repaired else min(row["bci"] + 0.3 + 3 * rng.random(), UPPER["D"]), 1)
    none = {"work": "无", "work_start": None, "work_end": None, "cost": None, "grade": row["grade_at_start"]}
    open_still = {"status": "通行", "load_limit_t": None}
    steps = [Step(before, "年度检测", none | open_still | {"assessed_on": before, "bci": bci})]
    limited = {"status": "限载", "load_limit_t": LIMIT_T}
    if repaired:
        steps.append(Step(before + timedelta(days=3), "限载通行", limited))
    else:
        examined = reached(row["assessed_on"], "特殊检测后限载", row, "assessed_on", "bci")
        steps.append(Step(examined.on, examined.reason, examined.values | limited))
    start: date = row["work_start"]
    planned = max(start - timedelta(days=38 + int(14 * rng.random())), YEAR_START + timedelta(days=9))
    plan = reached(planned, "列入整治计划", row, "work_start", "cost")
    steps.append(Step(planned, plan.reason, plan.values | {"work": "计划"}))
    if row["work"] != "计划":
        closed = {"work": "进场施工", "status": "封闭", "load_limit_t": None}
        steps.append(Step(start, "进场施工", closed))
    if repaired:
        steps.append(reached(row["work_end"], "整治完工", row, "work", "work_end"))
        assessed = ("assessed_on", "grade", "bci", "status", "load_limit_t")
        steps.append(reached(row["assessed_on"], "整治后重新评定", row, *assessed))
    return steps
