"""The risk of the day as it is kept: what was scored last, and what has to be scored anew to say how it is now.

A writer's triggers put down what she touches, in her transaction; `keep` scores it and takes off the list what it has
seen. So in any state of the database, what is not on the list is as it was scored, and what is on it is scored by who
asks: the answer is that of all features scored now. Nobody waits for anybody, and nothing is ever counted twice.
What was scored is true for one day, one configuration and one version of the declarations: its `basis`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects import registry

from gis_service.database import Database
from gis_service.database.kept import Wrong
from gis_service.database.risk_levels import basis, levels, unscored
from gis_service.database.risk_levels import scored as kept_scores
from gis_service.features import sees_everything
from gis_service.risk.score import Model, among, layers_with_risk, model, scored
from layers import Layer, RiskConfig, ledger

_MOST = 2000
"""Features scored by who asks; where more have been touched than this, all are."""
COLUMNS = ("id", "code", "area_code", "score", "rank", "completeness")

_DIALECT = registry.load("postgresql.psycopg2")()

_KEEP = """
WITH now AS MATERIALIZED (SELECT {columns} FROM ({scored}) s),
gone AS (
    DELETE FROM risk_scored k
    WHERE k.layer = '{layer}' AND {touched} AND NOT EXISTS (SELECT FROM now n WHERE n.code = k.code)
    RETURNING k.area_code, k.rank
),
moved AS (
    SELECT n.*, k.area_code AS from_area, k.rank AS from_rank
    FROM now n LEFT JOIN risk_scored k ON k.layer = '{layer}' AND k.code = n.code
    WHERE (n.id, n.area_code, n.score, n.rank, n.completeness)
        IS DISTINCT FROM (k.id, k.area_code, k.score, k.rank, k.completeness)
),
put AS (
    INSERT INTO risk_scored (layer, {columns}) SELECT '{layer}', {columns} FROM moved
    ON CONFLICT (layer, code) DO UPDATE SET id = excluded.id, area_code = excluded.area_code,
        score = excluded.score, rank = excluded.rank, completeness = excluded.completeness
)
INSERT INTO risk_tallies AS t (layer, area_code, rank, number)
SELECT '{layer}', area_code, rank, sum(number) FROM (
    SELECT area_code, rank, -1 FROM gone
    UNION ALL SELECT from_area, from_rank, -1 FROM moved WHERE from_rank IS NOT NULL
    UNION ALL SELECT area_code, rank, 1 FROM moved
) cell (area_code, rank, number) GROUP BY area_code, rank HAVING sum(number) <> 0
ON CONFLICT (layer, area_code, rank) DO UPDATE SET number = t.number + excluded.number
"""


@dataclass(frozen=True)
class Kept:
    """What may be read of the scores that are kept: all but those of the codes `touched` since, by layer."""

    touched: Mapping[str, list[str]]


def kept(connection: Connection, model: Model) -> Kept | None:
    """Return what is kept of this model's day; None where nothing is, or who asks does not see all of it."""
    today = func.coalesce(func.current_setting("gis.as_of", literal_column("true")), "") == ""
    stands = select(basis.c.basis).where(basis.c.basis == _basis(model), today)
    if connection.scalar(stands) is None or not sees_everything(connection, *layers_with_risk(), ledger()):
        return None
    touched = _touched(connection, _MOST + 1)
    return Kept(touched) if sum(map(len, touched.values())) <= _MOST else None


def current(connection: Connection, layer: type[Layer], model: Model) -> Select[Any]:
    """Return the SELECT of code, area_code, score, rank and completeness of every feature of a layer.

    It reads what is kept, and scores what else there is.
    """
    found = kept(connection, model)
    if found is None:
        every = scored(layer, model).subquery("scored")
        return select(*(every.c[name] for name in COLUMNS))
    return of_layer(layer, model, found)


def of_layer(layer: type[Layer], model: Model, found: Kept) -> Select[Any]:
    """Return the same of what is kept."""
    name = layer.__tablename__
    its = kept_scores.alias("its")
    standing = select(*(its.c[column] for column in COLUMNS)).where(its.c.layer == name)
    if (anew := scored_anew(layer, model, found)) is None:
        return standing
    scores = anew.subquery("anew")
    standing = standing.where(its.c.code.not_in(found.touched[name]))
    both = union_all(standing, select(*(scores.c[column] for column in COLUMNS))).subquery("current")
    return select(*both.c)


