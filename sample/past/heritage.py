"""The year of a heritage building: patrolled every month, repaired, revived, recommended, let."""

from datetime import date, timedelta

from sample.days import CLOCK, YEAR_START, rounds, within
from sample.names import weighted
from sample.past.step import Row, Step, reached
from sample.plane import Random, seeded

RECOMMENDED_ON = {"历史建筑": date(2023, 7, 20), "传统风貌建筑": date(2023, 8, 10)}
NOTICED_ON = date(2023, 10, 9)  # the public notice of those recommended before
TYPHOON = date(2023, 7, 29)  # the day after typhoon 杜苏芮
LET_ON = date(2023, 9, 12)  # the day on which the letting platform took its first house
WORK = {"repair": ("修缮", "repaired_on"), "revival": ("活化利用", "revived_on")}
DONE = "完工"


def life(row: Row) -> list[Step]:
    """Return the steps of one building up to its state at the clock."""
    rng = seeded(f"past {row['code']}")
    days = rounds(row["address"].rstrip("0123456789号"), 30, row["patrolled_on"])
    before: Row = {"patrolled_on": days[0] if days else None}
    later = [Step(day, "古厝巡查", {"patrolled_on": day}) for day in days[1:]]
    for column in WORK:
        undone, steps = _work(row, column, rng)
        before |= undone
        later += steps
    for undone, steps in (_announced(row), _used(row, rng), _damaged(row)):
        before |= undone
        later += steps
    if row["patrolled_on"]:
        later.append(reached(row["patrolled_on"], "古厝巡查", row, "patrolled_on"))
    return [Step(date.min, "普查", before), *later]


def _work(row: Row, column: str, rng: Random) -> tuple[Row, list[Step]]:
    """Return how a work stood before the year, and its steps: agreed, begun, completed, as far as it has come."""
    name, ended_on = WORK[column]
    ended: date | None = row[ended_on]
    if row[column] == "无" or (ended and ended < YEAR_START):
        return {}, []
    undone = {column: "无", ended_on: None}
    begun = ended - timedelta(days=55 + int(60 * rng.random())) if ended else within(rng, date(2023, 6, 5), CLOCK)
    agreed = begun - timedelta(days=40 + int(70 * rng.random()))
    steps = [Step(agreed, f"{name}方案审定", {column: "方案已定"})]
    if row[column] != "方案已定":
        steps.append(Step(begun, f"{name}开工", {column: "施工中"}))
    if ended:
        better = ("condition",) if column == "repair" else ()
        steps.append(reached(ended, f"{name}完工", row, column, ended_on, *better))
        if better:
            undone["condition"] = weighted(rng, {"较差": 3, "一般": 2})
    return undone, steps


def _announced(row: Row) -> tuple[Row, list[Step]]:
    if row["announcement"] == "推荐":
        step = reached(RECOMMENDED_ON[row["level"]], "推荐公布", row, "announcement", "batch")
        return {"announcement": "普查登记", "batch": None}, [step]
    if row["announcement"] == "公示":
        return {"announcement": "推荐"}, [reached(NOTICED_ON, "公示", row, "announcement")]
    return {}, []


def _used(row: Row, rng: Random) -> tuple[Row, list[Step]]:
    """Return what a house revived this year was used for before; the one that is let is empty until then."""
    if row["revival"] != DONE:
        return {}, []
    if row["use"] == "租养":
        return {"use": "空置"}, [reached(LET_ON, "上线租养平台", row, "use")]
    return {"use": weighted(rng, {"空置": 2, "自用": 1})}, [reached(row["revived_on"], "活化利用完工", row, "use")]


def _damaged(row: Row) -> tuple[Row, list[Step]]:
    """Let the typhoon make a poor house a very bad one."""
    if row["condition"] != "很差":
        return {}, []
    return {"condition": "较差"}, [Step(TYPHOON, "台风后巡查", {"condition": "很差", "patrolled_on": TYPHOON})]
