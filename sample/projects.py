"""The project sites: 59 of urban renewal, 36 of the contest, 23 against congestion (report 1.1), three hot springs.

Money in 万元. Each programme's sums are the report's; how they are shared is made up.
"""

from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import shapely

from sample.areas import sub_districts
from sample.days import CLOCK, inspected, within
from sample.money import share, sizes
from sample.names import PLACES, weighted
from sample.plane import Array, Random, scatter, seeded, stored
from sample.project_names import BULK, CONTEST, HOT_SPRINGS, RENEWAL, TRAFFIC, Named
from sample.rivers import network

Row = dict[str, Any]
MU = 10_000 / 15  # square metres of one 亩


def _listed(programme: str, categories: dict[str, tuple[Named, ...]], status: dict[str, int], rng: Random) -> list[Row]:
    """List a programme's projects, their statuses spread by chance; those the report calls completed are."""
    rows = [
        {"programme": programme, "category": category, "name": name, "area": area}
        for category, named in categories.items()
        for name, area in named
    ]
    words = [word for word, count in status.items() for _ in range(count)]
    order = np.argsort(rng.random(len(rows)), kind="stable").tolist()
    for word, i in zip(words, order, strict=True):
        rows[i]["status"] = word
    _let(rows, "XX村停车场", "完工")
    for name in ("胪厦溪综合整治", "浦口河综合整治", "地铁4号线仓山段", "滨海快线仓山段", "白湖亭立交改造工程"):
        _let(rows, name, "在建")
    return rows


def _let(rows: list[Row], name: str, status: str) -> None:
    """Give a project a status by exchanging it with the first project that has it."""
    for row in rows:
        if row["name"] == name and row["status"] != status:
            other = next(r for r in rows if r["status"] == status and "{}" in r["name"])
            row["status"], other["status"] = status, row["status"]


def _states(rows: list[Row], values: dict[str, float]) -> Array:
    return np.array([values[row["status"]] for row in rows])


def _sizes(rows: list[Row], spread: float, rng: Random) -> Array:
    """Return how the projects' investments compare with each other."""
    bulk = [next((size for word, size in BULK.items() if word in row["name"]), 1.0) for row in rows]
    return np.asarray(sizes(len(rows), spread, rng) * np.array(bulk))


def _renewal(rng: Random) -> list[Row]:
    rows = _listed("城市更新品质提升", RENEWAL, {"完工": 22, "在建": 33, "停工": 1, "前期": 3}, rng)
    finished = _states(rows, {"完工": 1, "在建": 0, "停工": 0, "前期": 0}) == 1
    planned = share(615_500, _sizes(rows, 0.5, rng) * np.where(finished, 0.8, 1.0), 50)
    part = _states(rows, {"完工": 0, "在建": 1, "停工": 0.5, "前期": 0.1}) * (0.5 + rng.random(59))
    done = np.where(finished, planned, 0)
    done = done + share(328_500 - done.sum(), planned * part, 50, limit=np.where(finished, 0, 0.9 * planned))
    before = np.floor(planned * np.maximum(rng.random(59) * 1.6 - 0.5, 0) / 50) * 50
    before *= _states(rows, {"完工": 1, "在建": 1, "停工": 1, "前期": 0})
    after = np.where(finished, 0, np.floor(planned * rng.random(59) / 50) * 50)
    return _with_money(rows, before + planned + after, planned, done, before + done)


