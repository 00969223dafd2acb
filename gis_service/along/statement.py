"""The one statement that finds what lies along a line, stretch by stretch downstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, text

from gis_service.along.stretches import stretches
from gis_service.errors import UnknownValue
from gis_service.features import DECIMALS
from gis_service.lines import Line
from layers import STORED_SRID, Layer, Subjected, own_columns, registry

MOST_METRES = 20_000
_ON = 0.05
"""A feature this near (metres) lies on the line, on neither side."""
_EXACT = 1_000_000
"""Parts of a metre to which a place is told: it is on one stretch, from whichever's way it is measured."""
_RUN = 25
"""Features come in runs of so many metres: a row of its own for each costs more than its bytes."""
DIGITS = 7
"""Digits of the number of a layer's features, each layer's in front of a run."""


ALWAYS = ("layer", "distance_m", "chainage_m", "chainage", "side", "part", "why")
"""What is told of every hit."""
_TERM = "term"


@dataclass(frozen=True)
class Shown:
    """What else is told of each hit: its record's properties of these names, all by default, and its geometry."""

    properties: tuple[str, ...] | None = None
    geometry: bool = True

    def columns(self, target: type[Layer]) -> list[str]:
        """Return the columns of a layer's row `t`, as they are called."""
        named = {name: f"t.{name}" for name in target.fields()} | {_TERM: f"t.{target.symbol.field} AS {_TERM}"}
        return [column for name, column in named.items() if self.properties is None or name in self.properties]


ALL = Shown()


def tellable(targets: Sequence[type[Layer]]) -> list[str]:
    """Return the names of all properties that hits may have."""
    return list(dict.fromkeys([*(name for target in targets for name in target.fields()), _TERM, *ALWAYS]))


def statement(line: Line, targets: Sequence[type[Layer]], within: float, shown: Shown = ALL) -> TextClause:
    """Return the SELECT of what lies along a line, in chainage order: runs of GeoJSON texts, with the layers' numbers.

    It is that of all stretches; bound to other values of `number` and `at`, of every so manieth of them.

    Raises
    ------
    UnknownValue
        Where `within` is no distance between 0 and 20 km.
    """
    if not 0 <= within <= MOST_METRES:
        raise UnknownValue("within", f"{within:g}", [f"0–{MOST_METRES} m"])
    found = [stretch for part in range(len(line.parts)) for stretch in stretches(line, part, within)]
    linked = ((target.__tablename__, _linked(line, target)) for target in targets)
    routes = _ROUTES + "".join(_LINKED.format(layer=name, rows=named) for name, named in linked if named)
    hits = " UNION ALL ".join(_hits(line, target, shown) for target in targets)
    numbers = " || ".join(_NUMBER.format(target.__tablename__) for target in targets)
    return text(f"{routes} {_STRETCHED.format(hits=hits, numbers=numbers)}").bindparams(
        routes=[part.wkb_hex for part in line.parts],
        parts=[stretch.part for stretch in found],
        courses=[stretch.course.wkb_hex for stretch in found],
        nears=[stretch.near.wkb_hex for stretch in found],
        since=[stretch.since for stretch in found],
        until=[stretch.until for stretch in found],
        ways=[stretch.way.wkb_hex for stretch in found],
        passed=[stretch.passed for stretch in found],
        srid=line.srid,
        scale=line.scale,
        within=within,
        line_layer=line.layer.__tablename__,
        line_code=line.code,
        number=1,
        at=0,
    )


# The parts of the line, and its stretches, each with a box in the stored CRS that holds everything within the distance:
# the index finds the candidates there, and only these are transformed and measured.
_ROUTES = f"""
WITH route AS MATERIALIZED (
    SELECT ordinality AS part, ST_SetSRID(CAST(wkb AS geometry), :srid) AS shape
    FROM unnest(CAST(:routes AS text[])) WITH ORDINALITY AS given (wkb, ordinality)
), stretch AS MATERIALIZED (
    SELECT number, part, since, until, course, ST_Length(course) AS reach, way, passed, ST_Length(way) AS length,
        shape, ST_Length(shape) AS metres, CASE
        WHEN ST_XMax(near) - ST_XMin(near) > 180  -- it lies on both sides of the 180th meridian
            THEN ST_MakeEnvelope(-180, ST_YMin(near), 180, ST_YMax(near), {STORED_SRID})
        ELSE ST_Envelope(near)
    END AS box
    FROM unnest(
        CAST(:parts AS integer[]), CAST(:courses AS text[]), CAST(:nears AS text[]), CAST(:ways AS text[]),
        CAST(:since AS float8[]), CAST(:until AS float8[]), CAST(:passed AS float8[])
    ) WITH ORDINALITY AS given (part, wkb, around, nearby, since, until, passed, number)
    JOIN route USING (part)
    CROSS JOIN LATERAL (
        SELECT ST_SetSRID(CAST(wkb AS geometry), :srid) AS course, ST_SetSRID(CAST(nearby AS geometry), :srid) AS way,
            ST_Transform(ST_SetSRID(CAST(around AS geometry), :srid), {STORED_SRID}) AS near
        OFFSET 0
    ) shapes
)
"""
_LINKED = """, linked_{layer} AS MATERIALIZED (
    SELECT id, ST_Transform(geom, :srid) AS target FROM ({rows}) linked
)
"""

