"""When a record is: the day of what happened, the moment from which it holds of what stands; and ISO 8601 times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, or_, true

from gis_service.errors import UnknownValue
from layers import Layer, Subjected, ledger

_INSTANT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[Tt ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?P<zone>[Zz]|[+-]\d\d:\d\d))?"
)
_OPEN = ("", "..")


def moment(layer: type[Layer]) -> ColumnElement[Any]:
    """Return the column that says when a record is.

    Of a hazard it is the day on which it was found; of what is done and written down the first of its days; of what
    stands there the moment from which its present version holds.
    """
    table, days = layer.__table__, [name for name, field in layer.fields().items() if field.kind == "date"]
    if layer is ledger():
        name = ledger().found_on.key
    else:
        name = days[0] if issubclass(layer, Subjected) and days else "valid_from"
    column: ColumnElement[Any] = table.c[name]
    return column


def is_day(layer: type[Layer]) -> bool:
    """Say whether the records of a layer are at a day, and not at a moment."""
    return isinstance(moment(layer).type, Date)


@lru_cache(maxsize=128)
def during(layer: type[Layer], text: str) -> ColumnElement[bool]:
    """Select the records of a time: an instant, or `start/end`, where either may be open (`..`, or empty).

    Intervals include their ends; a day stands for all of it, and the day of a record for its day as it is written. What
    has no time always matches (OGC API Features, part 1, 7.15.4).

    Raises
    ------
    UnknownValue
        Where it is no time.
    """
    parts = text.split("/")
    if len(parts) > 2 or (len(parts) == 1 and text in _OPEN):  # noqa: PLR2004 - a start and an end
        raise _no_time(text)
    first, last = (None if part in _OPEN else _instant(part, text) for part in (parts[0], parts[-1]))
    if first and last and first.start > last.end:
        raise _no_time(text)
    column, day = moment(layer), is_day(layer)
    clauses = []
    if first:
        clauses.append(column >= (first.day if day else first.start))
    if last:
        clauses.append(column <= (last.day if day else last.end))
    return or_(column.is_(None), and_(true(), *clauses)) if clauses else true()


@dataclass(frozen=True)
class _Instant:
    """A moment, or a day from its beginning to its end, in UTC where no zone is said."""

    day: date
    start: datetime
    end: datetime


def _instant(part: str, text: str) -> _Instant:
    found = _INSTANT.fullmatch(part)
    if not found:
        raise _no_time(text)
    # clients write the year 0000 for no beginning; the calendar of Python begins a year later
    written = found["day"].replace("0000-", "0001-", 1)
    try:
        day = date.fromisoformat(written)
        if not found["time"]:
            start = datetime.combine(day, datetime.min.time(), UTC)
            return _Instant(day, start, start + timedelta(days=1, microseconds=-1))
        leap = found["time"].replace(":60", ":59")
        moment_ = datetime.fromisoformat(f"{written}T{leap}{found['zone'].upper()}")
    except (ValueError, OverflowError):
        raise _no_time(text) from None
    return _Instant(day, moment_, moment_)


def _no_time(text: str) -> UnknownValue:
    allowed = ["2023-10-31", "2023-10-31T08:00:00Z", "2023-01-01/2023-06-30", "../2023-06-30", "2023-01-01/.."]
    return UnknownValue("datetime", text, allowed)
