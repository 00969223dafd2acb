"""The sample's year: every change of every record from 2023-01-01 to the clock, whose end is the sample's records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import geopandas as gpd

from sample import frames
from sample.days import CLOCK, YEAR_START
from sample.past import (
    Row,
    Step,
    bridges,
    gas_stations,
    hazards,
    heritage,
    inspections,
    notices,
    projects,
    rivers,
    scores,
    works,
)

OPENING = "年初建账"


@dataclass(frozen=True)
class Change:
    """Rows of one layer that changed on one day for one reason.

    `rows` are whole rows as they are from that day on, with the columns of `records()`; a code seen for the first
    time is a new record.
    """

    on: date
    layer: str
    reason: str
    rows: gpd.GeoDataFrame


@dataclass(frozen=True)
class _Version:
    on: date
    reason: str
    row: Row


def year() -> Iterator[Change]:
    """Yield the changes of the sample's year in the order of their days, and on one day in that of the layers.

    The first are the state on 2023-01-01; after the last every row is what `records()` says. No row changes twice on
    one day, and every change changes something.
    """
    changes = [change for layer, rows in frames.rows().items() for change in _changes(layer, rows)]
    yield from sorted(changes, key=lambda change: change.on)


def _changes(layer: str, rows: list[Row]) -> Iterator[Change]:
    life = _lives()[layer]
    versions = [version for row in rows for version in _versions(row, life(row))]
    versions.sort(key=lambda version: (version.on, version.reason))
    whole = frames.frame(layer, [version.row for version in versions])
    first = 0
    for (on, reason), some in groupby(versions, key=lambda version: (version.on, version.reason)):
        end = first + len(list(some))
        yield Change(on, layer, reason, whole.iloc[first:end].reset_index(drop=True))
        first = end


def _lives() -> dict[str, Callable[[Row], list[Step]]]:
    """Return for each layer what tells the life of one of its rows."""
    known_by: dict[str, date] = {}
    for hazard in frames.rows()["hazards"]:  # in the order in which they were found
        known_by.setdefault(hazard["subject_code"], hazard["found_on"])
    return {
        "areas": lambda _: [Step(YEAR_START, OPENING, {})],
        "rivers": rivers.life,
        "bridges": bridges.life,
        "gas_stations": gas_stations.life,
        "heritage_buildings": heritage.life,
        "project_sites": lambda row: projects.life(row, known_by.get(row["code"], CLOCK)),
        "hazards": hazards.life,
        "inspections": inspections.life,
        "works": works.life,
        "notices": notices.life,
        "scores": scores.life,
    }


def _versions(row: Row, steps: list[Step]) -> Iterator[_Version]:
    """Live through the steps, day by day; what was before the year makes its opening state."""
    state: Row = {}
    ordered = sorted(steps, key=lambda step: step.on)
    if ordered[0] is not steps[0]:
        raise AssertionError(f"{row['code']} lives before its first step")
    for on, of_day in groupby(ordered, key=lambda step: max(step.on, YEAR_START)):
        before, reasons = state, dict[str, None]()
        for step in of_day:
            changed = (state or row) | step.values
            if changed != state:
                state, reasons[step.reason] = changed, None
        if state != before:
            yield _Version(on, OPENING if on == YEAR_START else "、".join(reasons), state)
    if state != row:
        different = sorted(column for column in row if state[column] != row[column])
        raise AssertionError(f"the life of {row['code']} ends with other {different}")
