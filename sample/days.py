"""The days of the sample: its clock stands at 2023-10-31, the day of the report."""

from datetime import date, timedelta

from sample.plane import Random, seeded

CLOCK = date(2023, 10, 31)
YEAR_START = date(2023, 1, 1)


def ago(days: float) -> date:
    """Return the day so many days before the clock's."""
    return CLOCK - timedelta(days=int(days))


def within(rng: Random, first: date, last: date) -> date:
    """Return a day from `first` to `last`, both included."""
    return first + timedelta(days=int(rng.random() * ((last - first).days + 1)))


def inspected(rng: Random, every: int, *, late: float = 0.1, never: float = 0.0) -> date | None:
    """Return the day of a last inspection of this year that was due every so many days.

    A part `late` of them is up to twice the interval ago, a part `never` has not taken place.
    """
    chance = rng.random()
    if chance < never:
        return None
    days = every * ((1.05 + 0.95 * rng.random()) if chance < never + late else (0.05 + 0.9 * rng.random()))
    return max(ago(days), date(2023, 1, 3))


def rounds(group: str, every: int, last: date | None) -> list[date]:
    """Return the days of a group's inspections before the last one: every so many days, from before the year on.

    All that belong to a group are inspected on the same days. Nothing that has never been inspected has rounds.
    """
    if last is None:
        return []
    first = YEAR_START - timedelta(days=1 + int(every * seeded(f"rounds {group}").random()))
    count = max((last - first).days - every // 3, 0) // every + 1
    return [first + timedelta(days=every * i) for i in range(count)]
