"""The year of an LPG station: checked every month, suspended, closed down."""

from datetime import date, timedelta

from sample.days import YEAR_START, rounds
from sample.gas_stations import CYLINDER_M3, VOLUMES, required_m
from sample.names import weighted
from sample.past.step import Row, Step, reached
from sample.plane import Random, seeded

CHECK = "燃气安全检查"
RESULTS = {
    "合格": {"合格": 9.0, "有问题": 2.0},
    "有问题": {"合格": 1.0, "有问题": 1.0},
    "不合格": {"合格": 2.0, "有问题": 3.0},
}
"""What earlier checks found, by what the last one did."""
GRACE = timedelta(days=30)  # to renew a licence, before the station is suspended


def life(row: Row) -> list[Step]:
    """Return the steps of one station up to its state at the clock."""
    rng = seeded(f"past {row['code']}")
    days = rounds(row["operator"], 30, row["checked_on"])
    unlicensed = row["licence_until"] if row["licence"] == "过期" else date.max
    results = ["有问题" if day > unlicensed else weighted(rng, RESULTS[row["check_result"]]) for day in days]
    checks = [
        Step(day, CHECK, {"checked_on": day, "check_result": result}) for day, result in zip(days, results, strict=True)
    ]
    steps = [Step(days[0], CHECK, checks[0].values | {"status": "正常"} | _stock(row, rng)), *checks[1:]]
    last = ("checked_on", "check_result", "status")
    if row["status"] != "关停":
        return [*steps, reached(row["checked_on"], CHECK if row["status"] == "正常" else "停业整顿", row, *last)]
    return [*steps, *_closed(row, last)]


def _stock(row: Row, rng: Random) -> Row:
    """Return what a closed station stored before, within its class and separation, and its licence as it was."""
    if row["status"] != "关停":
        return {}
    low, high = VOLUMES[row["station_class"]]
    fitting = [
        n
        for n in range(int(low / CYLINDER_M3) + 1, int(high / CYLINDER_M3) + 1)
        if required_m(n * CYLINDER_M3) == row["required_m"]
    ]
    cylinders = fitting[int(rng.random() * len(fitting))]
    stock = {"cylinders": float(cylinders), "volume_m3": round(cylinders * CYLINDER_M3, 4)}
    return stock | {"licence": "有效", "closed_on": None}


def _closed(row: Row, last: tuple[str, ...]) -> list[Step]:
    """Let a licence run out, suspend the station where it is not renewed, and close it down."""
    expired: date = row["licence_until"] + timedelta(days=1)
    steps = [reached(max(expired, YEAR_START), "许可证到期", row, "licence")]
    if expired + GRACE < row["closed_on"]:
        steps.append(Step(expired + GRACE, "逾期未换证停业整顿", {"status": "停业整顿"}))
    return [*steps, reached(row["closed_on"], "关停", row, *last, "closed_on", "cylinders", "volume_m3")]
