"""Whose the rows of every table are: row policies and grants, made anew from the declarations at each upgrade.

The service works as a role that owns nothing and that the policies hold; it names the user at the start of each
transaction (`gis.user_name`). Where nobody is named nothing is seen. The owner, who upgrades and answers for the shell,
is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import Boolean, Connection, MetaData, Table

from gis_service.database.accounts import TokenRow, UserRow
from gis_service.database.attachments import AttachmentRow
from gis_service.database.changes import ChangeRow
from gis_service.database.district import DistrictRow
from gis_service.database.events import EventRow
from gis_service.database.risk_configs import RiskConfigRow
from gis_service.database.statements import filled, literal, run
from gis_service.duties import Duty, roles_with
from layers import Base, Layer, Ledger, Role, Subjected, ledger, registry

_EVERYWHERE = "(SELECT gis_everywhere())"
_MAY = "(SELECT gis_may('{}'))"
_ADMINISTERS = _MAY.format("administer")
_HERSELF = "current_setting('gis.user_name', true)"


def _any_of(*duties: Duty) -> str:
    return f"({' OR '.join(_MAY.format(duty) for duty in duties)})"


@dataclass(frozen=True)
class _Rule:
    """Which rows of one of the engine's own tables somebody may read and write."""

    readable: str
    writable: str = _ADMINISTERS


_OWN: Mapping[type[Base], _Rule] = {
    DistrictRow: _Rule("true"),
    RiskConfigRow: _Rule("true"),
    UserRow: _Rule(f"name = {_HERSELF} OR {_ADMINISTERS}"),
    TokenRow: _Rule(f"user_name = {_HERSELF} OR {_ADMINISTERS}", f"user_name = {_HERSELF} OR {_ADMINISTERS}"),
    AttachmentRow: _Rule(
        "gis_sees(layer, code)",
        f"gis_reaches(layer, code) AND {_any_of('edit', 'record', 'handle', 'verify')}",
    ),
}
_LOGS: Mapping[type[Base], str] = {
    ChangeRow: f"recorded_by = {_HERSELF} OR {_EVERYWHERE}",
    EventRow: "gis_sees('{ledger}', code)",
}


def make_access(connection: Connection, areas: str, service: str) -> None:
    """Make the functions that say who acts, and what is hers."""
    duties = " ".join(f"WHEN '{duty}' THEN '{{{','.join(roles_with(duty))}}}'::text[]" for duty in get_args(Duty))
    names = ", ".join(map(literal, registry()))
    run(connection, filled("access", areas=areas, layers=names, duties=duties, service=service))


def protect_layer(connection: Connection, layer: type[Layer], past: str, service: str) -> None:
    """Make the policies of a layer, and of the ledger the rules of its loop; grant the service its work."""
    table = layer.__tablename__
    names = {"table": table, "past": past, "service": service, **_policies(layer)}
    run(connection, filled("policies", **names))
    if issubclass(layer, Ledger):
        run(connection, filled("ledger", table=table, **_loop(layer)))


def protect_tables(connection: Connection, service: str) -> None:
    """Make histories and policies of the engine's own tables; grant the service its work."""
    for row, rule in _OWN.items():
        table = _table(row)
        types = {c.name: c.type.compile(connection.dialect) for c in table.columns}
        add = f"ALTER TABLE {table.name}_history ADD COLUMN IF NOT EXISTS"
        names = {
            "table": table.name,
            "service": service,
            "missing": "\n".join(f"{add} {name} {kind};" for name, kind in types.items()),
            "columns": ", ".join(types),
            "old": ", ".join(f"OLD.{name}" for name in types),
        }
        run(connection, filled("table", **names, readable=rule.readable, writable=rule.writable))
    for row, readable in _LOGS.items():
        seen = readable.format(ledger=ledger().__tablename__)
        run(connection, filled("log", table=_table(row).name, service=service, readable=seen))
    run(connection, f'GRANT SELECT ON alembic_version TO "{service}"')
    run(connection, "ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")
    run(connection, "DROP POLICY IF EXISTS gis_read ON alembic_version")
    run(connection, "CREATE POLICY gis_read ON alembic_version FOR SELECT USING (true)")


def _table(row: type[Base]) -> Table:
    metadata: MetaData = Base.metadata
    return metadata.tables[row.__tablename__]


def _policies(layer: type[Layer]) -> dict[str, str]:
    """Return who may read, create, change and remove rows of a layer, as SQL."""
    holds = f"(SELECT gis_holds('{layer.__tablename__}'))"
    place = f"{_EVERYWHERE} OR area_code = ANY ((SELECT gis_areas())::text[]) OR shares ?| (SELECT gis_areas())"
    within = "gis_within(area_code, shares)"
    changes = removes = _MAY.format("edit")
    about = "true"
    if layer.role is Role.AREAS:
        # the ground: her own areas and those around them; and no layer that somebody is narrowed to goes without
        holds = "true"
        place = f"{_EVERYWHERE} OR code = ANY ((SELECT gis_areas() || gis_areas_around())::text[])"
        within = _EVERYWHERE
    elif issubclass(layer, Subjected):
        holds = f"({holds} OR subject_layer = ANY ((SELECT gis_layers())::text[]))"
        changes = _any_of("record", "handle", "verify", "direct")
        removes = _MAY.format("record")
        about = f"({_EVERYWHERE} OR subject_code IS NULL OR gis_sees(subject_layer, subject_code))"
    whole = "(SELECT gis_columns() IS NULL)"
    return {
        "readable": f"({place}) AND {holds}",
        "creatable": f"{removes} AND {whole} AND {holds} AND {within} AND {about}",
        "changeable": f"{changes} AND {holds} AND {within}",
        "changed": f"{changes} AND {holds} AND {within} AND {about}",
        "removable": f"{removes} AND {whole} AND {holds} AND {within}",
    }


def _loop(layer: type[Ledger]) -> dict[str, str]:
    """Return the names that the SQL of the loop is filled in with."""
    columns = layer.of_the_loop()
    steps = [
        (step.name, source, step.target or source, step.duty, step.not_by)
        for step in layer.transitions
        for source in step.sources
    ]
    empty = (
        f"NEW.{name} IS {'NOT TRUE' if isinstance(layer.__table__.c[name].type, Boolean) else 'NULL'}"
        for name in columns
        if name != "status"
    )
    told = ("status", "deadline", *(name for step in layer.transitions for name in step.sets))
    return {
        "first": layer.first,
        "empty": " AND ".join(empty),
        "steps": ", ".join(f"({', '.join(map(literal, step))})" for step in steps),
        "old": ", ".join(f"OLD.{name}" for name in columns),
        "new": ", ".join(f"NEW.{name}" for name in columns),
        "o": ", ".join(f"o.{name}" for name in told),
        "n": ", ".join(f"n.{name}" for name in told),
    }
