"""The kinds of column that a layer may have. Each call declares a column and what people must know of it.

The labels, units, vocabularies and ranges given here become CHECK constraints, forms, the data dictionary, the
OpenAPI document, the rules of the import and the words on the maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Boolean, Date, Double, Numeric, Text
from sqlalchemy.orm import MappedColumn, mapped_column

from layers._vocabulary import UNKNOWN, Label, Vocabulary

Kind = Literal["text", "term", "layer", "number", "money", "date", "flag"]


@dataclass(frozen=True)
class Field:
    """What people must know of a column: its name in both languages, unit, vocabulary, range, target.

    `references` names the layer whose `code` it holds; `aliases` are the column names that source files use.
    """

    kind: Kind
    label: Label
    unit: str = ""
    vocabulary: Vocabulary | None = None
    minimum: float | None = None
    maximum: float | None = None
    references: str = ""
    aliases: tuple[str, ...] = ()


def text(
    zh: str, en: str, *, references: str = "", indexed: bool = False, aliases: tuple[str, ...] = ()
) -> MappedColumn[Any]:
    """Declare free text, or with `references` the code of a feature of another layer."""
    field = Field("text", Label(zh, en), references=references, aliases=aliases)
    return _column(Text(), field, index=indexed or bool(references))


def term(zh: str, en: str, vocabulary: Vocabulary, *, aliases: tuple[str, ...] = ()) -> MappedColumn[Any]:
    """Declare a word of a vocabulary; what is not known is stored as 未知, never as null."""
    field = Field("term", Label(zh, en), vocabulary=vocabulary, aliases=aliases)
    return _column(Text(), field, nullable=False, default=UNKNOWN, server_default=UNKNOWN)


def layer_name(zh: str, en: str, *, indexed: bool = False, aliases: tuple[str, ...] = ()) -> MappedColumn[Any]:
    """Declare the name of a layer, of any that there are."""
    return _column(Text(), Field("layer", Label(zh, en), aliases=aliases), index=indexed)


def number(
    zh: str,
    en: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    aliases: tuple[str, ...] = (),
) -> MappedColumn[Any]:
    """Declare a measured number in `unit`, within `minimum` and `maximum` (both inclusive)."""
    return _column(Double(), Field("number", Label(zh, en), unit, None, minimum, maximum, aliases=aliases))


def money(zh: str, en: str, *, aliases: tuple[str, ...] = ()) -> MappedColumn[Any]:
    """Declare an amount in 万元 (10,000 yuan), exact to one yuan."""
    return _column(Numeric(16, 4), Field("money", Label(zh, en), "万元", None, 0, aliases=aliases))


def date(zh: str, en: str, *, aliases: tuple[str, ...] = ()) -> MappedColumn[Any]:
    """Declare a calendar day."""
    return _column(Date(), Field("date", Label(zh, en), aliases=aliases))


def flag(zh: str, en: str, *, aliases: tuple[str, ...] = ()) -> MappedColumn[Any]:
    """Declare a yes or no that may be unknown (null)."""
    return _column(Boolean(), Field("flag", Label(zh, en), aliases=aliases))


def _column(kind: Any, field: Field, **options: Any) -> MappedColumn[Any]:  # noqa: ANN401 - SQLAlchemy's own types
    return mapped_column(kind, info={"field": field}, **{"nullable": True, **options})
