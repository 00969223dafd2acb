"""Pages of a layer in any order, CRS and choice of properties, by key; and how many records are on all of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Text,
    and_,
    asc,
    cast,
    desc,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array

from gis_service.crs import CRS84, Crs
from gis_service.database.prepared import Compiled, Kept, varying
from gis_service.derived import derived
from gis_service.errors import UnknownValue
from gis_service.features import features
from gis_service.filters import filterable
from layers import Layer

MOST_COUNTED = 5_000
"""How far records are counted one by one; where there are more, and no tallies tell, their number is not said."""


_GUESSED_FROM = 10
"""QGIS before 3.34 takes the type of a column from a page of so many, and keeps no decimal where all are whole."""


_OF_TURN = ("limit", "more", "last", "skipped")
"""The values of a page's statement that differ from one turn to the next."""


@dataclass(frozen=True)
class Key:
    """One property that records are put in order by."""

    column: ColumnElement[Any]
    descending: bool

    def order(self) -> ColumnElement[Any]:
        """Return the ORDER BY: what has no value comes last, or first where the order goes down."""
        ordered: ColumnElement[Any] = desc(self.column) if self.descending else asc(self.column)
        return ordered

    def behind(self, value: str | None) -> ColumnElement[bool]:
        """Select what comes behind a value."""
        if value is None:
            return self.column.is_not(None) if self.descending else false()
        there = cast(literal(value), self.column.type)
        if self.descending:
            return self.column < there
        # what always has a value is not asked whether it has none: its index would not be used
        always = isinstance(self.column, Column) and not self.column.nullable
        return self.column > there if always else or_(self.column > there, self.column.is_(None))

    def at(self, value: str | None) -> ColumnElement[bool]:
        """Select what has this value."""
        return self.column.is_(None) if value is None else self.column == cast(literal(value), self.column.type)


def order(layer: type[Layer], names: Iterable[str], today: Any) -> tuple[Key, ...]:  # noqa: ANN401 - a date
    """Return the order that names ask for, each with `-` before it to go down, or `+`.

    Raises
    ------
    UnknownValue
        Where there is no such property, or it is named twice.
    """
    given = list(names)
    columns = {**{c.name: c for c in layer.__table__.columns}, **derived(layer, today)} if given else {}
    keys: list[Key] = []
    for name in given:
        bare = name.lstrip("+-") if name[:1] in "+-" and name[1:2] not in ("+", "-") else name
        if bare not in filterable(layer):
            raise UnknownValue("sortby", name, filterable(layer))
        if any(key.column is columns[bare] for key in keys):
            raise UnknownValue("sortby", name, [other for other in filterable(layer) if other != bare])
        keys.append(Key(columns[bare], name.startswith("-")))
    return tuple(keys)


@dataclass(frozen=True)
class Turn:
    """Which page: `limit` features from behind the place that the token `after` names, or from `offset` on.

    Paging by key costs the same at any depth; an `offset` reads all that it skips.
    """

    limit: int
    after: str = ""
    offset: int = 0
    keys: tuple[Key, ...] = ()

    def ordered(self, layer: type[Layer]) -> tuple[Key, ...]:
        """Return by what the records are put in order, so that each has a place of its own."""
        return (*self.keys, Key(layer.__table__.c.id, descending=False))

    def found(
        self, connection: Connection, statement: Compiled | Kept, values: Mapping[str, Any]
    ) -> tuple[Any, int, str | None]:
        """Return what a statement of `_page` finds: the rows put together, how many, and the token of the next page."""
        mine = zip(_OF_TURN, (self.limit, self.limit + 1, self.limit - 1, self.offset), strict=True)
        found, some, key = statement.row(connection, **values, **dict(mine))
        found = found.encode() if isinstance(found, str) else found
        return found, min(some, self.limit), _token(key) if some > self.limit else None


@dataclass(frozen=True)
class Page:
    """The features on a page: how many, and the token to ask the next page with, if any; and what was asked of them."""

    number: int
    following: str | None
    features: bytes = b""
    """A comma-separated run of GeoJSON texts."""
    ids: tuple[int, ...] = ()


def page(
    connection: Connection,
    layer: type[Layer],
    clauses: Sequence[ColumnElement[bool]],
    turn: Turn,
    *,
    values: Mapping[str, Any] = MappingProxyType({}),
    properties: tuple[str, ...] | None = None,
    crs: Crs = CRS84,
) -> Page:
    """Return the features on a page; `values` are those of parameters that the clauses have.

    Raises
    ------
    UnknownValue
        Where the token is none of this order.
    """
    pointed = turn.limit <= _GUESSED_FROM
    ordered = turn.ordered(layer)
    begin = _place(turn.after, ordered) if turn.after else ()
    if turn.keys:
        query = features(layer, properties, crs, pointed=pointed).where(*clauses, *_behind(ordered, begin))
        found, number, following = turn.found(connection, Compiled(_page(query, ordered, _together)), values)
    else:
        statement = _by_id(layer, properties, crs, tuple(clauses), pointed=pointed)
        found, number, following = turn.found(connection, statement, {**values, "behind": _id(begin)})
    return Page(number, following, found or b"")


