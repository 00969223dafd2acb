"""What is asked for, and where it comes from: one connection that sees one state, and can be stopped from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg2
from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import True_

from gis_service.copied import Brake
from gis_service.database import Database, District
from gis_service.errors import DatabaseError, FilterError, GisError, UsageError
from gis_service.exports.columns import binary, columns, values
from gis_service.exports.places import EXAMPLES, Place, place
from layers import Language, Layer, Role, with_role

ROWS = 20_000


@dataclass(frozen=True)
class Export:
    """What is asked for: a layer, or what `where` chooses of it, as it is or stood on a day, and where on earth.

    `properties` chooses some columns, `order` another order than that of ids. `filter` and `area` are what `where` was
    made of, in the words of who asks: files say them. `progress` is called with the features so far.
    """

    database: Database
    layer: type[Layer]
    where: ColumnElement[bool] | None = None
    as_of: date | None = None
    place: Place = field(default_factory=place)
    language: Language = "zh"
    properties: tuple[str, ...] | None = None
    order: tuple[ColumnElement[Any], ...] = ()
    filter: str = ""
    area: str = ""
    encoding: str = "UTF-8"
    progress: Callable[[int], None] | None = None
    brake: Brake = field(default_factory=Brake)

    @property
    def stem(self) -> str:
        """The name of a file of it: that of the layer, and where coordinates are if not where they are stored."""
        name = self.layer.__tablename__
        return name if self.place == place() else f"{name}_{self.place.name.replace(':', '').replace('-', '')}"

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the layer as it is, in the order of ids."""
        return self.as_of is None and not self.order and (self.where is None or isinstance(self.where, True_))

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """Yield a connection that reads it."""
        with self.database.streaming(self.as_of) as connection, self.brake.on(connection):
            if self.place != place():
                self._require_reach(connection)
            yield Source(self, connection, self.database.district(connection))

    def _require_reach(self, connection: Connection) -> None:
        """Refuse a CRS of another part of the world: PROJ would compute something all the same."""
        extent = func.ST_Extent(with_role(Role.AREAS).geom)
        edges = (func.ST_XMin(extent), func.ST_YMin(extent), func.ST_XMax(extent), func.ST_YMax(extent))
        west, south, east, north = connection.execute(select(*edges)).one()
        if west is not None and not self.place.reaches(west, south, east, north):
            raise _out_of_reach()


class Source:
    """The records of an export, in their order, and how many of them have gone out."""

    def __init__(self, export: Export, connection: Connection, district: District) -> None:
        self.export, self.connection, self.district = export, connection, district
        self.layer, self.place, self.language = export.layer, export.place, export.language
        self.columns = columns(export.layer, export.properties)
        self.number = 0

    def records(self) -> Select[Any]:
        """Return a SELECT of the columns and the geometry as WKB."""
        return self.query(*values(self.layer, self.columns), binary(self.layer, self.place))

    def query(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Return a SELECT of these columns of the records asked for."""
        return self.chosen(select(*columns).select_from(self.layer.__table__))

    def chosen(self, query: Select[Any]) -> Select[Any]:
        """Narrow a SELECT from the layer's table to the records asked for."""
        where = self.export.where
        return query.where(true() if where is None else where).order_by(*self.export.order, self.layer.id)

    def rows(self, query: Select[Any], at_once: int = ROWS) -> Iterator[Sequence[Row[Any]]]:
        """Yield some thousands of rows at a time.

        Raises
        ------
        FilterError, UsageError
            Where the filter, or the coordinates, cannot be computed.
        DatabaseError
            Where the query breaks off, or the brake was pulled.
        """
        with _in_words():
            found = self.connection.execute(query, execution_options={"yield_per": at_once})
            for part in found.partitions():
                if self.export.brake.pulled:
                    raise broken_off(None)
                yield part
                self.gone(len(part))

    def has(self, where: ColumnElement[bool]) -> bool:
        """Say whether there is a record of this kind among those asked for; raises as `rows` does."""
        with _in_words():
            found = self.query(literal(1)).where(where).order_by(None)
            return bool(self.connection.scalar(select(found.exists())))

    def gone(self, number: int) -> None:
        """Count features that have gone out."""
        self.number += number
        if self.export.progress:
            self.export.progress(self.number)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise broken_off(error.orig) from error


def _out_of_reach() -> UsageError:
    return UsageError(
        "该坐标系不适用于本区，请选择适用的坐标系。",
        "This CRS is not meant for where the district lies. Choose one that is.",
        allowed=EXAMPLES,
    )


def broken_off(error: BaseException | None) -> GisError:
    """Return what to say of a query that failed; the database's own words are in its log."""
    if isinstance(error, psycopg2.DataError):
        return FilterError(
            "筛选条件无法计算（如除以零或超出范围）。",
            "The filter cannot be computed (e.g. division by zero, out of range).",
        )
    if isinstance(error, psycopg2.errors.InternalError_):  # as PostGIS says of PROJ
        return _out_of_reach()
    return DatabaseError("导出中断，请重试；详见日志。", "The export broke off. Try again; see the log.")
