"""Tallies: counts and sums of every layer by area and category, kept by triggers in the transaction that changes rows.

Each layer has a table of cells. `per` says what a cell is counted by: the bits of GROUPING() over the layer's
categories, so 0 where all of them are. Who writes only ever adds cells (`fresh`), and so waits for nobody and never in
a circle; now and then one who finds no other at it folds them into those that stand. A reader adds up what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, TableClause, column, table

from gis_service.database.statements import filled, literal, run
from layers import Layer, Role, Sum

METRES, SQUARE_METRES = "metres", "square_metres"
_DIMENSIONS = {METRES: ("MultiLineString", 1), SQUARE_METRES: ("MultiPolygon", 2)}


def tallies(layer: type[Layer]) -> TableClause:
    """Return the table of a layer's cells, for queries."""
    return table(
        f"{layer.__tablename__}_tallies", *map(column, ("per", "area_code", *layer.categories(), *_sums(layer)))
    )


def per(layer: type[Layer], group: Iterable[str]) -> int:
    """Return which cells answer a question by these categories: those counted by them, or else by all."""
    wanted = set(group)
    one = next((some for some in _groupings(layer) if set(some) == wanted), layer.categories())
    return sum(1 << at for at, name in enumerate(reversed(layer.categories())) if name not in one)


def make_tallies(connection: Connection, layer: type[Layer], past: str, service: str) -> None:
    """Make the table and the triggers of a layer's tallies, and the view of its past; count where they are new."""
    name = f"{layer.__tablename__}_tallies"
    kinds = {column.name: column.type.compile(connection.dialect) for column in layer.__table__.columns}
    wanted = {
        "per": "integer",
        "area_code": "text",
        **{category: kinds[category].lower() for category in layer.categories()},
        **dict.fromkeys(_sums(layer), "numeric"),
        "fresh": "boolean",
    }
    stands = _stands(connection, name, wanted)
    if not stands:
        run(connection, f"DROP TABLE IF EXISTS {name} CASCADE")
        run(connection, f"CREATE TABLE {name} ({', '.join(f'{key} {kind}' for key, kind in wanted.items())})")
    then = _cells(layer, f'SELECT 1 AS sign, t.* FROM "{past}".{layer.__tablename__} t')
    names = _names(layer) | {"past": past, "service": service, "then": then}
    run(connection, filled("tallies", **names))
    if not stands:
        count_anew(connection, layer)


def count_anew(connection: Connection, layer: type[Layer]) -> None:
    """Count all records of a layer; who writes to it waits until the transaction ends."""
    names = _names(layer)
    run(connection, filled("tallied", **names))


@dataclass(frozen=True)
class Wrong:
    """A cell of a layer's tallies as it is `kept`, or `found` by a recount, where the other has none like it."""

    layer: str
    side: str
    cell: Mapping[str, Any]


def wrong(connection: Connection, layer: type[Layer]) -> list[Wrong]:
    """Count all records of a layer, and return the cells that are not as they should be; of one state of both."""
    names = _names(layer)
    kept = f"SELECT {names['key']}, {names['added']} FROM {names['table']}_tallies GROUP BY {names['key']}"
    found = connection.exec_driver_sql(
        f"""
        WITH kept AS ({kept} HAVING {names["something"]}), found AS ({names["now"]})
        SELECT 'kept', to_jsonb(cell) FROM (SELECT * FROM kept EXCEPT SELECT * FROM found) cell
        UNION ALL
        SELECT 'found', to_jsonb(cell) FROM (SELECT * FROM found EXCEPT SELECT * FROM kept) cell
        """
    )
    return [Wrong(layer.__tablename__, *row) for row in found]


def _groupings(layer: type[Layer]) -> list[tuple[str, ...]]:
    """Return what cells are counted by, beside the area: nothing, each category, all of them."""
    categories = layer.categories()
    return list(dict.fromkeys([(), *((name,) for name in categories), categories]))


def _measured(layer: type[Layer]) -> dict[str, int]:
    """Return the columns of measures by shares: the dimension of the geometry that each measures."""
    return {name: dimension for name, (kind, dimension) in _DIMENSIONS.items() if kind in layer.geometry}


def _sums(layer: type[Layer]) -> dict[str, str]:
    """Return the columns that are summed, and what each counts of a row, as SQL; what is measured is not of a row."""
    declared = {m.name: f"coalesce({m.column}::numeric, 0)" for m in layer.measures if isinstance(m, Sum)}
    return {"number": "1", **declared, **dict.fromkeys(_measured(layer), "0")}


def _cells(layer: type[Layer], rows: str) -> str:
    """Return the SELECT that counts `rows`: all columns of the layer, and `sign`, by which each is counted.

    Each row is counted where it is, and measured in every area that it crosses.
    """
    sums, categories = _sums(layer), layer.categories()
    key = ", ".join(("area_code", *categories))
    counted = ", ".join(f"sum(sign * {what}) AS {name}" for name, what in sums.items())
    parts = f"SELECT {key}, {counted} FROM ({rows}) r{_own(layer)} GROUP BY {key}"
    if measured := _measured(layer):
        pieces = ", ".join(
            f"sum(sign * share.value::numeric) FILTER (WHERE ST_Dimension(geom) = {measured[name]}) AS {name}"
            if name in measured
            else f"0 AS {name}"
            for name in sums
        )
        area = ", ".join(("nullif(share.key, '')", *categories))
        shares = "CROSS JOIN LATERAL jsonb_each_text(shares) share"
        parts += f" UNION ALL SELECT {area}, {pieces} FROM ({rows}) r {shares}{_own(layer)} GROUP BY {area}"
    sets = ", ".join(f"({', '.join(('area_code', *some))})" for some in _groupings(layer))
    by = f"grouping({', '.join(categories)})" if categories else "0"
    added = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in sums)
    return (
        f"SELECT {by} AS per, {key}, {added} FROM ({parts}) part GROUP BY GROUPING SETS ({sets}) HAVING {_some(sums)}"
    )


def _own(layer: type[Layer]) -> str:
    """Return which rows count: of the areas those inside which there is no other."""
    return " WHERE leaf" if layer.role is Role.AREAS else ""


def _some(sums: Iterable[str]) -> str:
    return " OR ".join(f"sum({name}) <> 0" for name in sums)


def _names(layer: type[Layer]) -> dict[str, str]:
    """Return the names that the SQL of tallies is filled in with."""
    name, sums = layer.__tablename__, _sums(layer)
    key = ("per", "area_code", *layer.categories())
    new, old = "SELECT 1 AS sign, n.* FROM new_rows n", "SELECT -1 AS sign, o.* FROM old_rows o"
    return {
        "table": name,
        "key": ", ".join(key),
        "columns": ", ".join((*key, *sums)),
        "added": ", ".join(f"sum({column}) AS {column}" for column in sums),
        "something": _some(sums),
        "folded": ", ".join(f"{column} = t.{column} + excluded.{column}" for column in sums),
        "inserted": _cells(layer, new),
        "updated": _cells(layer, f"{new} UNION ALL {old}"),
        "deleted": _cells(layer, old),
        "now": _cells(layer, f"SELECT 1 AS sign, t.* FROM {name} t"),
        "readable": f"(SELECT gis_everywhere()) AND (SELECT gis_holds({literal(name)}))",
    }


def _stands(connection: Connection, name: str, wanted: Mapping[str, str]) -> bool:
    """Say whether the table is there with these columns."""
    found = connection.exec_driver_sql(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        (name,),
    )
    return {row[0]: row[1] for row in found} == wanted
