"""The life of a score: it is recorded on its day."""

from sample.past.step import Row, Step


def life(row: Row) -> list[Step]:
    """Return the one step of a score."""
    return [Step(row["scored_on"], "记分", {})]
