"""The water network of the sample district: where its rivers run, on the plane, in metres.

Rivers grow from their mouths on the rim into the land along the edges of a triangulation, as a forest: so none crosses
another, every one finds the rim, and tributaries end in a vertex of the river that they join. The longest way up from
each mouth or confluence is one river.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from heapq import heappop, heappush

import numpy as np
import shapely
from shapely.ops import substring

from sample.areas import outline
from sample.plane import GEOD, Array, joined, seeded, smooth, stored, wind

RIVERS = 55
SPACING = 960.0  # metres between the nodes of the network
MOUTHS = 25
INSIDE = 45.0  # metres between a mouth and the rim: the district's records end at the dike
BANK = 260.0  # metres that a river keeps from the rim, but for its mouth
SHORTEST = 520.0  # metres of its main line that a river keeps, however dry its spring
STEP = 22.0
CULVERT = 70.0  # metres of a river that run under ground, where it has a culvert
CULVERTED = (8,)  # rivers without branches and with so many stretches have one
WIDEST_COSINE = 0.45  # waters meet, and a river turns, at 63 degrees or more


@dataclass
class Water:
    """One river on the plane: its nodes from source to end, what it joins (None at the rim), and its own branches."""

    nodes: list[int]
    joins: "Water | None" = None
    branches: list["Water"] = field(default_factory=list)


@cache
def _network() -> tuple[Array, dict[int, int]]:
    """Return the nodes (n x 2) and the node downstream of each; mouths have none."""
    rng = seeded("waters")
    land = outline()
    rim = shapely.buffer(land, -INSIDE).exterior
    at = (np.arange(MOUTHS) + 0.5 * rng.random(MOUTHS)) / MOUTHS
    mouths = shapely.get_coordinates(shapely.line_interpolate_point(rim, at, normalized=True))
    rows, columns = np.mgrid[0:22, 0:24]
    grid = np.column_stack([(columns + rows % 2 / 2).ravel() * SPACING, rows.ravel() * SPACING * 0.866])
    grid += (rng.random(grid.shape) - 0.5) * 0.62 * SPACING
    inner = shapely.buffer(land, -0.42 * SPACING)
    nodes = np.vstack([mouths, grid[shapely.contains_xy(inner, grid)]])
    return nodes, _forest(nodes, _neighbours(nodes), rng)


def _neighbours(nodes: Array) -> dict[int, list[int]]:
    """Return which nodes an edge of the Delaunay triangulation joins, where it stays well inside the district."""
    number = {tuple(point): i for i, point in enumerate(nodes.tolist())}
    edges = shapely.get_parts(shapely.delaunay_triangles(shapely.multipoints(nodes), only_edges=True))
    inner = shapely.buffer(outline(), -INSIDE + 1)
    found: dict[int, list[int]] = {i: [] for i in range(len(nodes))}
    for edge in edges:
        a, b = (number[tuple(p)] for p in shapely.get_coordinates(edge).tolist())
        far = shapely.distance(outline().exterior, shapely.line_interpolate_point(edge, 0.5, normalized=True)) > BANK
        if edge.length < 1.9 * SPACING and far and inner.contains(edge) and max(a, b) >= MOUTHS:
            found[a].append(b)
            found[b].append(a)
    return {i: sorted(others) for i, others in found.items()}


def _forest(nodes: Array, neighbours: dict[int, list[int]], rng: np.random.Generator) -> dict[int, int]:
    """Grow from all mouths at once along the cheapest edges: one way from a mouth, two from a node, no hairpin."""
    downstream: dict[int, int] = {}
    taken: list[list[Array]] = [[] for _ in nodes]
    queue: list[tuple[float, int, int]] = []

    def offer(node: int, cost: float) -> None:
        for other in neighbours[node]:
            if other >= MOUTHS and other not in downstream:
                length = float(np.hypot(*(nodes[other] - nodes[node])))
                heappush(queue, (cost + length * (0.35 + 1.3 * rng.random()), node, other))

    for mouth in range(MOUTHS):
        offer(mouth, 0.0)
    while queue:
        cost, node, other = heappop(queue)
        if other not in downstream and len(taken[node]) < (1 if node < MOUTHS else 3):
            way = (nodes[other] - nodes[node]) / np.hypot(*(nodes[other] - nodes[node]))
            if all(way @ taken_way < WIDEST_COSINE for taken_way in taken[node]):
                downstream[other] = node
                taken[node].append(way)
                taken[other].append(-way)
                offer(other, cost)
    return downstream


def _rivers() -> list[Water]:
    """Cut the forest into rivers, and make the shortest tributaries branches of what they join, until 55 remain."""
    nodes, downstream = _network()
    upstream: dict[int, list[int]] = {}
    for node, below in sorted(downstream.items()):
        upstream.setdefault(below, []).append(node)

    def reach(node: int) -> float:
        return max((reach(u) + float(np.hypot(*(nodes[u] - nodes[node]))) for u in upstream.get(node, ())), default=0.0)

    def climb(start: list[int], joins: Water | None) -> Iterator[Water]:
        way = list(start)
        while way[-1] in upstream:
            way.append(max(upstream[way[-1]], key=reach))
        water = Water(way[::-1], joins)
        yield water
        for node in way[len(start) - 1 :]:
            for other in upstream.get(node, ()):
                if other not in way:
                    yield from climb([node, other], water)

    rivers = [w for mouth in range(MOUTHS) if mouth in upstream for w in climb([mouth], None)]
    joined_by = [w.joins for w in rivers]
    leaves = sorted((w for w in rivers if w.joins and w not in joined_by), key=lambda w: len(w.nodes))
    for leaf in leaves[: len(rivers) - RIVERS]:
        assert leaf.joins is not None
        leaf.joins.branches.append(leaf)
        rivers.remove(leaf)
    return rivers


def _stretches(water: Water) -> list[Array]:
    """Draw one river: a curve through its nodes that winds between them and enters its confluence downstream."""
    nodes, downstream = _network()
    points = nodes[water.nodes]
    end = water.nodes[-1]
    after = points[-1] + (points[-1] - points[-2]) / 2
    if end in downstream:
        after = (after + nodes[downstream[end]]) / 2
    rng = seeded(f"water {water.nodes[0]}")
    stretches = smooth(points, STEP, after=after)
    return [wind(s, 55 + 35 * rng.random(), 620 + 300 * rng.random(), 6.28 * rng.random()) for s in stretches]


@cache
def _drawn() -> tuple[tuple[list[Array], ...], ...]:
    """Return for each river its own stretches from node to node, then those of its branches."""
    return tuple((_stretches(w), *(_stretches(b) for b in w.branches)) for w in _rivers())


def main_lines() -> list[Array]:
    """Return for each river its whole main line (n x 2, downstream), without branches, culverts and dry springs."""
    return [joined(lines[0]) for lines in _drawn()]


def courses(spring: float) -> list[list[Array]]:
    """Return for each river its lines (n x 2, downstream): the main line, what a culvert cuts off, the branches.

    `spring` is the part (0 to 1) of the first stretch of every line that lies dry: with it the rivers get shorter.
    """
    found = []
    for lines in _drawn():
        parts = [_without_spring(joined(line), spring * _length(line[0])) for line in lines]
        if len(lines[0]) in CULVERTED and len(lines) == 1:
            parts = _culvert(parts[0], lines[0])
        found.append(parts)
    return found


def _without_spring(line: Array, dry: float) -> Array:
    dry = min(dry, max(_length(line) - SHORTEST, 0))
    return np.asarray(shapely.get_coordinates(substring(shapely.linestrings(line), dry, _length(line))))


def _length(line: Array) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _culvert(line: Array, stretches: list[Array]) -> list[Array]:
    """Take `CULVERT` metres out of a line, halfway between two nodes, where nothing joins it."""
    whole = shapely.linestrings(line)
    below = [_length(stretch) for stretch in stretches[len(stretches) // 2 :]]
    at = whole.length - sum(below) + below[0] / 2
    upper = substring(whole, 0, at - CULVERT / 2)
    lower = substring(whole, at + CULVERT / 2, whole.length)
    return [shapely.get_coordinates(upper), shapely.get_coordinates(lower)]


def length_km(lines: list[Array]) -> float:
    """Return the geodesic length of lines of the plane, as they will be stored."""
    return sum(GEOD.geometry_length(stored(shapely.linestrings(line))) for line in lines) / 1000


def spring_for(chosen: list[int], km: float) -> float:
    """Return how dry the springs must be for the chosen rivers to be `km` long in all, by bisection."""
    low, high = 0.0, 0.95
    while high - low > 1e-7:
        middle = (low + high) / 2
        all_courses = courses(middle)
        longer = sum(length_km(all_courses[i]) for i in chosen) > km
        low, high = (middle, high) if longer else (low, middle)
    return (low + high) / 2


def tributary() -> list[bool]:
    """Return for each river whether it joins another one (and does not reach the rim itself)."""
    return [w.joins is not None for w in _rivers()]