# A stretch after another, so that the first hits go out while others are looked for. Each has what lies nearest to it,
# by its chainage; so nothing comes twice, though boxes overlap. Each ends with an empty text: where several connections
# find them, it is another's turn.
_STRETCHED = f"""
SELECT run.features FROM stretch CROSS JOIN LATERAL (
    SELECT run, {{numbers}} || string_agg(feature, ',') AS features
    FROM (
        SELECT floor(chainage / {_RUN}) AS run, layer, feature FROM ({{hits}}) hit ORDER BY 1, chainage, layer, id
    ) ordered
    GROUP BY run UNION ALL SELECT 'infinity', '' ORDER BY 1
) run WHERE (stretch.number - 1) % :number = :at
"""
_NUMBER = f"lpad(count(*) FILTER (WHERE layer = '{{}}')::text, {DIGITS}, '0')"

_AND_LINKED = "UNION ALL SELECT id, target, ST_Distance(stretch.course, target), true, {} FROM {}"
# An outline may be as near to the line in many places; of all of it the same is found each time.
_NEARBY = "stretch.way, stretch.passed, stretch.length"
_ALL_OF_IT = "stretch.shape AS way, 0 AS passed, stretch.metres AS length"
_GEOMETRY = ", ST_SetSRID(t.geom, 4326) AS geom"
_FEATURE = f"right(ST_AsGeoJSON(record, 'geom', {DECIMALS}), -18)"
_BARE = """', "geometry": null, "properties": ' || row_to_json(record) || '}'"""

# Each step in a query of its own, by which no step is worked out twice: only what is a hit is located on the line, and
# only then are its other columns read.
_HITS = """
SELECT at.chainage, '{layer}' AS layer, t.id,
    '{{"type": "Feature", "id": ' || to_json(t.code) || {written} AS feature
FROM (
    SELECT foot.*, metre * :scale AS chainage,
        ST_LineInterpolatePoint(stretch.course, greatest((metre - stretch.since - {step}) / stretch.reach, 0)) AS above,
        ST_LineInterpolatePoint(stretch.course, least((metre - stretch.since + {step}) / stretch.reach, 1)) AS below
    FROM (
        SELECT near.*, {point} AS point, ST_Expand(target, distance) AS nearer,
            round((passed + ST_LineLocatePoint(way, {nearest}) * length) * {exact}) / {exact} AS metre
        FROM (
            SELECT candidate.*, ST_Distance(way, target) AS distance
            FROM (
                SELECT id, target, away, false AS linked, {way}
                FROM (
                    SELECT id, target, ST_Distance(stretch.course, target) AS away
                    FROM (
                        SELECT c.id, ST_Transform(c.geom, :srid) AS target
                        FROM {layer} c WHERE c.geom && stretch.box {but_linked} OFFSET 0
                    ) boxed
                    OFFSET 0
                ) measured
                WHERE away <= :within + {step}
                {and_linked}
            ) candidate
            OFFSET 0
        ) near
        WHERE (linked OR distance <= :within) AND away <= distance + {step}  -- else it lies nearest to another stretch
        OFFSET 0
    ) foot
    WHERE metre >= stretch.since AND metre < stretch.until AND NOT EXISTS (
        SELECT FROM route other
        WHERE other.part <> stretch.part AND other.shape && nearer
            AND (ST_Distance(other.shape, target), other.part) < (distance, stretch.part)
    )
    OFFSET 0
) at
JOIN {layer} t ON t.id = at.id
CROSS JOIN LATERAL (
    SELECT '{layer}' AS layer, {fields}
        round(at.distance * 100) / 100 AS distance_m,
        round(at.chainage * 100) / 100 AS chainage_m,
        'K' || round(at.chainage)::integer / 1000 || '+' || lpad((round(at.chainage)::integer % 1000)::text, 3, '0')
            AS chainage,
        CASE
            WHEN at.distance <= {on} THEN 'on'
            WHEN (ST_X(at.below) - ST_X(at.above)) * (ST_Y(at.point) - ST_Y(at.above))
                > (ST_Y(at.below) - ST_Y(at.above)) * (ST_X(at.point) - ST_X(at.above)) THEN 'left'
            ELSE 'right'
        END AS side,
        stretch.part,
        array_remove(ARRAY[CASE WHEN at.distance <= :within THEN 'within' END, {why}], NULL) AS why
        {geometry}
) record
WHERE NOT ('{layer}' = :line_layer AND t.code = :line_code)
"""


def _hits(line: Line, target: type[Layer], shown: Shown) -> str:
    """Return the SELECT of one target layer in a stretch: chainage, layer, id and the feature's text."""
    name, links, linked = target.__tablename__, _links(line.layer, target), f"linked_{target.__tablename__}"
    is_point = target.geometry == ("Point",)
    return _HITS.format(
        layer=name,
        fields="".join(f"{column}, " for column in shown.columns(target)),
        geometry=_GEOMETRY if shown.geometry else "",
        written=_FEATURE if shown.geometry else _BARE,
        step=_ON,
        on=_ON,
        exact=_EXACT,
        way=_NEARBY if is_point else _ALL_OF_IT,
        nearest="target" if is_point else "ST_ClosestPoint(way, target)",
        point="target" if is_point else "ST_ClosestPoint(target, way)",
        why=", ".join(f"CASE WHEN {link.format('t')} THEN '{why}' END" for why, link in links.items()) or "NULL",
        but_linked=f"AND c.id NOT IN (SELECT id FROM {linked})" if links else "",
        and_linked=_AND_LINKED.format(_ALL_OF_IT, linked) if links else "",
    )


def _linked(line: Line, target: type[Layer]) -> str:
    """Return the SELECT of the records that name the line; nothing where none can."""
    return " UNION ".join(
        f"SELECT l.id, l.geom FROM {target.__tablename__} l WHERE l.geom IS NOT NULL AND ({link.format('l')})"
        for link in _links(line.layer, target).values()
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