def counted(layer: type[Layer], found: Kept) -> Select[Any] | CompoundSelect[Any]:
    """Return rows of area_code, rank and number that add up to how many features stand as they were scored."""
    name = layer.__tablename__
    cells = select(levels.c.area_code, levels.c.rank, levels.c.number).where(levels.c.layer == name)
    if not (codes := found.touched[name]):
        return cells
    its = kept_scores.alias("its")
    touched = select(its.c.area_code, its.c.rank, literal(-1))
    return union_all(cells, touched.where(its.c.layer == name, among(its.c.code, codes)))


def scored_anew(layer: type[Layer], model: Model, found: Kept) -> Select[Any] | None:
    """Return the SELECT that scores what has been touched; None where nothing has been."""
    codes = found.touched[layer.__tablename__]
    return scored(layer, model, codes) if codes else None


def keep(database: Database, *, anew: bool = False) -> bool:
    """Score what has been touched, or everything where it is another day; say whether there was anything to do.

    The database is the owner's: who is held by policies does not see all. Writers wait for nothing.
    """
    with database.transaction() as connection:
        # one state throughout, taken when nobody else is at it: LOCK takes none
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("LOCK TABLE risk_basis IN SHARE UPDATE EXCLUSIVE MODE")
        now = model(connection, database.district(connection).today)
        stands = connection.scalar(select(basis.c.basis).where(basis.c.basis == _basis(now)))
        if stands and not anew and connection.execute(select(unscored).limit(1)).first() is None:
            return False
        if anew:
            connection.execute(delete(kept_scores))
            connection.execute(delete(levels))
        touched = _touched(connection) if stands and not anew else None
        for layer in layers_with_risk():
            _score(connection, layer, now, None if touched is None else touched[layer.__tablename__])
        connection.execute(delete(unscored))
        if not stands:
            connection.execute(delete(basis))
            connection.execute(insert(basis).values(basis=_basis(now)))
    return True


def _score(connection: Connection, layer: type[Layer], model: Model, codes: list[str] | None) -> None:
    """Score a layer's features, all or those of some codes, and keep what has changed."""
    text, values = _written(scored(layer, model, codes))
    statement = _KEEP.format(
        columns=", ".join(COLUMNS),
        scored=text,
        layer=layer.__tablename__,
        touched="true" if codes is None else "k.code = ANY (%(touched)s)",
    )
    connection.exec_driver_sql(statement, values | {"touched": codes})


def _touched(connection: Connection, limit: int | None = None) -> dict[str, list[str]]:
    """Return the codes of what is to be scored anew, by layer."""
    touched: dict[str, list[str]] = {layer.__tablename__: [] for layer in layers_with_risk()}
    for row in connection.execute(select(unscored.c.layer, unscored.c.code).distinct().limit(limit)):
        touched.get(row.layer, []).append(row.code)  # a layer may have lost its model
    return touched


def wrong(connection: Connection, model: Model) -> list[Wrong]:
    """Score everything, and return what is kept otherwise: scores, or numbers by level; of one state of all."""
    found = kept(connection, model)
    if found is None:
        return []
    differing: list[Wrong] = []
    for layer in layers_with_risk():
        name = layer.__tablename__
        every = scored(layer, model).subquery("every")
        now = select(*(every.c[column] for column in COLUMNS))
        differing += _difference(connection, kept_scores.name, name, of_layer(layer, model, found), now)
        by = kept_scores.c.area_code, kept_scores.c.rank
        number = select(*by, func.count().label("number")).where(kept_scores.c.layer == name).group_by(*by)
        told = select(levels.c.area_code, levels.c.rank, levels.c.number).where(levels.c.layer == name)
        differing += _difference(connection, levels.name, name, told.where(levels.c.number != 0), number)
    return differing


def _difference(connection: Connection, table: str, layer: str, then: Select[Any], now: Select[Any]) -> Iterator[Wrong]:
    for side, difference in (("kept", then.except_(now)), ("found", now.except_(then))):
        for row in connection.execute(difference).mappings():
            yield Wrong(table, side, {"layer": layer, **row})


def _basis(model: Model) -> str:
    return _digest(orjson.dumps(model.config.to_json(), option=orjson.OPT_SORT_KEYS), model.today)


@lru_cache(maxsize=64)
def _digest(config: bytes, today: date) -> str:
    """Return the digest of the statements that score every layer: of declarations, configuration and day."""
    given = Model(RiskConfig(**orjson.loads(config)), 0, today)
    statements = [_written(scored(layer, given)) for layer in layers_with_risk()]
    return hashlib.sha256(repr(statements).encode()).hexdigest()


def _written(statement: Select[Any]) -> tuple[str, dict[str, Any]]:
    """Return a statement as text, with its values."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled), dict(compiled.params)
