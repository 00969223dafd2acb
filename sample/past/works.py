"""The life of a work: approved, begun, completed, as far as it has come."""

from sample.past.step import Row, Step, reached


def life(row: Row) -> list[Step]:
    """Return the steps of one work up to its state at the clock."""
    before = {"status": "计划", "started": None, "finished": None, "contractor": None}
    steps = [Step(row["approved_on"], "方案审定", before)]
    if row["started"]:
        begun = reached(row["started"], "进场施工", row, "started", "contractor")
        steps.append(Step(begun.on, begun.reason, begun.values | {"status": "进场施工"}))
    if row["finished"]:
        steps.append(reached(row["finished"], "完工", row, "status", "finished"))
    return steps
