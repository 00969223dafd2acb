"""Rounds in which targets take turns, and what remains of them: medians, spread, ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

OURS = "gis"
"""The target that all others are compared with."""
_PATIENCE = 120.0
"""Seconds that all turns of one target at one work may take; then it has no further ones."""

Unit = Literal["requests/s", "s"]


@dataclass(frozen=True)
class Sample:
    """What one turn measured, and what else it saw: milliseconds, bytes, MiB."""

    value: float
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """Something to be done, and how each target does it once; the first target is the limit."""

    name: str
    unit: Unit
    targets: Mapping[str, Callable[[], Sample]]


@dataclass(frozen=True)
class Result:
    """The median of a target's turns, the lowest and the highest; or why there was none."""

    median: float = 0.0
    low: float = 0.0
    high: float = 0.0
    turns: int = 0
    facts: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""


def measured(work: Work, rounds: int, settle: Callable[[], None]) -> dict[str, Result]:
    """Let the targets take turns, so many rounds; who fails once, or has taken too long, sits the others out.

    Before each turn things `settle`: what one left under way would be counted against the next.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in work.targets}
    failures: dict[str, str] = {}
    spent = dict.fromkeys(work.targets, 0.0)
    for _ in range(rounds):
        for name, turn in work.targets.items():
            if name in failures or spent[name] > _PATIENCE:
                continue
            settle()
            begun = time.monotonic()
            try:
                samples[name].append(turn())
            except Exception as error:  # noqa: BLE001 - others' systems fail in their own ways, and the run goes on
                failures[name] = f"{type(error).__name__}: {error}"[:300]
            spent[name] += time.monotonic() - begun
    return {name: Result(failure=failures[name]) if name in failures else _of(samples[name]) for name in samples}


def _of(samples: list[Sample]) -> Result:
    values = [sample.value for sample in samples]
    names = dict.fromkeys(name for sample in samples for name in sample.facts)
    facts = {name: statistics.median(sample.facts[name] for sample in samples) for name in names}
    return Result(statistics.median(values), min(values), max(values), len(values), facts)


def ratios(unit: Unit, results: Mapping[str, Result]) -> Iterator[tuple[str, float]]:
    """Yield, for each other target, how many times as fast as it the service is."""
    ours = results.get(OURS, Result())
    for name, other in results.items():
        if name != OURS and ours.median and other.median:
            yield name, ours.median / other.median if unit == "requests/s" else other.median / ours.median