def _contest(rng: Random) -> list[Row]:
    rows = _listed("市属城建项目竞赛", CONTEST, {"完工": 3, "在建": 31, "前期": 2}, rng)
    of_category = {"房建": 1.2, "市政": 1.0, "园林": 0.15, "房管": 0.2, "水系": 0.4, "地铁": 16.0}
    total = share(11_033_800, _sizes(rows, 0.4, rng) * np.array([of_category[r["category"]] for r in rows]), 100)
    finished = _states(rows, {"完工": 1, "在建": 0, "前期": 0}) == 1
    planned = share(1_256_800, total * (0.06 + 0.25 * rng.random(36)), 100, limit=0.45 * total)
    part = _states(rows, {"完工": 1.6, "在建": 1, "前期": 0.2}) * (0.6 + 0.7 * rng.random(36))
    done = share(907_600, planned * part, 100, limit=planned)
    before = np.where(finished, total - done, np.floor((total - planned) * (0.1 + 0.6 * rng.random(36)) / 100) * 100)
    before *= _states(rows, {"完工": 1, "在建": 1, "前期": 0})
    return _with_money(rows, total, planned, done, before + done)


def _traffic(rng: Random) -> list[Row]:
    rows = _listed("交通治堵", TRAFFIC, {"完工": 12, "在建": 10, "前期": 1}, rng)
    total = share(197_400, _sizes(rows, 0.45, rng), 50)
    finished = _states(rows, {"完工": 1, "在建": 0, "前期": 0}) == 1
    limit = np.where(finished, total, 0.94 * total) * _states(rows, {"完工": 1, "在建": 1, "前期": 0.05})
    part = _states(rows, {"完工": 1, "在建": 0.72, "前期": 0.02}) * (0.9 + 0.1 * rng.random(23))
    to_date = share(161_900, total * part, 50, limit=limit)
    done = np.floor(to_date * (0.35 + 0.4 * rng.random(23)) / 50) * 50
    planned = np.where(finished, done, np.floor(done * (1.05 + 0.4 * rng.random(23)) / 50) * 50 + 100)
    return _with_money(rows, total, np.minimum(planned, total), done, to_date)


def _hot_springs() -> list[Row]:
    rows: list[Row] = [
        {"programme": "其他", "category": "其他", "name": n, "area": a, "status": "在建"} for n, a in HOT_SPRINGS
    ]
    rows[0]["status"] = "完工"
    money = np.array([(6_800, 2_400, 2_400, 6_800), (9_200, 5_200, 4_300, 7_900), (183_000, 36_000, 29_500, 158_000)])
    return _with_money(rows, *money.T.astype(float))


def _with_money(rows: list[Row], total: Array, planned: Array, done: Array, to_date: Array) -> list[Row]:
    for i, row in enumerate(rows):
        row |= {
            "total_investment": total[i],
            "planned_investment": planned[i],
            "done_investment": done[i],
            "done_to_date": to_date[i],
        }
        share_done = 100 * to_date[i] / total[i]
        row["progress"] = 100.0 if row["status"] == "完工" else float(min(round(share_done), 97))
    return rows


def _dates(row: Row, rng: Random) -> Row:
    """Return the four days of a project, in order and fitting its status and its money."""
    started_before = row["done_to_date"] > row["done_investment"]
    first, last = (date(2020, 9, 1), date(2022, 10, 31)) if started_before else (date(2023, 1, 5), date(2023, 4, 20))
    if row["status"] == "前期":
        planned = within(rng, date(2023, 11, 10), date(2024, 5, 31))
        return {"start_planned": planned, "end_planned": planned + timedelta(days=540)}
    planned = within(rng, first, last)
    days = {"start_planned": planned, "start_actual": planned + timedelta(days=int(40 * rng.random()))}
    if row["status"] == "完工":
        ended = within(rng, max(date(2023, 5, 8), days["start_actual"] + timedelta(days=90)), date(2023, 10, 27))
        return days | {"end_planned": ended + timedelta(days=int(60 * rng.random()) - 20), "end_actual": ended}
    left = 30 + 9 * (100 - row["progress"]) * rng.random()
    return days | {"end_planned": CLOCK + timedelta(days=int(left) - (45 if rng.random() < 0.12 else 0))}


