"""Judge values: what a file says in a column, as the kind of the field stores it. One short function per kind."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gis_service.ingest.binary import MONEY
from layers import UNKNOWN, Field, Label, registry

_NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ][\d:.+Z -]*)?", re.ASCII)
_EIGHT_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_YES = {"是", "yes", "true", "1"}
_NO = {"否", "no", "false", "0"}
HOLDS_NUL = Label("含有数据库无法保存的字符", "holds a character that the database cannot keep")
_MOST_MONEY = Decimal(10) ** 12
_CENT = Decimal("0.0001")


class Unfit(ValueError):
    """A value that the field cannot hold; `why` says what it may be."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.why = Label(zh, en)


def convert(field: Field, column: pa.Array) -> tuple[pa.Array, dict[int, tuple[str, Label]]]:
    """Return a column as the field's kind, null where refused or missing (未知 for terms); and the refused, by index.

    Each different value is looked at once, however many rows have it; text in whole columns.
    """
    if isinstance(column, pa.ExtensionArray):  # JSON, as GDAL marks columns of mixed content
        column = column.storage
    if field.kind == "text" and pa.types.is_string(column.type) and not _any_nul(column):
        trimmed = pc.utf8_trim_whitespace(column)
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed), {}
    try:
        encoded = column.dictionary_encode()
        distinct, places = encoded.dictionary.to_pylist(), encoded.indices
    except pa.ArrowNotImplementedError:  # lists
        distinct, places = column.to_pylist(), pa.array(np.arange(len(column)))
    missing = stored(field, None)
    converted: list[Any] = []
    unfit: dict[int, tuple[str, Label]] = {}
    for i, value in enumerate(distinct):
        try:
            converted.append(stored(field, value))
        except Unfit as error:
            converted.append(missing)
            unfit[i] = str(value), error.why
    # one more entry stands for null, so that a null of the file takes the place of what is missing
    taken = places.fill_null(len(converted))
    values = pa.array([*converted, missing]).cast(ARROW[field.kind]).take(taken)
    if not unfit:
        return values, {}
    at = taken.to_numpy(zero_copy_only=False)
    return values, {int(i): unfit[int(at[i])] for i in np.flatnonzero(np.isin(at, list(unfit)))}


def _any_nul(column: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(column, "\0")).as_py())


def stored(field: Field, value: Any) -> Any:  # noqa: ANN401 - whatever a file holds
    """Return one value as the field's kind stores it (money as text, exact); null where missing, 未知 for terms.

    Raises
    ------
    Unfit
        Where the field cannot hold it.
    """
    result = None if _is_missing(value) else _KINDS[field.kind](field, value)
    return UNKNOWN if result is None and field.kind == "term" else result


def holds_nul(document: bytes) -> bool:
    """Say whether a JSON text holds the character NUL, which no text of the database can."""
    return _NUL.search(document) is not None


def _is_missing(value: Any) -> bool:  # noqa: ANN401 - whatever a file holds
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def plain(value: Any) -> str:  # noqa: ANN401 - whatever a file holds
    """Return a value as people would type it: 3.0 is 3, and blanks around it do not count."""
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()


def _text(_field: Field, value: Any) -> str | None:  # noqa: ANN401 - whatever a file holds
    text = plain(value)
    if "\0" in text:
        raise Unfit(HOLDS_NUL.zh, HOLDS_NUL.en)
    return text or None


def _term(field: Field, value: Any) -> str | None:  # noqa: ANN401 - whatever a file holds
    if field.vocabulary is None:
        raise TypeError("a term has a vocabulary")
    found = field.vocabulary.find(plain(value))
    if found is None:
        codes = field.vocabulary.codes
        raise Unfit(f"不在词表中，可用的有：{'、'.join(codes)}", f"not in the vocabulary; allowed: {', '.join(codes)}")
    return found.code


def _layer(_field: Field, value: Any) -> str | None:  # noqa: ANN401 - whatever a file holds
    spelling = plain(value).casefold()
    for name, layer in registry().items():
        if spelling in (name, layer.title.zh.casefold(), layer.title.en.casefold()):
            return name
    titles = [f"{name} ({layer.title.zh})" for name, layer in registry().items()]
    raise Unfit(f"没有这个图层，可用的有：{'、'.join(titles)}", f"no layer; allowed: {', '.join(titles)}")


def _number(field: Field, value: Any) -> float | None:  # noqa: ANN401 - whatever a file holds
    number = float(_numeric(value))
    if not math.isfinite(number):
        raise Unfit("不是有限的数", "not a finite number")
    low, high = field.minimum, field.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        low_zh, high_zh = ("" if b is None else f"{b:g}" for b in (low, high))
        if high is None:
            raise Unfit(f"不得小于 {low_zh}", f"must be at least {low_zh}")
        if low is None:
            raise Unfit(f"不得大于 {high_zh}", f"must be at most {high_zh}")
        raise Unfit(f"应在 {low_zh} 至 {high_zh} 之间", f"must be between {low_zh} and {high_zh}")
    return number


def _money(field: Field, value: Any) -> str | None:  # noqa: ANN401 - whatever a file holds
    amount = _numeric(value)
    _number(field, value)
    if abs(amount) >= _MOST_MONEY:
        raise Unfit("金额过大（单位：万元）", "too large an amount (in 10,000 yuan)")
    return str(amount.quantize(_CENT))


def _numeric(value: Any) -> Decimal:  # noqa: ANN401 - whatever a file holds
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    text = unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else ""
    if not _NUMBER.fullmatch(text):
        raise Unfit("不是数字", "not a number")
    return Decimal(text.replace(",", ""))


def _date(_field: Field, value: Any) -> date | None:  # noqa: ANN401 - whatever a file holds
    if isinstance(value, date):  # a datetime is one
        return date(value.year, value.month, value.day)
    text = unicodedata.normalize("NFKC", plain(value))
    found = _DAY.fullmatch(text) or _EIGHT_DIGITS.fullmatch(text)
    try:
        if found:
            year, month, day = map(int, found.groups())
            return date(year, month, day)
    except ValueError:  # no such day
        pass
    raise Unfit("不是日期，应如 2023-10-31、2023/10/31、2023年10月31日", "not a date such as 2023-10-31")


def _flag(_field: Field, value: Any) -> bool | None:  # noqa: ANN401 - whatever a file holds
    text = plain(value).casefold()
    if text in _YES or text in _NO:
        return text in _YES
    if text in (UNKNOWN, "unknown"):
        return None
    raise Unfit("应为 是 或 否", "must be yes or no")


_KINDS: Mapping[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "term": _term,
    "layer": _layer,
    "number": _number,
    "money": _money,
    "date": _date,
    "flag": _flag,
}
ARROW: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("text", "term", "layer"), pa.string()),
    "number": pa.float64(),
    "money": MONEY,
    "date": pa.date32(),
    "flag": pa.bool_(),
}
"""What Arrow calls a column of each kind of field."""
