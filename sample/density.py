"""The same district N times as dense, for load tests: copies of every record but the areas, at places of their own.

Copy `k` of a record keeps its attributes; its number goes on counting, its name says which copy it is, and what it
refers to is copy `k` too. A place is computed from the record's number alone, so that chunks need no memory of others.
"""

from collections.abc import Callable, Collection, Iterator
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sample.areas import outline
from sample.plane import Array, on_plane, to_degrees
from sample.rivers import network

CHUNK = 100_000  # records in a frame, about
MARGIN = 130.0  # metres between the rim and the middle of a copy: the largest site fits
NAMES = {
    "rivers": "{}{}号沟",
    "bridges": "{}（{}号）",
    "gas_stations": "{}{}号店",
    "heritage_buildings": "{}{}号楼",
    "project_sites": "{}{}标段",
    "hazards": "{}（{}）",
    "inspections": "{}（{}）",
    "works": "{}（{}）",
    "notices": "{}（{}）",
    "scores": "{}（{}）",
}
HAZARD_NEAR = 9.0  # metres from its subject, along each axis

Numbers = NDArray[np.int64]
Frames = dict[str, gpd.GeoDataFrame]

# the shape of a copied river in a cell of side 1 around 0: it stays within the cell however it is turned
_T = np.linspace(-1, 1, 13)
_STREAM = np.column_stack([0.4 * _T, 0.08 * np.sin(2 * np.pi * _T)])
_GOLDEN = np.pi * (3 - np.sqrt(5))


