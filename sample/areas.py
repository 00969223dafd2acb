"""The district and its fourteen sub-districts: an outline and inner borders drawn by hand, and the faces between them.

Names and codes are those of GB/T 10114; the shapes are made up (示意). Borders meet in shared vertices, so the
sub-districts tile the district without gap or overlap.
"""

from functools import cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Point, Polygon

from sample.plane import joined, seeded, smooth, stored, wind

STEP = 60.0

# the rim in km, clockwise from the north-west cape; borders begin and end at these points
RIM = (
    (0.55, 16.0), (2.2, 16.3), (3.7, 15.2), (4.8, 13.6), (6.2, 12.2), (7.8, 11.4), (9.3, 11.1), (10.4, 10.8),
    (11.7, 10.35), (13.0, 10.25), (14.4, 10.65), (15.7, 10.85), (16.9, 10.2), (18.0, 9.0), (19.4, 7.8), (20.95, 6.6),
    (21.95, 4.75), (21.2, 3.4), (19.5, 3.05), (17.6, 2.25), (15.7, 0.95), (13.5, 0.1), (11.9, 1.35), (10.3, 2.9),
    (8.6, 4.1), (6.7, 5.2), (5.1, 7.2), (3.8, 9.6), (2.2, 11.7), (0.7, 13.8),
)  # fmt: skip

# where three sub-districts meet, in km
JUNCTIONS = {
    "a": (5.9, 8.9), "b": (8.2, 9.3), "c": (9.5, 9.6), "d": (9.0, 8.5), "e": (10.5, 9.55), "f": (11.05, 9.3),
    "g": (11.7, 9.2), "h": (12.35, 8.95), "i": (13.1, 8.9), "j": (10.9, 7.9), "k": (12.5, 7.7), "l": (14.0, 7.6),
    "m": (15.7, 7.5), "n": (14.9, 3.2), "o": (7.7, 6.4),
}  # fmt: skip

# each border: rim point or junction, the points it passes, rim point or junction
BORDERS = (
    (4, (6.2, 10.6), "a"), (5, (8.1, 10.3), "b"), ("a", (7.0, 9.2), "b"), (6, "c"), ("c", (9.1, 9.1), "d"),
    ("b", (8.6, 8.8), "d"), (7, "e"), ("c", "e"), ("e", "f"), ("f", "g"), (8, "g"), (9, "i"), ("g", "h"), ("h", "i"),
    ("d", (9.9, 8.0), "j"), ("f", (11.1, 8.6), "j"), ("j", (11.7, 7.7), "k"), ("h", (12.5, 8.3), "k"),
    ("i", (13.7, 8.3), "l"), ("k", (13.2, 7.5), "l"), ("l", (14.8, 7.3), "m"), (11, (15.9, 9.3), "m"),
    ("m", (15.4, 6.2), (15.6, 4.6), "n"), ("n", (15.3, 1.8), 20), ("n", (13.4, 3.0), (12.0, 2.4), 22),
    (24, (8.5, 5.3), "o"), ("o", (7.1, 6.1), 25), ("o", (6.6, 7.6), "a"),
)  # fmt: skip

# code, name, level, residents, office, a point inside in km
AREAS = (
    ("350104001", "仓前街道", "街道", 29_800, "仓前路", (11.1, 10.0)),
    ("350104002", "东升街道", "街道", 38_200, "六一南路", (11.8, 8.5)),
    ("350104003", "对湖街道", "街道", 45_600, "上三路", (10.2, 8.8)),
    ("350104004", "临江街道", "街道", 31_500, "工农路", (9.9, 10.3)),
    ("350104005", "三叉街街道", "街道", 52_300, "则徐大道", (13.0, 8.2)),
    ("350104006", "上渡街道", "街道", 47_900, "上渡路", (8.8, 10.2)),
    ("350104007", "下渡街道", "街道", 41_700, "朝阳路", (12.4, 9.7)),
    ("350104008", "金山街道", "街道", 118_400, "金山大道", (6.8, 10.4)),
    ("350104100", "仓山镇", "镇", 96_300, "连江南路", (14.6, 9.0)),
    ("350104101", "城门镇", "镇", 163_700, "城门大道", (18.5, 5.5)),
    ("350104102", "盖山镇", "镇", 221_600, "盖山路", (10.5, 5.0)),
    ("350104103", "建新镇", "镇", 232_900, "建新北路", (3.5, 11.0)),
    ("350104104", "螺洲镇", "镇", 34_200, "螺洲路", (13.6, 1.4)),
    ("350104400", "红星农场", "其他", 3_900, "红星路", (7.5, 5.0)),
)
DISTRICT_CODE, DISTRICT_NAME = "350104", "仓山区"


@cache
def outline() -> Polygon:
    """Return the rim of the district on the plane, in metres."""
    rim = np.array(RIM) * 1000
    closed = np.vstack([rim, rim[:1]])
    stretches = smooth(closed, STEP, before=rim[-1], after=rim[1])
    return Polygon(joined([wind(s, 22, 1500, i) for i, s in enumerate(stretches)]))


@cache
def sub_districts() -> dict[str, Polygon]:
    """Return the sub-districts by name on the plane, in metres."""
    rng = seeded("borders")
    lines = [shapely.linestrings(outline().exterior.coords)]
    for border in BORDERS:
        points = np.array([_place(p) for p in border]) * 1000
        curve = joined(smooth(points, STEP))
        lines.append(shapely.linestrings(wind(curve, 40 + 40 * rng.random(), 2600, 6.28 * rng.random())))
    faces = shapely.get_parts(shapely.polygonize([shapely.node(shapely.multilinestrings(lines))]))
    found = {}
    for _, name, _, _, _, (x, y) in AREAS:
        (face,) = [f for f in faces if f.contains(Point(x * 1000, y * 1000))]
        found[name] = face
    return found


def _place(point: Any) -> tuple[float, float]:  # noqa: ANN401 - a rim number, a junction's letter or a place
    if isinstance(point, int):
        return RIM[point]
    return JUNCTIONS[point] if isinstance(point, str) else point


def containing(x: float, y: float) -> str:
    """Return the name of the sub-district that holds a point of the plane."""
    return next(name for name, face in sub_districts().items() if shapely.intersects_xy(face, x, y))


def records() -> list[dict[str, Any]]:
    """Return the district and its sub-districts as records of the layer areas."""
    faces = sub_districts()
    rows: list[dict[str, Any]] = [
        {
            "code": code,
            "name": name,
            "level": level,
            "population": people,
            "office": f"仓山区{road}",
            "geom": faces[name],
        }
        for code, name, level, people, road, _ in AREAS
    ]
    population = sum(row["population"] for row in rows)
    whole = {"code": DISTRICT_CODE, "name": DISTRICT_NAME, "level": "区县", "population": population}
    rows.insert(0, whole | {"office": "仓山区政府", "geom": outline()})
    for row in rows:
        row["geom"] = stored(shapely.multipolygons([row["geom"]]))
    return rows
