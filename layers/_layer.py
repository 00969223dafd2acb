"""The contract of a layer, the checks on a declaration, and the discovery of the files.

A layer is one file of this package: a subclass of `Layer` whose columns are `_fields`, and whose class attributes say
what the rest of the system must know of it. `gis_service` reads layers only through `registry()`; it names none.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import BigInteger, Column, DateTime, Identity, Integer, MetaData, Text, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from layers._fields import Field
from layers._risk import Risk
from layers._vocabulary import Label

STORED_SRID = 4490
"""CGCS2000 geographic, longitude first in PostGIS (obligatory for natural-resources data since 2018-07-01)."""

GeometryType = Literal["Point", "MultiLineString", "MultiPolygon"]


class Role(Enum):
    """The two layers that the engine itself leans on; every other layer is just a layer."""

    AREAS = "areas"
    LEDGER = "ledger"


@dataclass(frozen=True)
class Sum:
    """A measure: the sum of one numeric column."""

    name: str
    label: Label
    column: str
    unit: str = "万元"


@dataclass(frozen=True)
class Ratio:
    """A measure in percent: one sum over another. It always says its base."""

    name: str
    label: Label
    numerator: str
    denominator: str
    base: Label
    unit: str = "%"


@dataclass(frozen=True)
class Symbol:
    """How maps draw the layer: coloured by the terms of `field`, from zoom `from_zoom` on.

    Many features drawn as one take the colour of the worst term: `worst` lists them from there on, where the vocabulary
    itself does not.
    """

    field: str
    shape: Literal["circle", "square", "diamond", "triangle", "line", "area"]
    from_zoom: int = 0
    size: int = 6
    worst: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure of the yearly report, computed from this layer's records.

    `measure` is a measure's name, or `distinct:<field>`; `where` is CQL2 text; the value is multiplied by `scale` and
    rounded to `precision` digits. A ratio's base stands in its measure.
    """

    key: str
    label: Label
    unit: Label
    measure: str = "count"
    where: str = ""
    scale: float = 1
    precision: int = 0
    qualifier: str = ""


class Base(DeclarativeBase):
    """The one metadata of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Layer(Base):
    """The base of every layer table: the columns that all have, and what a declaration must say.

    What is `placed` lies somewhere by itself and is drawn; what is not may be without a place, and is listed only.
    `geom` is in EPSG:4490, longitude first. `area_code` and `shares` are kept by the database: the area that holds the
    feature, and the metres (lines) or square metres (polygons) of it in each area, "" for outside. `version` holds from
    `valid_from` on and was recorded at `updated_at`, by `updated_by`, for `reason`, as part of a `change`: all that
    was written in one transaction. The versions before are its history.
    """

    __abstract__ = True

    title: ClassVar[Label]
    standard: ClassVar[str]
    prefix: ClassVar[str]
    geometry: ClassVar[tuple[GeometryType, ...]]
    symbol: ClassVar[Symbol]
    placed: ClassVar[bool] = True
    role: ClassVar[Role | None] = None
    measures: ClassVar[tuple[Sum | Ratio, ...]] = ()
    risk: ClassVar[Risk | None] = None
    figures: ClassVar[tuple[Figure, ...]] = ()
    kept: ClassVar[tuple[str, ...]] = (
        *("area_code", "shares", "version", "valid_from", "updated_at", "updated_by", "reason", "change"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-9)
    code: Mapped[str] = mapped_column(
        Text, unique=True, sort_order=-8, info={"field": Field("text", Label("编号", "Code"))}
    )
    name: Mapped[str | None] = mapped_column(
        Text, sort_order=-7, info={"field": Field("text", Label("名称", "Name"), aliases=("名字", "title"))}
    )
    area_code: Mapped[str | None] = mapped_column(
        Text, index=True, sort_order=-6, info={"field": Field("text", Label("所属区域", "Area"), references="areas")}
    )
    shares: Mapped[dict[str, float] | None] = mapped_column(JSONB, sort_order=90)
    extra: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=sql("'{}'"), sort_order=91)
    version: Mapped[int] = mapped_column(Integer, default=1, server_default=sql("1"), sort_order=92)
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), sort_order=93)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), sort_order=94)
    updated_by: Mapped[str | None] = mapped_column(Text, sort_order=95)
    reason: Mapped[str | None] = mapped_column(Text, sort_order=96)
    change: Mapped[int | None] = mapped_column(BigInteger, index=True, sort_order=97)

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - SQLAlchemy's declared_attr
        """Name the table after the layer's file."""
        return cls.__module__.rpartition(".")[2]

    @declared_attr
    def geom(cls) -> Mapped[WKBElement]:  # noqa: N805 - SQLAlchemy's declared_attr
        """Hold the feature's place, in EPSG:4490."""
        kind = cls.geometry[0].upper() if len(cls.geometry) == 1 else "GEOMETRY"
        return mapped_column(Geometry(kind, srid=STORED_SRID), nullable=not cls.placed, sort_order=99)

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they come
        complete = not cls.__dict__.get("__abstract__", False)
        missing = [a for a in ("title", "standard", "prefix", "geometry", "symbol") if not hasattr(cls, a)]
        if complete and missing:
            raise TypeError(f"layer {cls.__module__}: declare {', '.join(missing)}")
        super().__init_subclass__(**kwargs)
        if complete:
            _check(cls)

    @classmethod
    @cache
    def fields(cls) -> Mapping[str, Field]:
        """Return what people may read, by column name, in the order of declaration."""
        return MappingProxyType({c.name: c.info["field"] for c in cls.__table__.columns if "field" in c.info})

    @classmethod
    def writable(cls) -> Mapping[str, Field]:
        """Return what people may set: the fields without those that the database keeps."""
        return MappingProxyType({name: field for name, field in cls.fields().items() if name not in cls.kept})

    @classmethod
    def categories(cls) -> tuple[str, ...]:
        """Return the fields that records are counted by: those of vocabularies, layers' names, and yes-or-no ones."""
        return tuple(name for name, field in cls.fields().items() if field.kind in ("term", "layer", "flag"))

    @classmethod
    def measure_names(cls) -> tuple[str, ...]:
        """Return every measure that statistics can compute: count, by geometry length and area, and the declared."""
        return (
            "count",
            *(["length_km"] if "MultiLineString" in cls.geometry else []),
            *(["area_m2"] if "MultiPolygon" in cls.geometry else []),
            *(m.name for m in cls.measures),
        )


