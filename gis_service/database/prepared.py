"""Statements that a connection keeps prepared: parsed, held to the row policies and planned once, not each time.

Only those whose plan is right whatever the values are: one record by its code, a page behind a key. Others are planned
for their values: a plan that does not know the size of a box is two hundred times as slow.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, event

_OPTION = "gis_prepared"
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def kept(*varying: str) -> dict[str, Any]:
    """Return the option of a statement that is to be kept: which of its parameters differ from one use to the next."""
    return {_OPTION: varying}


def keep_prepared(engine: Engine) -> None:
    """Have the connections of an engine keep the statements that bear the option."""
    event.listen(engine, "before_cursor_execute", _instead, retval=True)


def prepared(
    connection: Connection,
    cursor: Any,  # noqa: ANN401 - psycopg2 publishes no types
    statement: str,
    varying: Collection[str] = (),
    values: Mapping[str, Any] | None = None,
) -> str:
    """Return what executes a statement with the values that vary, prepared now where the connection has not yet.

    The other values are part of what is kept: a function is chosen by the types of its arguments.
    """
    values = values or {}
    constants = {name: value for name, value in values.items() if name not in varying}
    known: dict[Any, str] = connection.info.setdefault(_OPTION, {})
    key = (statement, *constants.values())
    if key not in known:
        order: list[str] = []

        def placed(found: re.Match[str]) -> str:
            if found[1] in varying:
                order.append(f"%({found[1]})s")
                return f"${len(order)}"
            return found[0]

        name = f"gis_{len(known)}"
        cursor.execute(f"PREPARE {name} AS {_PLACEHOLDER.sub(placed, statement)}", constants)
        known[key] = f"EXECUTE {name}({', '.join(order)})" if order else f"EXECUTE {name}"
    return known[key]


def _instead(
    connection: Connection,
    cursor: Any,  # noqa: ANN401 - psycopg2 publishes no types
    statement: str,
    parameters: Any,  # noqa: ANN401 - as SQLAlchemy has them
    context: Any,  # noqa: ANN401 - as above
    _many: bool,
) -> tuple[str, Any]:
    if context is None or _OPTION not in context.execution_options:
        return statement, parameters
    executed = prepared(connection, cursor, statement, context.execution_options[_OPTION], parameters)
    return f"SET LOCAL plan_cache_mode = force_generic_plan; {executed}", parameters
