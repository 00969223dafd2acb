"""How each record came to be what it is at the clock: one module per layer, one life per record."""

from sample.past import (
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
from sample.past.step import Row, Step

__all__ = [
    "Row",
    "Step",
    "bridges",
    "gas_stations",
    "hazards",
    "heritage",
    "inspections",
    "notices",
    "projects",
    "rivers",
    "scores",
    "works",
]
