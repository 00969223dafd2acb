"""Statements that a connection keeps prepared: parsed, held to the row policies and planned once, not each time.

Only those whose plan is right whatever the values are: one record by its code, a page behind a key. Others are planned
for their values: a plan that does not know the size of a box is two hundred times as slow.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg2
from psycopg2.extensions import BYTES, new_type, register_type
from sqlalchemy import Connection, Select
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.exc import DBAPIError

_DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]
_TEXT = 25  # as PostgreSQL numbers its types
_NAMES = "gis_prepared"
_PASSED_ON = new_type((_TEXT,), "PASSED_ON", BYTES)
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Kept:
    """A statement to be kept, of which the parameters `varying` differ from one use to the next.

    The others are part of what is kept: a function is chosen by the types of its arguments. It is asked past
    SQLAlchemy, which takes longer to make a result of one row than PostgreSQL to find it.
    """

    def __init__(self, statement: Select[Any] | str, *varying: str) -> None:
        compiled = None if isinstance(statement, str) else statement.compile(dialect=_DIALECT)
        given = compiled.params if compiled else {}
        self._constants = {name: value for name, value in given.items() if name not in varying}
        self._order: list[str] = []
        self._text = _PLACEHOLDER.sub(self._placed, str(compiled or statement))
        self._key = (self._text, *self._constants.values())

    def _placed(self, found: re.Match[str]) -> str:
        if found[1] in self._constants:
            return found[0]
        self._order.append(f"%({found[1]})s")
        return f"${len(self._order)}"

    def executed(self, connection: Connection, cursor: Any) -> str:  # noqa: ANN401 - psycopg2 publishes no types
        """Return what executes it with values for the parameters, prepared now where the connection has not yet."""
        names: dict[Any, str] = connection.info.setdefault(_NAMES, {})
        if self._key not in names:
            name = f"gis_{len(names)}"
            cursor.execute(f"PREPARE {name} AS {self._text}", self._constants)
            names[self._key] = f"EXECUTE {name}({', '.join(self._order)})" if self._order else f"EXECUTE {name}"
        return names[self._key]

    def row(self, connection: Connection, **values: Any) -> Any:  # noqa: ANN401 - what was selected
        """Return the one row that there is, its texts as bytes in UTF-8: they are passed on. None where there is none.

        Raises
        ------
        sqlalchemy.exc.DBAPIError
            As SQLAlchemy does.
        """
        return self.asked(connection, values)[1]

    def asked(self, connection: Connection, values: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Return the columns and the first row; where there are values, texts are bytes.

        Raises
        ------
        sqlalchemy.exc.DBAPIError
            As SQLAlchemy does.
        """
        there = driver(connection)
        try:
            with there.cursor() as cursor:
                statement = self.executed(connection, cursor)
                if values is not None:
                    register_type(_PASSED_ON, cursor)
                    statement = f"SET LOCAL plan_cache_mode = force_generic_plan; {statement}"
                cursor.execute(statement, values)
                return cursor.description, cursor.fetchone()
        except psycopg2.Error as error:
            if there.closed:
                connection.invalidate(error)
            raise wrapped(self._text, error) from error


def driver(connection: Connection) -> Any:  # noqa: ANN401 - psycopg2 publishes no types
    """Return the connection as psycopg2 has it."""
    return connection.connection.driver_connection


def wrapped(statement: str, error: psycopg2.Error) -> DBAPIError:
    """Return an error of psycopg2 as SQLAlchemy raises it."""
    found: DBAPIError = DBAPIError.instance(statement, None, error, psycopg2.Error, dialect=_DIALECT)
    return found
