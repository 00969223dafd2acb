"""The life of a hazard: found, issued, rectified, verified, closed, on the days of its loop and as far as it came."""

from datetime import timedelta

from sample.days import CLOCK
from sample.past.step import Row, Step, reached
from sample.plane import seeded

LATER = (
    ("rectified_on", "整改完成", "整改完成"),
    ("verified_on", "复查", "复查合格"),
    ("closed_on", "销号", "销号"),
)


def life(row: Row) -> list[Step]:
    """Return the steps of one hazard up to its state at the clock."""
    rng = seeded(f"past {row['code']}")
    later = ("issued_on", "deadline", "rectified_on", "verified_on", "closed_on")
    found = {"status": "登记", "supervised": False, **dict.fromkeys(later)}
    steps = [Step(row["found_on"], "发现登记", found)]
    if row["issued_on"] is None:
        return steps
    issued = reached(row["issued_on"], "交办整改", row, "issued_on", "deadline", "supervised")
    steps.append(Step(issued.on, issued.reason, issued.values | {"status": "交办"}))
    if row["status"] == "交办":
        return steps
    started = issued.on + timedelta(days=1 + int(3 * rng.random()))
    steps.append(Step(min(started, row["rectified_on"] or CLOCK), "开始整改", {"status": "整改中"}))
    for column, status, reason in LATER:
        if row[column]:
            steps.append(Step(row[column], reason, {column: row[column], "status": status}))
    return steps
