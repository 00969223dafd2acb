"""The life of a notice: issued, and answered."""

from sample.past.step import Row, Step, reached


def life(row: Row) -> list[Step]:
    """Return the steps of one notice up to its state at the clock."""
    steps = [Step(row["issued_on"], "下发", {"answered_on": None})]
    if row["answered_on"]:
        steps.append(reached(row["answered_on"], "回复", row, "answered_on"))
    return steps
