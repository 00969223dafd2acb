"""The heritage buildings: old streets of 仓前, 上渡 and 对湖, and the villages 螺洲 and 林浦 (report 1.2.3)."""

from datetime import date
from typing import Any

import numpy as np
import shapely

from sample.days import inspected, within
from sample.names import pick, weighted
from sample.plane import Array, Random, seeded, stored
from sample.rivers import network

# cluster: address, centre in km, houses, how its streets run (degrees)
CLUSTERS = {
    "仓前": ("仓前街道烟台山", (11.15, 10.02), 36, 24.0),
    "对湖": ("对湖街道程埔头", (10.2, 8.95), 14, 8.0),
    "上渡": ("上渡街道上渡路", (9.0, 10.45), 9, -15.0),
    "螺洲": ("螺洲镇店前", (13.9, 1.05), 20, 35.0),
    "林浦": ("城门镇林浦村", (17.3, 8.95), 16, -38.0),
    "阳岐": ("盖山镇阳岐村", (9.5, 4.5), 6, 50.0),
}
LOT = 46.0  # metres from house to house along a street

# names as they are known; the rest of a cluster's houses are named after families
KNOWN = {
    "仓前": (
        ("石厝教堂", "省级文物保护单位"),
        ("美国领事馆旧址", "省级文物保护单位"),
        ("英国领事馆旧址", "市县级文物保护单位"),
        ("汇丰银行旧址", "市县级文物保护单位"),
        ("天安堂", "市县级文物保护单位"),
        ("乐群楼", "市县级文物保护单位"),
        ("以园", "历史建筑"),
        ("梦园", "历史建筑"),
        ("可园", "历史建筑"),
        ("爱庐", "历史建筑"),
        ("忠庐", "历史建筑"),
    ),
    "对湖": (
        ("鹤龄英华中学旧址", "省级文物保护单位"),
        ("华南女子学院旧址", "省级文物保护单位"),
        ("程埔头古民居", "登记点"),
    ),
    "上渡": (("陵园楼", "登记点"), ("上渡天后宫", "登记点")),
    "螺洲": (
        ("陈宝琛故居", "全国重点文物保护单位"),
        ("陈氏五楼", "全国重点文物保护单位"),
        ("螺洲孔庙", "省级文物保护单位"),
        ("螺洲天后宫", "市县级文物保护单位"),
    ),
    "林浦": (
        ("泰山宫", "省级文物保护单位"),
        ("濂江书院", "市县级文物保护单位"),
        ("林浦进士坊", "市县级文物保护单位"),
        ("林浦断桥", "登记点"),
    ),
    "阳岐": (("严复故居", "省级文物保护单位"), ("尚书祖庙", "市县级文物保护单位")),
}
OTHER_LEVELS = {"市县级文物保护单位": 4, "登记点": 15, "历史建筑": 16, "传统风貌建筑": 14, "其他古厝": 26}
RECOMMENDED = {"历史建筑": 6, "传统风貌建筑": 10}
REPAIRED, REVIVED, BOTH = 5, 10, 2  # works completed this year; buildings that had both
MONUMENTS = ("全国重点文物保护单位", "省级文物保护单位", "市县级文物保护单位", "登记点")


def _houses(rng: Random) -> list[dict[str, Any]]:
    """Place the houses along the streets of their cluster; each with its name, level and outline."""
    rows = []
    water = shapely.buffer(network(), 25)
    for cluster, (address, (x, y), count, degrees) in CLUSTERS.items():
        turn = np.radians(degrees)
        axes = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
        lots = np.array([(i, j) for i in range(-6, 7) for j in range(-6, 7)])
        lots = lots[np.argsort(np.hypot(*(lots * (0.75, 1.15)).T) + 1.6 * rng.random(len(lots)), kind="stable")]
        centres = lots * (LOT, LOT * 1.25) @ axes + np.array([x, y]) * 1000 + 6 * rng.standard_normal((len(lots), 2))
        centres = centres[~shapely.intersects_xy(water, centres)][:count]
        for i, centre in enumerate(centres):
            known = KNOWN[cluster][i] if i < len(KNOWN[cluster]) else (None, None)
            rows.append({"cluster": cluster, "name": known[0], "level": known[1], "address": f"{address}{i + 1}号"})
            rows[-1] |= _outline(centre, axes, rng)
    return rows


