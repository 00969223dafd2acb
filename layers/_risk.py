"""How a layer declares its risk: factors of 1 to 5 read from its own fields, and rules that only raise.

The model is "LS with traced factors": likelihood from condition, hazards, time since inspection and environment;
severity from people, criticality and value; four colours. Weights and cuts are not here: they are a versioned
configuration (`RiskConfig`), so that a layer says only what its fields mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from layers._vocabulary import Label, Term, Vocabulary

LEVELS = Vocabulary(
    "双重预防机制 (安委办〔2016〕11号): 重大 红, 较大 橙, 一般 黄, 低 蓝",
    (
        Term("红", "Red: major", "红 重大", "#b3122b"),
        Term("橙", "Orange: considerable", "橙 较大", "#ee7d22"),
        Term("黄", "Yellow: moderate", "黄 一般", "#f5cf3d"),
        Term("蓝", "Blue: low", "蓝 低", "#3a76b8"),
    ),
)
"""From the worst to the best. The colours differ in lightness too, so that they survive a grey print."""


@dataclass(frozen=True)
class ByTerm:
    """Score a vocabulary field by its term. A term without a score (未知) is missing data."""

    field: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class BySteps:
    """Score a number: below the first limit that it stays under, else `beyond`. Null is missing data.

    With `over`, the number is first divided by that field.
    """

    field: str
    steps: tuple[tuple[float, float], ...]
    beyond: float
    over: str = ""


Score = ByTerm | BySteps

PEOPLE_STEPS = ((10, 1.0), (30, 2.0), (100, 3.0), (500, 4.0))
"""Severity by people in the impact radius: under 10, 30, 100, 500, else 5."""


def by_people(name: str = "people") -> BySteps:
    """Score severity by the number of people in the impact radius."""
    return BySteps(name, PEOPLE_STEPS, 5)


@dataclass(frozen=True)
class Rule:
    """A direct rule (直接判定): where `where` (CQL2 text) holds, the level is at least `at_least`."""

    id: str
    label: Label
    at_least: str
    where: str


@dataclass(frozen=True)
class Risk:
    """A layer's reading of the model. What it does not declare counts as 1 (no contribution), not as missing.

    `inspected` is the field of the last inspection and `every_days` the required interval; `control` gives the
    multiplier m of likelihood by term (1 where no measure is agreed).
    """

    condition: Score
    inspected: str = ""
    every_days: int = 365
    environment: tuple[Score, ...] = ()
    people: Score | None = None
    criticality: Score | None = None
    value: Score | None = None
    control: ByTerm | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def scores(self) -> tuple[Score, ...]:
        """Every score that reads a field."""
        parts = (self.condition, *self.environment, self.people, self.criticality, self.value, self.control)
        return tuple(p for p in parts if p is not None)


@dataclass(frozen=True)
class RiskConfig:
    """Weights, steps and cuts of the model: our proposal, not a standard. Change it only as a new version.

    Worst-biased as the NBI's lowest-component rating; cuts are the midpoints of the gaps of the 5x5 matrix.
    """

    weights: Mapping[str, float] = field(
        default_factory=lambda: {"condition": 0.40, "hazards": 0.30, "time": 0.15, "environment": 0.15}
    )
    worst: float = 0.6
    neutral: float = 3.0
    hatch_below: float = 0.6
    time_steps: tuple[tuple[float, float], ...] = ((1, 1), (1.25, 2), (1.5, 3), (2, 4))
    never_inspected: float = 5
    cuts: Mapping[str, float] = field(default_factory=lambda: {"红": 18, "橙": 13.5, "黄": 8.5})
    overdue_days: int = 30
    area_worst: float = 0.5
    area_top: int = 5

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as it is stored with its version."""
        return asdict(self)
