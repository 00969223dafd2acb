"""The SQL files of this folder, filled in with names of the declarations and run as they stand."""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection


def run(connection: Connection, statement: str) -> None:
    """Run SQL as it stands; the driver's own placeholders (%) are not meant."""
    connection.exec_driver_sql(statement.replace("%", "%%"))


def filled(name: str, **names: str) -> str:
    """Return the SQL file of this name with its names filled in."""
    return (files("gis_service.database") / "sql" / f"{name}.sql").read_text("utf-8").format(**names)


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