def bare(
    connection: Connection,
    layer: type[Layer],
    clauses: Sequence[ColumnElement[bool]],
    turn: Turn,
    values: Mapping[str, Any],
) -> Page:
    """Return which features are on a page, without them; takes and raises what `page` does."""
    ordered = turn.ordered(layer)
    begin = _place(turn.after, ordered) if turn.after else ()
    query = select(layer.id).where(*clauses, *_behind(ordered, begin))
    statement = Compiled(_page(query, ordered, lambda rows: func.array_agg(rows.c.id)))
    ids, number, following = turn.found(connection, statement, values)
    return Page(number, following, ids=tuple(ids or ()))


def _page(
    query: Select[Any], ordered: Sequence[Key], together: Callable[[Subquery], ColumnElement[Any]]
) -> Select[tuple[Any, int, list[str | None]]]:
    """Return what finds a page of a query as one row: its rows put `together`, how many there are, and the last's keys.

    PostgreSQL puts them together: a hundred rows cost Python more than PostgreSQL needs to write them.
    """
    keys = array([cast(key.column, Text) for key in ordered]).label("keys")
    query = query.add_columns(keys).order_by(*(key.order() for key in ordered))
    rows = query.limit(varying("more")).offset(varying("skipped")).cte("page")
    on_it = select(rows).limit(varying("limit")).subquery()
    last = select(rows.c["keys"]).offset(varying("last")).limit(1)
    number = select(func.count()).select_from(rows)
    return select(*(one.scalar_subquery() for one in (select(together(on_it)), number, last)))


@lru_cache(maxsize=256)  # who asks chooses the properties, and the clauses; those of one text of CQL2 are the same
def _by_id(
    layer: type[Layer],
    properties: tuple[str, ...] | None,
    crs: Crs,
    clauses: tuple[ColumnElement[bool], ...],
    *,
    pointed: bool,
) -> Compiled | Kept:
    """Return what finds a page in the order of ids; that of a whole layer is kept prepared."""
    query = features(layer, properties, crs, pointed=pointed).where(*clauses, layer.id > varying("behind"))
    statement = _page(query, Turn(0).ordered(layer), _together)
    return Compiled(statement) if clauses else Kept(statement)


def _together(rows: Subquery) -> ColumnElement[Any]:
    return func.string_agg(rows.c.feature, ",\n")


def _behind(keys: Sequence[Key], values: Sequence[str | None]) -> Iterator[ColumnElement[bool]]:
    """Yield what selects all behind a place, if one is given: equal in the first keys, and behind in the next."""
    if values:
        pairs = list(zip(keys, values, strict=True))
        yield or_(
            *(
                and_(*(key.at(value) for key, value in pairs[:at]), key.behind(value))
                for at, (key, value) in enumerate(pairs)
            )
        )


def _id(values: Sequence[str | None]) -> int:
    """Return the id behind which a page of a whole layer begins."""
    text = values[0] if values else "-1"
    if text is None or not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise _no_token(str(text))
    return int(text)


def _token(values: list[str | None]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _place(token: str, keys: Sequence[Key]) -> list[str | None]:
    """Return the values of the keys behind which a page begins."""
    try:
        values = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, orjson.JSONDecodeError, ValueError) as error:
        raise _no_token(token) from error
    texts = isinstance(values, list) and all(isinstance(value, str | None) for value in values)
    if not texts or len(values) != len(keys) or values[-1] is None:
        raise _no_token(token)
    return list(values)


def _no_token(token: str) -> UnknownValue:
    return UnknownValue("after", token, ["the link next of the page before"])


def counted(
    connection: Connection, layer: type[Layer], clauses: tuple[ColumnElement[bool], ...], values: Mapping[str, Any]
) -> int | None:
    """Return how many records clauses select; None where there are more than are worth counting."""
    [number] = _some(layer, clauses).row(connection, **values)
    return int(number) if number <= MOST_COUNTED else None


@lru_cache(maxsize=256)  # as above
def _some(layer: type[Layer], clauses: tuple[ColumnElement[bool], ...]) -> Compiled:
    some = select(literal(1)).select_from(layer.__table__).where(*clauses).limit(MOST_COUNTED + 1).subquery()
    return Compiled(select(func.count()).select_from(some))
