"""One step in the life of a record."""

from dataclasses import dataclass
from datetime import date
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What changed in a record on one day, and why; the first step of a life takes back what was not so yet."""

    on: date
    reason: str
    values: Row


def reached(on: date, reason: str, row: Row, *columns: str) -> Step:
    """Return the step in which some columns take the value that they have at the clock."""
    return Step(on, reason, {column: row[column] for column in columns})
