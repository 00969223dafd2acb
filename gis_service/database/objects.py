"""What the database keeps by itself: functions, triggers and CHECKs, made anew from the declarations at each upgrade.

So a new layer has them without being told, and a new term of a vocabulary needs no migration.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gis_service.database.grid import gridded, make_grid
from gis_service.database.kept import Kept
from gis_service.database.policies import make_access, protect_layer, protect_tables
from gis_service.database.risk_levels import make_risk_levels
from gis_service.database.statements import filled, literal, run
from gis_service.database.tallies import make_tallies, tallied
from gis_service.duties import ANONYMOUS, ROLES
from gis_service.errors import NotUpgraded
from layers import STORED_SRID, Layer, Role, Subjected, content_columns, registry, with_role

_OWN_RULES: Mapping[str, Mapping[str, str]] = {
    "users": {
        "role": f"role IN ({', '.join(map(literal, ROLES))})",
        "anonymous": f"name <> '{ANONYMOUS}' OR (role = 'viewer' AND password IS NULL)",
    },
    "tokens": {"kind": "kind IN ('session', 'program')", "anonymous": f"user_name <> '{ANONYMOUS}'"},
}
"""Rules of the engine's own tables, whoever writes to them: nobody can become what the anonymous user may not be."""


def make(connection: Connection, schema: str, service: str) -> None:
    """Make functions, triggers, CHECKs and policies of every table, within the caller's transaction.

    `service` is the role that serves requests.

    Raises
    ------
    NotUpgraded
        Where stored rows break a rule of the declarations, e.g. hold a term that a vocabulary has lost.
    """
    layers, past = registry().values(), past_of(schema)
    run(connection, f'CREATE SCHEMA IF NOT EXISTS "{past}"')
    run(connection, f'GRANT USAGE ON SCHEMA "{schema}", "{past}" TO "{service}"')
    # temporary tables last, or whoever can make one could put it in the place of a table that a function reads
    run(connection, f'SET LOCAL search_path = "{schema}", public, pg_temp')
    areas = with_role(Role.AREAS)
    replacements = "".join(filled("replace", table=layer.__tablename__) for layer in layers if layer is not areas)
    names = {"areas": areas.__tablename__, "layers": ", ".join(map(literal, registry())), "srid": str(STORED_SRID)}
    run(connection, filled("functions", **names, replacements=replacements.strip()))
    run(connection, filled("mercator"))
    make_access(connection, areas.__tablename__, service)
    for layer in layers:
        _trigger(connection, layer)
        _check(connection, layer.__tablename__, _rules(layer))
        _remember(connection, layer, past)
        protect_layer(connection, layer, past, service)
        make_tallies(connection, layer, past, service)
        make_grid(connection, layer, service)
    run(connection, filled("areas", table=areas.__tablename__))
    make_risk_levels(connection, service)
    for table, rules in _OWN_RULES.items():
        _check(connection, table, rules)
    protect_tables(connection, service)


def kept_of(layer: type[Layer]) -> tuple[Kept, ...]:
    """Return what is kept of a layer beside its rows."""
    return tallied(layer), gridded(layer)


def _trigger(connection: Connection, layer: type[Layer]) -> None:
    """Let a table keep place and version of its rows, and find the place of what is about a feature."""
    table = layer.__tablename__
    names = {
        "table": table,
        "columns": ", ".join(content_columns(layer)),
        "placing": "geom",
        "prefix": literal(layer.prefix),
    }
    if issubclass(layer, Subjected):
        names["placing"] = "geom, subject_layer, subject_code"
        run(connection, filled("subjected", **names, needed="'needed'" if layer.placed else ""))
    run(connection, filled("layer", **names))


def past_of(schema: str) -> str:
    """Return the name of the schema in which a district's layers stand as they were."""
    return f"{schema}_past"


def _remember(connection: Connection, layer: type[Layer], past: str) -> None:
    """Make the history of a layer, or let it follow the layer's new columns, and the view of its past."""
    table = layer.__tablename__
    types = {c.name: c.type.compile(connection.dialect) for c in layer.__table__.columns}
    columns, add = list(types), f"ALTER TABLE {table}_history ADD COLUMN IF NOT EXISTS"
    missing = "\n".join(f"{add} {name} {kind};" for name, kind in types.items())
    names = {
        "table": table,
        "prefix": literal(layer.prefix),
        "past": past,
        "missing": missing,
        "columns": ", ".join(columns),
        "old": ", ".join(f"o.{name}" for name in columns),
    }
    run(connection, filled("history", **names))


def _check(connection: Connection, table: str, rules: Mapping[str, str]) -> None:
    """Hold vocabularies, ranges and geometry types in the table itself."""
    for name, rule in rules.items():
        constraint = f"ck_{table}_{name}"
        run(connection, f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}")
        try:
            run(connection, f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({rule})")
        except IntegrityError as error:
            raise NotUpgraded(
                f"{table} 中已有记录不符合字段 {name} 的规则：{rule}。请先更正这些记录。",
                f"Records of {table} break the rule of {name}: {rule}. Correct them first.",
            ) from error


def _rules(layer: type[Layer]) -> dict[str, str]:
    rules = {}
    for name, field in layer.fields().items():
        if field.vocabulary:
            rules[name] = f"{name} IN ({', '.join(map(literal, field.vocabulary.codes))})"
        if field.kind == "layer":
            rules[name] = f"{name} IN ({', '.join(map(literal, registry()))})"
        bounds = [(">=", field.minimum), ("<=", field.maximum)]
        if limits := [f"{name} {sign} {bound:g}" for sign, bound in bounds if bound is not None]:
            rules[name] = " AND ".join(limits)
    types = ", ".join(literal(t.upper()) for t in layer.geometry)
    rules["geom"] = f"GeometryType(geom) IN ({types}) AND NOT ST_IsEmpty(geom) AND ST_IsValid(geom)"
    return rules
