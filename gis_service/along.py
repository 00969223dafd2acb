"""What lies along a line: features within so many metres, in the order of chainage (桩号).

Distances are metres in the district's metric CRS; chainage is located on the projected line and given in geodesic
metres from its upstream end; left and right are those of one who looks downstream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import orjson
from shapely import LineString, Polygon, box
from shapely.ops import substring
from sqlalchemy import Connection, text

from gis_service.errors import UnknownValue
from gis_service.features import DECIMALS, find_layer
from gis_service.lines import Line, placed
from layers import STORED_SRID, Layer, Role, Subjected, own_columns, registry

MOST_METRES = 20_000
_PIECE, _MOST_PIECES = 100, 100
"""Metres of a line, at least, that one box is put around; and boxes around one part, at most."""
_ON = 0.05
"""A feature this near (metres) lies on the line, on neither side."""


@dataclass(frozen=True)
class Hits:
    """What lies along a line: how many per layer, and the features as a run of GeoJSON texts in chainage order."""

    line: Line
    within: float
    counts: dict[str, int]
    features: bytes

    def document(self) -> bytes:
        """Return the GeoJSON FeatureCollection, with the line itself and the counts as further members."""
        head = {
            "type": "FeatureCollection",
            "line": {
                "layer": self.line.layer.__tablename__,
                "code": self.line.code,
                "name": self.line.name,
                "length_m": round(self.line.length_m, 2),
                "parts": len(self.line.parts),
            },
            "within_m": self.within,
            "numberReturned": sum(self.counts.values()),
            "counts": self.counts,
        }
        return orjson.dumps(head)[:-1] + b',"features":[' + self.features + b"]}"


def along(connection: Connection, line: Line, targets: Sequence[type[Layer]], within: float) -> Hits:
    """Find what lies within so many metres of a line, or is linked to it, in chainage order.

    Each feature has `distance_m`, `chainage_m`, `chainage` (K1+234), `side` (left, right, on), `part` (1 is the main
    stem) and `why` it matched: `within` the distance; `reference`, its own field names the line; `subject`, the line is
    the hazard's subject; `subject_reference`, its subject's field names the line. What is linked counts at any
    distance.

    Raises
    ------
    UnknownValue
        Where `within` is no distance between 0 and 20 km.
    """
    if not 0 <= within <= MOST_METRES:
        raise UnknownValue("within", f"{within:g}", [f"0–{MOST_METRES} m"])
    union = " UNION ALL ".join(_hits(line, target) for target in targets)
    parameters = {
        "parts": [part.wkb_hex for part in line.parts],
        "pieces": [near.wkb_hex for part in line.parts for near in _around(part, within)],
        "srid": line.srid,
        "scale": line.scale,
        "within": within,
        "line_layer": line.layer.__tablename__,
        "line_code": line.code,
    }
    with placed(line.code, line.srid):
        rows = connection.execute(text(f"{_ROUTES} {union} ORDER BY 1, 2, 3, 4"), parameters).all()
    counts = {target.__tablename__: 0 for target in targets}
    for row in rows:
        counts[row.layer] += 1
    return Hits(line, within, counts, ",".join(row.feature for row in rows).encode())


def _around(part: LineString, within: float) -> Iterator[Polygon]:
    """Yield boxes that together hold everything within so many metres of a part, and not much else."""
    pieces = min(max(ceil(part.length / (2 * within + _PIECE)), 1), _MOST_PIECES)
    for at in range(pieces):
        west, south, east, north = substring(part, at / pieces, (at + 1) / pieces, normalized=True).bounds
        far = within * 1.01 + 1  # a side of a box is not straight in degrees
        yield box(west - far, south - far, east + far, north + far)


def find_targets(names: Sequence[str], line_layer: type[Layer]) -> list[type[Layer]]:
    """Return the layers to look for: those named, or all that are placed but the line's own and the areas.

    Raises
    ------
    UnknownName
        With the layers that there are.
    """
    if names:
        return [find_layer(name) for name in dict.fromkeys(names)]
    others = (layer for layer in registry().values() if layer.placed and layer.role is not Role.AREAS)
    return [layer for layer in others if layer is not line_layer]


# The parts of the line, and boxes in the stored CRS that together hold everything within the distance, each around a
# piece of a part: the index finds the candidates there, and only these are transformed and measured.
_ROUTES = f"""
WITH route AS MATERIALIZED (
    SELECT part, shape, ST_Length(shape) AS metres
    FROM (
        SELECT ordinality AS part, ST_SetSRID(CAST(wkb AS geometry), :srid) AS shape
        FROM unnest(CAST(:parts AS text[])) WITH ORDINALITY AS given (wkb, ordinality)
    ) given
), piece AS MATERIALIZED (
    SELECT CASE
        WHEN ST_XMax(near) - ST_XMin(near) > 180  -- it lies on both sides of the 180th meridian
            THEN ST_MakeEnvelope(-180, ST_YMin(near), 180, ST_YMax(near), {STORED_SRID})
        ELSE ST_Envelope(near)
    END AS box
    FROM unnest(CAST(:pieces AS text[])) AS given
    CROSS JOIN LATERAL (
        SELECT ST_Transform(ST_SetSRID(CAST(given AS geometry), :srid), {STORED_SRID}) AS near OFFSET 0
    ) around
)
"""

# Each step in a query of its own, by which no step is worked out twice: only what is a hit is located on the line, and
# only then are its other columns read.
_HITS = """
SELECT at.part, at.chainage, '{layer}' AS layer, t.id,
    '{{"type": "Feature", "id": ' || to_json(t.code) || right(ST_AsGeoJSON(record, 'geom', {decimals}), -18) AS feature
