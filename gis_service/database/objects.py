"""What the database keeps by itself: functions, triggers and CHECKs, made anew from the declarations at each upgrade.

So a new layer has them without being told, and a new term of a vocabulary needs no migration.
"""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gis_service.errors import NotUpgraded
from layers import Layer, Role, own_columns, registry, with_role


def make(connection: Connection, schema: str) -> None:
    """Make functions, triggers and CHECKs of every layer, within the caller's transaction.

    Raises
    ------
    NotUpgraded
        Where stored rows break a rule of the declarations, e.g. hold a term that a vocabulary has lost.
    """
    layers, past = registry().values(), past_of(schema)
    _run(connection, f'CREATE SCHEMA IF NOT EXISTS "{past}"')
    areas = with_role(Role.AREAS)
    replacements = "".join(_sql("replace", table=layer.__tablename__) for layer in layers if layer is not areas)
    _run(connection, _sql("functions", areas=areas.__tablename__, replacements=replacements.strip()))
    for layer in layers:
        columns = ["code", "name", "extra", "geom", *(c.name for c in own_columns(layer))]
        _run(connection, _sql("layer", table=layer.__tablename__, columns=", ".join(columns)))
        _check(connection, layer)
        _remember(connection, layer, past)
    _run(connection, _sql("areas", table=areas.__tablename__))


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
        "past": past,
        "missing": missing,
        "columns": ", ".join(columns),
        "old": ", ".join(f"o.{name}" for name in columns),
    }
    _run(connection, _sql("history", **names))


def _check(connection: Connection, layer: type[Layer]) -> None:
    """Hold vocabularies, ranges and geometry types in the table itself."""
    table = layer.__tablename__
    for name, rule in _rules(layer).items():
        constraint = f"ck_{table}_{name}"
        _run(connection, f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}")
        try:
            _run(connection, f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({rule})")
        except IntegrityError as error:
            raise NotUpgraded(
                f"图层 {table} 中已有记录不符合字段 {name} 的规则：{rule}。请先更正这些记录。",
                f"Records of {table} break the rule of {name}: {rule}. Correct them first.",
            ) from error


def _rules(layer: type[Layer]) -> dict[str, str]:
    rules = {}
    for name, field in layer.fields().items():
        if field.vocabulary:
            rules[name] = f"{name} IN ({', '.join(map(_literal, field.vocabulary.codes))})"
        bounds = [(">=", field.minimum), ("<=", field.maximum)]
        if limits := [f"{name} {sign} {bound:g}" for sign, bound in bounds if bound is not None]:
            rules[name] = " AND ".join(limits)
    types = ", ".join(_literal(t.upper()) for t in layer.geometry)
    rules["geom"] = f"GeometryType(geom) IN ({types}) AND NOT ST_IsEmpty(geom) AND ST_IsValid(geom)"
    return rules


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sql(name: str, **names: str) -> str:
    return (files("gis_service.database") / "sql" / f"{name}.sql").read_text("utf-8").format(**names)


def _run(connection: Connection, statement: str) -> None:
    """Run SQL as it stands; the driver's own placeholders (%) are not meant."""
    connection.exec_driver_sql(statement.replace("%", "%%"))
