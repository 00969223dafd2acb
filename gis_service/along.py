"""What lies along a line: features within so many metres, in the order of chainage (桩号).

Distances are metres in the district's metric CRS; chainage is located on the projected line and given in geodesic
metres from its upstream end; left and right are those of one who looks downstream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, text

from gis_service.errors import UnknownValue
from gis_service.features import DECIMALS, find_layer
from gis_service.lines import Line, placed
from layers import STORED_SRID, Layer, Role, Subjected, own_columns, registry

MOST_METRES = 20_000
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
        "srid": line.srid,
        "scale": line.scale,
        "within": within,
        "line_layer": line.layer.__tablename__,
        "line_code": line.code,
    }
    with placed(line.code, line.srid):
        rows = connection.execute(text(f"{_ROUTES} {union} ORDER BY 1, 2, 3"), parameters).all()
    counts = {target.__tablename__: 0 for target in targets}
    for row in rows:
        counts[row.layer] += 1
    return Hits(line, within, counts, ",".join(row.feature for row in rows).encode())


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


# The parts of the line, and for each a box in the stored CRS that holds everything within the distance: the index finds
# the candidates there, and only these are transformed and measured.
_ROUTES = f"""
WITH route AS MATERIALIZED (
    SELECT part, shape, ST_Length(shape) AS metres,
        CASE
            WHEN ST_XMax(near) - ST_XMin(near) > 180  -- it lies on both sides of the 180th meridian
                THEN ST_MakeEnvelope(-180, ST_YMin(near), 180, ST_YMax(near), {STORED_SRID})
            ELSE ST_Envelope(near)
        END AS box
    FROM (
        SELECT ordinality AS part, ST_SetSRID(CAST(wkb AS geometry), :srid) AS shape
        FROM unnest(CAST(:parts AS text[])) WITH ORDINALITY AS given (wkb, ordinality)
    ) given
    CROSS JOIN LATERAL (
        SELECT ST_Transform(ST_Buffer(shape, CAST(:within AS float) * 1.01 + 1), {STORED_SRID}) AS near OFFSET 0
    ) around
)
"""

_HITS = """
SELECT near.part, at.chainage, '{layer}' AS layer,
    '{{"type": "Feature", "id": ' || to_json(t.code) || substr(ST_AsGeoJSON(record, 'geom', {decimals}), 19) AS feature
FROM {layer} t
CROSS JOIN LATERAL (SELECT ST_Transform(t.geom, :srid) AS shape OFFSET 0) target
CROSS JOIN LATERAL (
    SELECT route.*, ST_Distance(route.shape, target.shape) AS distance FROM route ORDER BY distance, part LIMIT 1
) near
CROSS JOIN LATERAL (
    SELECT ST_LineLocatePoint(near.shape, ST_ClosestPoint(near.shape, target.shape)) AS fraction,
        ST_ClosestPoint(target.shape, near.shape) AS point
    OFFSET 0
) foot
CROSS JOIN LATERAL (
    SELECT foot.fraction * near.metres * :scale AS chainage,
        ST_LineInterpolatePoint(near.shape, greatest(foot.fraction - {step} / near.metres, 0)) AS above,
        ST_LineInterpolatePoint(near.shape, least(foot.fraction + {step} / near.metres, 1)) AS below
    OFFSET 0
) at
CROSS JOIN LATERAL (
    SELECT '{layer}' AS layer, {fields}, t.{term} AS term,
        round(near.distance::numeric, 2) AS distance_m,
        round(at.chainage::numeric, 2) AS chainage_m,
        'K' || div(round(at.chainage)::integer, 1000) || '+'
            || lpad(mod(round(at.chainage)::integer, 1000)::text, 3, '0') AS chainage,
        CASE
            WHEN near.distance <= {on} THEN 'on'
            WHEN (ST_X(at.below) - ST_X(at.above)) * (ST_Y(foot.point) - ST_Y(at.above))
                > (ST_Y(at.below) - ST_Y(at.above)) * (ST_X(foot.point) - ST_X(at.above)) THEN 'left'
            ELSE 'right'
        END AS side,
        near.part,
        array_remove(ARRAY[CASE WHEN near.distance <= :within THEN 'within' END, {why}], NULL) AS why,
        ST_SetSRID(t.geom, 4326) AS geom
) record
WHERE t.geom IS NOT NULL
    AND t.id IN (SELECT c.id FROM route JOIN {layer} c ON c.geom && route.box {linked_ids})
    AND (near.distance <= :within OR {linked})
    AND NOT ('{layer}' = :line_layer AND t.code = :line_code)
"""


def _hits(line: Line, target: type[Layer]) -> str:
    """Return the SELECT of one target layer: part, chainage, layer and the feature's JSON."""
    links = _links(line.layer, target)
    return _HITS.format(
        layer=target.__tablename__,
        fields=", ".join(f"t.{name}" for name in target.fields()),
        term=target.symbol.field,
        decimals=DECIMALS,
        step=_ON,
        on=_ON,
        why=", ".join(f"CASE WHEN {link.format('t')} THEN '{why}' END" for why, link in links.items()) or "NULL",
        linked=" OR ".join(link.format("t") for link in links.values()) or "false",
        linked_ids="".join(
            f" UNION SELECT c.id FROM {target.__tablename__} c WHERE {link.format('c')}" for link in links.values()
        ),
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