def _outline(centre: Array, axes: Array, rng: Random) -> dict[str, Any]:
    """Draw a house: deep and narrow with a light well, or as a point where nobody has measured it."""
    width, depth = 11 + 9 * rng.random(), 17 + 14 * rng.random()
    box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, depth / 2)
    well = box * (0.35, 0.22)
    measured = rng.random() < 0.7
    shape = shapely.Polygon(box @ axes + centre, [well @ axes + centre] if rng.random() < 0.4 else [])
    floors = 1 + int(rng.random() * 2.4)
    return {
        "floor_area_m2": float(round(shape.area * floors)),
        "geom": stored(shapely.multipolygons([shape]) if measured else shapely.points(centre)),
    }


def _levels(rows: list[dict[str, Any]], rng: Random) -> None:
    """Give the unnamed houses their level, and the recommended ones among them their state."""
    words = [word for word, count in OTHER_LEVELS.items() for _ in range(count)]
    free = [row for row in rows if row["level"] is None]
    order = np.argsort(rng.random(len(free)), kind="stable").tolist()
    left = dict(RECOMMENDED)
    families: dict[str, int] = {}
    for word, i in zip(words, order, strict=True):
        row = free[i]
        row["level"] = word
        if left.get(word, 0) > 0:
            left[word] -= 1
            row["announcement"] = "推荐"
    for row in free:
        family = f"{row['cluster']}{pick(rng, '林陈郑黄潘叶刘吴张')}氏{pick(rng, ('民居', '古厝', '祠堂', '宅'))}"
        families[family] = families.get(family, 0) + 1
        row["name"] = (
            family if families[family] == 1 else f"{family}{'之' + '一二三四五六七八九'[families[family] - 1]}"
        )
    for row in rows:
        by_level = {"其他古厝": "普查登记", "传统风貌建筑": weighted(rng, {"公布": 3, "公示": 1})}
        row.setdefault("announcement", by_level.get(row["level"], "公布"))
        announced = row["announcement"] == "公布"
        row["batch"] = (
            f"第{pick(rng, '一二三四五六')}批"
            if announced
            else "第七批（推荐）"
            if row["announcement"] == "推荐"
            else None
        )


def _works(rows: list[dict[str, Any]], rng: Random) -> None:
    """Spread repairs and revivals: this year's of the report, earlier ones, and those not yet done."""
    order = np.argsort(rng.random(len(rows)), kind="stable").tolist()
    this_year = (date(2023, 2, 13), date(2023, 10, 20))
    revived = order[REPAIRED - BOTH : REPAIRED - BOTH + REVIVED]
    for i in order[:REPAIRED]:
        rows[i] |= {"repair": "完工", "repaired_on": within(rng, this_year[0], date(2023, 6, 30)), "condition": "良好"}
    for i in revived:
        rows[i] |= {"revival": "完工", "revived_on": within(rng, date(2023, 7, 1), this_year[1]), "use": "公共"}
        rows[i] |= {"condition": rows[i].get("condition", "一般")}
    rows[revived[-1]]["use"] = "租养"
    rest = order[REPAIRED - BOTH + REVIVED :]
    for i in rest[:8]:
        earlier = within(rng, date(2020, 4, 1), date(2022, 12, 20))
        rows[i] |= {"repair": "完工", "repaired_on": earlier, "condition": "良好"}
    for i in rest[8:12]:
        rows[i] |= {"repair": "施工中", "condition": "较差"}
    for i in rest[12:18]:
        rows[i] |= {"repair": "方案已定", "condition": pick(rng, ("较差", "一般"))}
    rows[rest[12]]["condition"] = "很差"
    for i in rest[18:22]:
        rows[i] |= {"revival": pick(rng, ("方案已定", "施工中"))}


def records() -> list[dict[str, Any]]:
    """Return the heritage buildings as records of the layer heritage_buildings."""
    rng = seeded("heritage")
    rows = _houses(rng)
    _levels(rows, rng)
    _works(rows, rng)
    for i, row in enumerate(rows, 1):
        foreign = row["cluster"] in ("仓前", "对湖") and rng.random() < 0.45
        structure = weighted(rng, {"砖木": 6, "砖混": 2, "石": 1} if foreign else {"木": 5, "砖木": 4})
        row |= {
            "code": f"GC-{i:03d}",
            "structure": structure,
            "era": pick(rng, ("清末", "民国")) if foreign else pick(rng, ("明", "清", "清", "清末", "民国")),
            "patrolled_on": inspected(rng, 30, late=0.1, never=0.02),
            "people": float(4 + int(28 * rng.random())),
        }
        row.setdefault("condition", weighted(rng, {"良好": 4, "一般": 9, "较差": 0.6}))
        row.setdefault("use", weighted(rng, {"自用": 6, "空置": 3, "公共": 2 if row["level"] in MONUMENTS else 0.5}))
        row.setdefault("repair", "无")
        row.setdefault("revival", "无")
        del row["cluster"]
    return rows