FROM (
    SELECT foot.*, fraction * metres * :scale AS chainage,
        ST_LineInterpolatePoint(shape, greatest(fraction - {step} / metres, 0)) AS above,
        ST_LineInterpolatePoint(shape, least(fraction + {step} / metres, 1)) AS below
    FROM (
        SELECT near.*, ST_LineLocatePoint(shape, ST_ClosestPoint(shape, target)) AS fraction,
            ST_ClosestPoint(target, shape) AS point
        FROM (
            SELECT candidate.id, candidate.target, nearest.*
            FROM (
                SELECT id, ST_Transform(geom, :srid) AS target
                FROM (
                    SELECT DISTINCT c.id, c.geom FROM piece JOIN {layer} c ON c.geom && piece.box {and_linked}
                ) found
                OFFSET 0
            ) candidate
            CROSS JOIN LATERAL (
                SELECT route.*, ST_Distance(route.shape, target) AS distance FROM route ORDER BY distance, part LIMIT 1
            ) nearest
            OFFSET 0
        ) near
        WHERE distance <= :within {or_linked}
        OFFSET 0
    ) foot
    OFFSET 0
) at
JOIN {layer} t ON t.id = at.id
CROSS JOIN LATERAL (
    SELECT '{layer}' AS layer, {fields}, t.{term} AS term,
        round(at.distance::numeric, 2) AS distance_m,
        round(at.chainage::numeric, 2) AS chainage_m,
        'K' || div(round(at.chainage)::integer, 1000) || '+'
            || lpad(mod(round(at.chainage)::integer, 1000)::text, 3, '0') AS chainage,
        CASE
            WHEN at.distance <= {on} THEN 'on'
            WHEN (ST_X(at.below) - ST_X(at.above)) * (ST_Y(at.point) - ST_Y(at.above))
                > (ST_Y(at.below) - ST_Y(at.above)) * (ST_X(at.point) - ST_X(at.above)) THEN 'left'
            ELSE 'right'
        END AS side,
        at.part,
        array_remove(ARRAY[CASE WHEN at.distance <= :within THEN 'within' END, {why}], NULL) AS why,
        ST_SetSRID(t.geom, 4326) AS geom
) record
WHERE NOT ('{layer}' = :line_layer AND t.code = :line_code)
"""


def _hits(line: Line, target: type[Layer]) -> str:
    """Return the SELECT of one target layer: part, chainage, layer and the feature's JSON."""
    links = _links(line.layer, target)
    named = [
        f"FROM {target.__tablename__} l WHERE l.geom IS NOT NULL AND ({link.format('l')})" for link in links.values()
    ]
    return _HITS.format(
        layer=target.__tablename__,
        fields=", ".join(f"t.{name}" for name in target.fields()),
        term=target.symbol.field,
        decimals=DECIMALS,
        step=_ON,
        on=_ON,
        why=", ".join(f"CASE WHEN {link.format('t')} THEN '{why}' END" for why, link in links.items()) or "NULL",
        or_linked="".join(f" OR id IN (SELECT l.id {rows})" for rows in named),
        and_linked="".join(f" UNION SELECT l.id, l.geom {rows}" for rows in named),
    )


def _links(line_layer: type[Layer], target: type[Layer]) -> dict[str, str]:
    """Return how a target's record may name the line, as conditions on its row `{}`, by why it matches."""
    references = _references(target, line_layer)
    links = {"reference": " OR ".join(f"{{0}}.{name} = :line_code" for name in references)} if references else {}
    if issubclass(target, Subjected):
        links["subject"] = "({0}.subject_layer = :line_layer AND {0}.subject_code = :line_code)"
        naming = [
            f"({{0}}.subject_layer = '{name}' AND {{0}}.subject_code IN "
            f"(SELECT s.code FROM {name} s WHERE s.{field} = :line_code))"
            for name, layer in registry().items()
            for field in _references(layer, line_layer)
        ]
        if naming:
            links["subject_reference"] = "(" + " OR ".join(naming) + ")"
    return links


def _references(layer: type[Layer], to: type[Layer]) -> list[str]:
    """Return the layer's own fields that hold codes of another layer."""
    fields = layer.fields()
    return [c.name for c in own_columns(layer) if fields[c.name].references == to.__tablename__]
