"""The year of a river: sampled every quarter, its water getting better; some remediated and opened."""

from datetime import date, timedelta

from sample.days import YEAR_START, rounds
from sample.names import weighted
from sample.past.step import Row, Step, reached
from sample.plane import seeded

OPENED = {
    "洋洽河": date(2023, 4, 8),
    "台屿河": date(2023, 5, 26),
    "叶厦河": date(2023, 7, 14),
    "跃进河": date(2023, 8, 18),
    "飞凤河": date(2023, 9, 22),
    "葛屿河": date(2023, 9, 28),
}
"""Rivers that were under remediation at the start of the year, and the days on which they were opened."""
ACCEPTANCE = timedelta(days=6)  # between the sample that proves a river's water and its opening
CLEARING = timedelta(days=100)  # before that: its water is on the way
SAMPLE = "水质采样"
GRADES = ("Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")  # GB 3838-2002


def life(row: Row) -> list[Step]:
    """Return the steps of one river up to its state at the clock."""
    days = rounds(row["catchment"], 90, row["sampled_on"])
    if not days:
        return [Step(YEAR_START, SAMPLE, {})]
    opened = OPENED.get(row["name"])
    last = reached(row["sampled_on"], SAMPLE, row, "sampled_on", "water_grade", "black_odour")
    if not opened:
        poor = 2 if row["status"] == "整治中" else int(weighted(seeded(f"past {row['code']}"), {"0": 7, "1": 3}))
        return [*(_sample(row, day, poor if day < days[-1] else 0) for day in days), last]
    accepted = opened - ACCEPTANCE
    samples = [_sample(row, day, (day < accepted - CLEARING) + (day < accepted)) for day in days]
    first = Step(days[0], SAMPLE, samples[0].values | {"status": "整治中", "interception": "临时截污"})
    proof = _sample(row, accepted, 0, "整治验收采样")
    return [first, *samples[1:], proof, reached(opened, "整治完成开放", row, "status", "interception"), last]


def _sample(row: Row, day: date, worse: int, reason: str = SAMPLE) -> Step:
    """Take a sample that is so many grades worse than at the clock; worse than the worst it is heavily odorous."""
    grade = GRADES.index(row["water_grade"]) + worse
    odour = "重度" if grade >= len(GRADES) else "轻度" if grade == len(GRADES) - 1 else "正常"
    water = {"water_grade": GRADES[min(grade, len(GRADES) - 1)], "black_odour": odour}
    return Step(day, reason, {"sampled_on": day, **water})
