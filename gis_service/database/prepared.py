"""Statements of the hot reads, which are written once; and those that a connection keeps prepared.

What is kept is parsed, held to the row policies and planned once, not each time. That is right only where the plan is,
whatever the values are: of one record by its code, a page behind a key. Others are planned for their values: a plan
that does not know the size of a box is two hundred times as slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import psycopg2
from psycopg2.extensions import BYTES, new_type, register_type
from sqlalchemy import BindParameter, Connection, Select, bindparam
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.exc import DBAPIError

_DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]
_TEXT = 25  # as PostgreSQL numbers its types
_NAMES = "gis_prepared"
_PASSED_ON = new_type((_TEXT,), "PASSED_ON", BYTES)
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def varying(name: str, type_: Any = None) -> BindParameter[Any]:  # noqa: ANN401 - as SQLAlchemy has it
    """Return a parameter of a statement below, of which a value is given each time.

    It is not required, so that it may stand beside lists, which SQLAlchemy writes out beforehand.
    """
    return bindparam(name, type_=type_, required=False)


class Compiled:
    """A statement that is written once and planned for its values.

    It is asked past SQLAlchemy, which takes longer to make a result of one row than PostgreSQL to find it; but only
    from the second use on, for to write it takes SQLAlchemy longer still, where it has not written one alike.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement, self._used = statement, False

    def row(self, connection: Connection, **values: Any) -> Any:  # noqa: ANN401 - what was selected
        """Return the one row that there is, its texts maybe as bytes in UTF-8; values are of named parameters.

        Raises
        ------
        sqlalchemy.exc.DBAPIError
            As SQLAlchemy does.
        """
        if not self._used:
            self._used = True
            return connection.execute(self._statement, values).one()
        text, constants = self._text
        with _asking(connection, text) as cursor:
            register_type(_PASSED_ON, cursor)
            cursor.execute(text, constants | values)
            return cursor.fetchone()

    @cached_property
    def _text(self) -> tuple[str, dict[str, Any]]:
        return _compiled(self._statement)


class Kept:
    """A statement to be kept, of which only the parameters that are `varying` differ from one use to the next.

    The others are part of what is kept: a function is chosen by the types of its arguments. It is asked past
    SQLAlchemy, as above.
    """

    def __init__(self, statement: Select[Any] | str) -> None:
        text, self._constants = (statement, {}) if isinstance(statement, str) else _compiled(statement)
        self._order: list[str] = []
        self._text = _PLACEHOLDER.sub(self._placed, text)
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
        with _asking(connection, self._text) as cursor:
            register_type(_PASSED_ON, cursor)
            executed = self.executed(connection, cursor)
            cursor.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; {executed}", values)
            return cursor.fetchone()

    def asked(self, connection: Connection) -> tuple[Any, Any]:
        """Return the columns and the row of a statement without parameters; raises as `row` does."""
        with _asking(connection, self._text) as cursor:
            cursor.execute(self.executed(connection, cursor))
            return cursor.description, cursor.fetchone()


def _compiled(statement: Select[Any]) -> tuple[str, dict[str, Any]]:
    """Return a statement as psycopg2 takes it, and the values of all parameters but the varying ones."""
    compiled: Any = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    given = {name for name, parameter in compiled.binds.items() if not parameter.unique}  # named by us
    return str(compiled), {name: value for name, value in compiled.params.items() if name not in given}


@contextmanager
def _asking(connection: Connection, statement: str) -> Iterator[Any]:
    """Yield a cursor of psycopg2 to ask this with; what goes wrong is raised as SQLAlchemy does."""
    there = driver(connection)
    try:
        with there.cursor() as cursor:
            yield cursor
    except psycopg2.Error as error:
        if there.closed:
            connection.invalidate(error)
        raise wrapped(statement, error) from error


def driver(connection: Connection) -> Any:  # noqa: ANN401 - psycopg2 publishes no types
    """Return the connection as psycopg2 has it."""
    return connection.connection.driver_connection


def wrapped(statement: str, error: psycopg2.Error) -> DBAPIError:
    """Return an error of psycopg2 as SQLAlchemy raises it."""
    found: DBAPIError = DBAPIError.instance(statement, None, error, psycopg2.Error, dialect=_DIALECT)
    return found