def _check(layer: type[Layer]) -> None:
    """Refuse a declaration that contradicts itself, when it is made and not when it is first used."""
    name = layer.__tablename__
    fields, problems = layer.fields(), []
    numeric = {c for c, f in fields.items() if f.kind in ("number", "money")}
    terms = {c: f.vocabulary for c, f in fields.items() if f.vocabulary}
    if layer.symbol.field not in terms:
        problems.append(f"the symbol's field {layer.symbol.field!r} is no vocabulary field")
    elif unknown := set(layer.symbol.worst) - set(terms[layer.symbol.field].codes):
        problems.append(f"the symbol's worst terms are none of {layer.symbol.field!r}: {sorted(unknown)}")
    sums = {m.name for m in layer.measures if isinstance(m, Sum)}
    for measure in layer.measures:
        wanted, known = (
            ({measure.column}, numeric)
            if isinstance(measure, Sum)
            else ({measure.numerator, measure.denominator}, sums)
        )
        problems += [f"measure {measure.name!r} reads {w!r}, which is not there" for w in wanted - known]
    for figure in layer.figures:
        kind, _, of = figure.measure.partition(":")
        if figure.measure not in layer.measure_names() and not (kind == "distinct" and of in fields):
            problems.append(f"figure {figure.key} has an unknown measure {figure.measure!r}")
    if layer.risk is not None:
        problems += _check_risk(layer.risk, fields)
    unlabelled = [c.name for c in own_columns(layer) if "field" not in c.info]
    problems += [f"column {c!r} is not declared through layers._fields" for c in unlabelled]
    if problems:
        raise TypeError(f"layer {name}: " + "; ".join(problems))


def _check_risk(risk: Risk, fields: Mapping[str, Field]) -> list[str]:
    problems = [] if not risk.inspected or risk.inspected in fields else [f"risk: no field {risk.inspected!r}"]
    for score in risk.scores:
        field = fields.get(score.field)
        if field is None:
            problems.append(f"risk: no field {score.field!r}")
        elif hasattr(score, "scores") and (not field.vocabulary or set(score.scores) - set(field.vocabulary.codes)):
            problems.append(f"risk: {score.field!r} has no such terms: {sorted(score.scores)}")
    return problems


def own_columns(layer: type[Layer]) -> list[Column[Any]]:
    """Return the columns that the layer's own file declares, without those that every layer has."""
    shared = {"id", "code", "name", "extra", "geom", *layer.kept}
    return [c for c in layer.__table__.columns if c.name not in shared and isinstance(c, Column)]


def content_columns(layer: type[Layer]) -> tuple[str, ...]:
    """Return the columns that people set, geometry and extra among them: what a version is a version of."""
    return ("code", "name", "extra", "geom", *(c.name for c in own_columns(layer)))


@cache
def registry() -> Mapping[str, type[Layer]]:
    """Import every file of this package and return its layers by name, in the order of the file names."""
    package = importlib.import_module("layers")
    found: dict[str, type[Layer]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            declared = importlib.import_module(f"layers.{module.name}")
            classes = [c for c in vars(declared).values() if isinstance(c, type) and issubclass(c, Layer)]
            layer = [c for c in classes if c.__module__ == declared.__name__]
            if len(layer) != 1:
                raise TypeError(f"layers/{module.name}.py declares {len(layer)} layers; one file is one layer")
            found[layer[0].__tablename__] = layer[0]
    return MappingProxyType(found)


def with_role(role: Role) -> type[Layer]:
    """Return the one layer that plays a role for the engine.

    Raises
    ------
    TypeError
        Where none or several layers declare it.
    """
    layers = [layer for layer in registry().values() if layer.role is role]
    if len(layers) != 1:
        raise TypeError(f"exactly one layer must declare the role {role.name}, not {len(layers)}")
    return layers[0]