def _safety(row: Row, rng: Random) -> Row:
    """Return what the safety station knows of a site; what has not begun has not been rated."""
    if row["status"] == "前期":
        return {"danger": "无", "rating": "未知", "people": float(5 + int(20 * rng.random()))}
    big = row["total_investment"] > 20_000
    danger = weighted(rng, {"无": 0.35, "危大": 0.65} if big else {"无": 0.8, "危大": 0.17, "超规模": 0.03})
    danger = "超规模" if row["name"] == "地铁4号线仓山段" else "无" if row["status"] == "完工" else danger
    pit = {"超规模": 5.5 + 9 * rng.random(), "危大": 3.1 + 1.8 * rng.random()}.get(danger)
    checked = inspected(rng, 30, late=0.05)
    if row["status"] == "完工":
        checked = within(rng, row["end_actual"] - timedelta(days=25), row["end_actual"])
    return {
        "danger": danger,
        "pit_depth_m": None if pit is None else round(pit, 1),
        "rating": weighted(rng, {"优良": 0.3, "合格": 0.67, "不合格": 0.0 if big or row["status"] == "完工" else 0.06}),
        "checked_on": checked,
        "people": float(round((60 if big else 20) * np.exp(0.6 * rng.standard_normal()))),
    }


def _unit(row: Row) -> str:
    own = {"水系": "区水系联排联调中心", "地铁": "市地铁集团", "园林": "区园林中心", "房管": "区房管局"}
    return own.get(row["category"], "区城乡建设发展有限公司" if row["programme"] == "城市更新品质提升" else "区建设局")


def _names(rows: list[Row]) -> None:
    """Put the places of each sub-district into the names, in turn, so that no two projects are called alike."""
    turn = dict.fromkeys(PLACES, 0)
    taken: set[str] = set()
    for row in rows:
        places = PLACES[row["area"]]
        for _ in range(len(places) if "{}" in row["name"] else 0):
            name = row["name"].format(places[turn[row["area"]] % len(places)])
            turn[row["area"]] += 1
            if name not in taken:
                row["name"] = name
                break
        taken.add(row["name"])


def site(at: Array, area_m2: float, rng: Random) -> Any:  # noqa: ANN401 - a shapely polygon
    """Draw a building site: a rectangle with one corner cut, turned as its street runs."""
    width = np.sqrt(area_m2 * (1.2 + 0.8 * rng.random()))
    height = area_m2 / width
    corners = np.array([(0, 0), (1, 0), (1, 0.7), (0.75, 1), (0, 1)]) - 0.5
    corners = corners * (width, height) * np.sqrt(1 / 0.9625)
    turn = np.pi * rng.random()
    return shapely.polygons(corners @ [(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))] + at)


@cache
def _placed() -> tuple[Row, ...]:
    rng = seeded("projects")
    rows = [*_renewal(rng), *_contest(rng), *_traffic(rng), *_hot_springs()]
    _names(rows)
    places = {
        area: iter(scatter(shapely.buffer(face, -120), sum(r["area"] == area for r in rows), rng, 420, network()))
        for area, face in sub_districts().items()
    }
    for row in rows:
        row.update(_dates(row, rng))
        row.update(_safety(row, rng) | {"unit": _unit(row)})
        at = next(places[row["area"]])
        known = {"首开螺洲小镇温泉中心": 51.6 * MU}.get(row["name"])
        size = known or 1500 + 14_000 * rng.random() ** 2
        row["geom"] = site(at, size, rng) if known or rng.random() < 0.35 else shapely.points(at)
    return tuple(rows)


def records() -> list[Row]:
    """Return the projects as records of the layer project_sites."""
    rows = []
    for i, placed in enumerate(_placed(), 1):
        row = {key: value for key, value in placed.items() if key != "area"} | {"code": f"XM-{i:03d}"}
        shape = row["geom"]
        row["geom"] = stored(shape if shape.geom_type == "Point" else shapely.multipolygons([shape]))
        rows.append(row)
    return rows