def copies(layer: str, frames: Frames, scale: int, only: Collection[str] = tuple(NAMES)) -> Iterator[gpd.GeoDataFrame]:
    """Yield the copies of a layer's records in frames of about `CHUNK`; `frames` are the originals of all layers.

    Where `only` some layers are copied, the copies refer to nothing of the others: they stand by themselves.
    """
    original = frames[layer]
    if layer not in NAMES or layer not in only:
        return
    place = _Places(frames, scale)
    step = max(CHUNK // len(original), 1)
    for first in range(1, scale, step):
        some = np.arange(first, min(first + step, scale))
        copy, of = np.repeat(some, len(original)), np.tile(np.arange(len(original)), len(some))
        frame = pd.DataFrame(original.drop(columns="geom")).iloc[of].reset_index(drop=True)
        frame["code"] = _renumbered(frame["code"], copy, len(original))
        frame["name"] = [NAMES[layer].format(name, k + 1) for name, k in zip(frame["name"], copy.tolist(), strict=True)]
        alone = np.zeros(len(frame), dtype=bool)
        if "river_code" in frame:
            rivers = frame["river_code"] if "rivers" in only else [None] * len(frame)
            frame["river_code"] = _references(rivers, "rivers", copy, frames)
        if "subject_code" in frame:
            alone = (frame["subject_layer"].notna() & ~frame["subject_layer"].isin([*only])).to_numpy()
            frame.loc[alone, ["subject_layer", "subject_code"]] = None
            frame["subject_code"] = _references(frame["subject_code"], frame["subject_layer"], copy, frames)
        shapes = place.shapes(layer, copy, of, alone)
        yield gpd.GeoDataFrame(frame, geometry=shapes, crs=original.crs).rename_geometry("geom")


def _renumbered(codes: "pd.Series[str]", copy: Numbers, counts: "int | Numbers") -> list[str]:
    """Continue the numbers of codes: after the last of `counts` the first copy begins."""
    steps = (copy * counts).tolist()
    return [f"{c[:3]}{int(c[3:]) + step:03d}" for c, step in zip(codes, steps, strict=True)]


def _references(
    codes: "pd.Series[str] | list[None]", target: "str | pd.Series[str]", copy: Numbers, frames: Frames
) -> list[str | None]:
    counts = {layer: len(frame) for layer, frame in frames.items()}
    targets = [target] * len(codes) if isinstance(target, str) else target
    return [
        None if code is None else f"{code[:3]}{int(code[3:]) + k * counts[layer]:03d}"
        for code, layer, k in zip(codes, targets, copy.tolist(), strict=True)
    ]


class _Places:
    """Where the copies are: rivers each in a cell of their own, bridges on them, hazards by their subjects."""

    def __init__(self, frames: Frames, scale: int) -> None:
        self._frames = frames
        self._centres, self._side = _cells((scale - 1) * len(frames["rivers"]))

    def shapes(self, layer: str, copy: Numbers, of: Numbers, alone: NDArray[np.bool_]) -> NDArray[np.object_]:
        """Return the copies' geometries in EPSG:4490; of what is `alone` there is no subject whose place to take."""
        if layer == "rivers":
            numbers = (copy - 1) * len(self._frames["rivers"]) + of
            vertices = np.stack([self._vertex(numbers, np.full(len(numbers), v)) for v in range(len(_STREAM))], axis=1)
            index = np.repeat(np.arange(len(numbers)), len(_STREAM))
            lines = shapely.linestrings(to_degrees(vertices.reshape(-1, 2)), indices=index)
            return np.asarray(shapely.multilinestrings(lines, indices=np.arange(len(lines))))
        at = self._at(layer, copy, of)
        shapes = np.asarray(shapely.points(to_degrees(at)))
        originals = self._frames[layer].geom.to_numpy()
        shapes[shapely.is_missing(originals)[of] & ~alone] = None  # its place is its subject's
        is_area = (shapely.get_type_id(originals) > 0)[of]
        if is_area.any():
            shapes[is_area] = _moved(originals[of[is_area]], at[is_area])
        return shapes

    def _at(self, layer: str, copy: Numbers, of: Numbers) -> Array:
        """Return the middle of copies on the plane."""
        if layer == "bridges":
            rivers = self._index("rivers", self._frames["bridges"]["river_code"])[of]
            return self._vertex((copy - 1) * len(self._frames["rivers"]) + rivers, 1 + of * 5 % (len(_STREAM) - 2))
        if layer == "rivers":
            return self._vertex((copy - 1) * len(self._frames["rivers"]) + of, np.full(len(of), len(_STREAM) // 2))
        number = copy * len(self._frames[layer]) + of
        if layer != "hazards":
            return _anywhere(number, list(NAMES).index(layer))
        at = _anywhere(number, list(NAMES).index(layer))
        subject_layers = self._frames["hazards"]["subject_layer"].to_numpy()[of]
        for subject_layer in set(NAMES) - {"hazards"}:
            mine = subject_layers == subject_layer
            codes = self._frames["hazards"]["subject_code"].iloc[of[mine]]
            at[mine] = self._at(subject_layer, copy[mine], self._index(subject_layer, codes))
            at[mine] += HAZARD_NEAR * (2 * _unit_square(number[mine]) - 1)
        return at

    def _index(self, layer: str, codes: "pd.Series[str]") -> Numbers:
        row = {code: i for i, code in enumerate(self._frames[layer]["code"])}
        return np.array([row[code] for code in codes], dtype=np.int64)

    def _vertex(self, rivers: Numbers, vertex: Numbers) -> Array:
        """Return a vertex of copied rivers, counted over all copies."""
        turn = rivers * _GOLDEN
        x, y = self._side * _STREAM[vertex].T
        turned = np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
        return np.asarray(self._centres[rivers] + turned)


@cache
def _cells(count: int) -> tuple[Array, float]:
    """Return the centres of square cells inside the district that touch no original river, and their side in metres."""
    side = np.sqrt(outline().area / max(count, 1))
    while True:
        side *= 0.94
        inside, water = shapely.buffer(outline(), -side / 2 - 30), shapely.buffer(network(), side / 2)
        west, south, east, north = inside.bounds
        x, y = np.meshgrid(np.arange(west, east, side), np.arange(south, north, side))
        centres = np.column_stack([x.ravel(), y.ravel()])
        free: list[Callable[..., NDArray[np.bool_]]] = [shapely.contains_xy, lambda a, p: ~shapely.intersects_xy(a, p)]
        for area, test in zip((inside, water), free, strict=True):
            shapely.prepare(area)
            centres = centres[test(area, centres)]
        if len(centres) >= count:
            return centres[np.linspace(0, len(centres) - 1, count).astype(int)], float(side)


def _unit_square(number: Numbers) -> Array:
    """Spread numbers evenly over the unit square (Roberts' R2 sequence)."""
    return np.column_stack([number * 0.7548776662466927 % 1, number * 0.5698402909980532 % 1])


@cache
def _triangles() -> tuple[Array, Array]:
    """Cut the land inside the margin into triangles; return their corners (n x 3 x 2) and areas summed up (n)."""
    parts = shapely.get_parts(shapely.constrained_delaunay_triangles(shapely.buffer(outline(), -MARGIN)))
    return shapely.get_coordinates(parts).reshape(-1, 4, 2)[:, :3], np.cumsum(shapely.area(parts))


def _anywhere(number: Numbers, salt: int) -> Array:
    """Spread numbers evenly over the district, each salt in its own way; return points of the plane (n x 2)."""
    corners, areas = _triangles()
    wanted = (number * 0.6180339887498949 + salt * 0.137) % 1 * areas[-1]
    triangle = corners[np.minimum(np.searchsorted(areas, wanted), len(areas) - 1)]
    u, v = _unit_square(number + 7919 * salt).T[:, :, None]
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return np.asarray(triangle[:, 0] + u * (triangle[:, 1] - triangle[:, 0]) + v * (triangle[:, 2] - triangle[:, 0]))


def _moved(shapes: NDArray[np.object_], to: Array) -> NDArray[np.object_]:
    """Return shapes with their centroids moved to points of the plane; in and out EPSG:4490."""
    flat = on_plane(shapes)
    points, index = shapely.get_coordinates(flat, return_index=True)
    offset = to - shapely.get_coordinates(shapely.centroid(flat))
    return np.asarray(shapely.set_coordinates(flat, to_degrees(points + offset[index])))
