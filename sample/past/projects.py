"""The year of a project: entered, begun, checked every month, its money reported every month, finished."""

import math
from datetime import date, timedelta

from sample.days import CLOCK, YEAR_START, rounds, within
from sample.names import weighted
from sample.past.step import Row, Step, reached
from sample.plane import Random, seeded

MONTH_ENDS = tuple(date(2023, month + 1, 1) - timedelta(days=1) for month in range(1, 11))
STOPPED_ON = date(2023, 8, 18)
CREWS = 8  # the safety station's crews: each checks its sites on one day
STEP = 10.0  # 万元 to which a month's money is rounded


def life(row: Row, known_by: date) -> list[Step]:
    """Return the steps of one project up to its state at the clock; it is on record on `known_by` at the latest."""
    rng = seeded(f"past {row['code']}")
    begun: date | None = row["start_actual"]
    ended: date | None = row["end_actual"]
    entered = min(_entered(row, rng), known_by)
    stopped = STOPPED_ON if row["status"] == "停工" else None
    before = {"status": "前期", "start_actual": None, "end_actual": None, "danger": "无", "pit_depth_m": None}
    before |= {"rating": "未知", "checked_on": None} | _money(row, 0)
    steps = [Step(entered, "立项入库", before)]
    if begun:
        start = reached(begun, "开工", row, "start_actual", "danger", "pit_depth_m")
        steps += [Step(begun, "开工", start.values | {"status": "在建"}), *_checks(row, begun, rng)]
    first, last, pace = max(begun or entered, YEAR_START), ended or stopped or CLOCK, 0.8 + 0.6 * rng.random()
    for day in MONTH_ENDS:
        if max(entered, first) <= day < (ended or date.max):
            part = min((day - first) / (last - first), 1.0) ** pace
            steps.append(Step(day, "月度进度填报", _money(row, part)))
    if stopped:
        steps.append(reached(stopped, "停工", row, "status"))
    if ended:
        money = ("done_investment", "done_to_date", "progress")
        steps.append(reached(ended, "竣工验收", row, "status", "end_actual", *money))
    return steps


def _entered(row: Row, rng: Random) -> date:
    """Return the day on which a project was put on record: some weeks before it was to begin."""
    if row["status"] == "前期":
        return within(rng, date(2023, 2, 6), date(2023, 7, 28))
    planned: date = row["start_planned"]
    return planned - timedelta(days=20 + int(45 * rng.random()))


def _checks(row: Row, begun: date, rng: Random) -> list[Step]:
    """Check a site from its beginning on; a site that failed the last check had passed those before."""
    usual = {"合格": 1.0} if row["rating"] == "不合格" else {row["rating"]: 4.0, "合格": 1.0}
    days = rounds(f"crew {int(row['code'][-3:]) % CREWS}", 30, row["checked_on"])
    checks = [
        Step(day, "安全检查", {"checked_on": day, "rating": weighted(rng, usual)}) for day in days if day >= begun
    ]
    return [*checks, reached(row["checked_on"], "安全检查", row, "checked_on", "rating")]


def _money(row: Row, part: float) -> Row:
    """Return the money and progress of a project that has done so much of this year's work (0 to 1)."""
    final = row["done_investment"]
    done = final if part >= 1 else math.floor(final * part / STEP) * STEP
    to_date = row["done_to_date"] - final + done
    progress = float(min(round(100 * to_date / row["total_investment"]), 97))
    return {"done_investment": done, "done_to_date": to_date, "progress": progress}
