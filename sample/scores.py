"""The scores: contractors and their managers 127.27 points each, supervising firms and chiefs 140.8 (report 1.5.1).

A firm and its person get the same points for the same clause on the same day.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from sample.days import within
from sample.firms import chief_supervisor, contractor, manager, supervisor
from sample.money import share, sizes
from sample.names import pick
from sample.past import Row
from sample.plane import seeded

BASIS = "福建省建设工程质量安全动态监管办法"
LIMIT = 8.0  # points at one time


@dataclass(frozen=True)
class _Side:
    """A firm's party and its person's, each with who it is at a site; the points of either, in steps, so many times."""

    firm: tuple[str, Callable[[str], str]]
    person: tuple[str, Callable[[str], str]]
    points: float
    step: float
    times: int
    clauses: tuple[str, ...]


SIDES = (
    _Side(
        ("施工单位", contractor),
        ("项目经理", manager),
        127.27,
        0.01,
        41,
        ("深基坑临边防护不到位", "高处作业未设防护", "临时用电不规范", "未按专项方案施工", "实名制管理不到位"),
    ),
    _Side(
        ("监理单位", supervisor),
        ("项目总监", chief_supervisor),
        140.8,
        0.1,
        37,
        ("未督促整改隐患", "旁站监理缺失", "未审查专项方案", "总监到岗不足", "监理日志不全"),
    ),
)


def records(subjects: dict[str, list[Row]]) -> list[Row]:
    """Return the scores as records of the layer scores; `subjects` are the other layers' rows by name."""
    sites = [site for site in subjects["project_sites"] if site["start_actual"]]
    rows = [row for side in SIDES for row in _scored(sites, side)]
    rows.sort(key=lambda row: (row["scored_on"], row["name"]))
    return [row | {"code": f"JF-{i:03d}"} for i, row in enumerate(rows, 1)]


def _scored(sites: list[Row], side: _Side) -> Iterator[Row]:
    rng = seeded(f"scores {side.firm[0]}")
    limit = np.full(side.times, LIMIT)
    for i, points in enumerate(share(side.points, sizes(side.times, 0.6, rng), side.step, limit=limit), 1):
        site, clause = sites[int(rng.random() * len(sites))], pick(rng, side.clauses)
        on = within(rng, max(site["start_actual"], date(2023, 1, 16)), site["end_actual"] or date(2023, 10, 27))
        for party, of in (side.firm, side.person):
            yield {
                "name": f"{site['name']}{party}记分{i}",
                "party": party,
                "party_name": of(site["code"]),
                "points": round(float(points), 2),
                "scored_on": on,
                "clause": clause,
                "basis": BASIS,
                "subject_layer": "project_sites",
                "subject_code": site["code"],
                "geom": None,
            }
