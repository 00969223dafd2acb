"""What a file says in a column becomes what the field stores, or is refused with a reason."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.ingest.values import convert
from layers import UNKNOWN, Field, Label, Term, Vocabulary

GRADE = Vocabulary("test", (Term("A", "intact", "完好"), Term("1类", "class 1", aliases=("1", "一类"))))
LABEL = Label("字段", "Field")
TEXT = Field("text", LABEL)
TERM = Field("term", LABEL, vocabulary=GRADE)
NUMBER = Field("number", LABEL, minimum=0, maximum=100)
MONEY = Field("money", LABEL, minimum=0)
DATE = Field("date", LABEL)
FLAG = Field("flag", LABEL)
ALL = (TEXT, TERM, NUMBER, MONEY, DATE, FLAG)


def one(field: Field, value: Any) -> Any:
    values, refused = convert(field, pa.array([value]))
    return refused[0][1] if refused else values[0].as_py()


@pytest.mark.parametrize("spelling", ["A", "a", " A ", "intact", "Intact", "完好"])
def test_a_term_is_found_by_every_spelling(spelling: str) -> None:
    assert one(TERM, spelling) == "A"


@pytest.mark.parametrize("spelling", [1, 1.0, "1", "一类", "1类", "Class 1"])
def test_a_term_may_be_spelled_by_a_number(spelling: Any) -> None:
    assert one(TERM, spelling) == "1类"


@pytest.mark.parametrize("nothing", [None, "", "  ", "\u3000", "不详", "unknown"])
def test_what_is_not_known_is_said_to_be_unknown(nothing: str | None) -> None:
    assert convert(TERM, pa.array([nothing], pa.string()))[0].to_pylist() == [UNKNOWN]


def test_an_unknown_spelling_is_refused_with_the_allowed_terms() -> None:
    values, refused = convert(TERM, pa.array(["A", "F", None, "F"]))
    assert values.to_pylist() == ["A", UNKNOWN, UNKNOWN, UNKNOWN]
    assert set(refused) == {1, 3}
    value, reason = refused[1]
    assert value == "F"
    assert "A、1类、未知" in reason.zh
    assert "A, 1类, 未知" in reason.en


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12.5", 12.5), (" 12 ", 12), ("１２．５", 12.5), ("1e1", 10), (7, 7), (".5", 0.5), ("0", 0), (100, 100),
        (float("nan"), None), (None, None), ("", None),
    ],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it(written: Any, number: float | None) -> None:
    assert one(NUMBER, written) == number


def test_thousands_may_be_set_apart() -> None:
    assert str(one(MONEY, "1,234,567.5")) == "1234567.5000"


@pytest.mark.parametrize("written", ["twelve", "1_0", "12 m", "inf", "--1", "1,2,3", "0x10", True, "１２年"])
def test_what_is_no_number_is_refused(written: Any) -> None:
    assert one(NUMBER, written) == Label("不是数字", "not a number")


@pytest.mark.parametrize("beyond", [-0.1, 100.5, "1e300"])
def test_a_number_beyond_the_range_is_refused_with_the_range(beyond: Any) -> None:
    assert one(NUMBER, beyond) == Label("应在 0 至 100 之间", "must be between 0 and 100")


def test_infinity_is_refused() -> None:
    assert one(NUMBER, float("inf")).en == "not a finite number"


@pytest.mark.parametrize(
    ("written", "amount"), [(12.3456, "12.3456"), ("0.1", "0.1000"), (3, "3.0000"), (0.1 + 0.2, "0.3000")]
)
def test_money_is_exact_to_one_yuan(written: Any, amount: str) -> None:
    assert str(one(MONEY, written)) == amount


def test_money_that_the_column_cannot_hold_is_refused() -> None:
    assert "too large" in one(MONEY, "1" + "0" * 12).en
    assert "at least 0" in one(MONEY, -1).en


@pytest.mark.parametrize(
    "written",
    [
        "2023-10-31", "2023/10/31", "2023.10.31", "2023年10月31日", "20231031", 20231031, 20231031.0,
        "2023-10-31T08:30:00+08:00", "2023-10-31 08:30:00", "２０２３－１０－３１", date(2023, 10, 31),
    ],
)  # fmt: skip
def test_a_day_is_read_as_bureaus_write_it(written: Any) -> None:
    assert one(DATE, written) == date(2023, 10, 31)


@pytest.mark.parametrize("written", ["2023-02-30", "2023-10", "31.10.2023", "soon", 45230, True, "2023-10-31 or so"])
def test_what_is_no_day_is_refused(written: Any) -> None:
    assert "2023-10-31" in one(DATE, written).en


@pytest.mark.parametrize("written", ["是", "yes", "YES", "true", "1", 1, 1.0, True])
def test_yes_is_read_in_every_spelling(written: Any) -> None:
    assert one(FLAG, written) is True


@pytest.mark.parametrize("written", ["否", "no", "False", "0", 0, False])
def test_no_is_read_in_every_spelling(written: Any) -> None:
    assert one(FLAG, written) is False


def test_a_flag_may_be_unknown_but_not_anything() -> None:
    assert one(FLAG, "未知") is None
    assert one(FLAG, "maybe").en == "must be yes or no"


def test_text_takes_numbers_as_people_would_type_them() -> None:
    assert convert(TEXT, pa.array([5.0, 5.5, None]))[0].to_pylist() == ["5", "5.5", None]
    assert convert(TEXT, pa.array([["x", "y"]]))[0].to_pylist() == ["x, y"]


def test_text_that_the_database_cannot_keep_is_refused() -> None:
    assert "cannot keep" in one(TEXT, "a\0b").en


ANYTHING = st.one_of(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.floats()),
    st.lists(st.none() | st.booleans()),
    st.lists(st.none() | st.dates()),
    st.lists(st.none() | st.datetimes()),
    st.lists(st.none() | st.binary()),
    st.lists(st.none() | st.lists(st.integers(0, 9))),
    st.lists(st.none() | st.sampled_from(["A", "1", "2023-10-31", "是", "12.5", "1e5", "-3", "一类", ""])),
)


@given(field=st.sampled_from(ALL), values=ANYTHING)
def test_whatever_the_value_it_is_valid_or_refused_with_a_reason(field: Field, values: list[Any]) -> None:
    converted, refused = convert(field, pa.array(values))
    assert len(converted) == len(values)
    assert all(reason.zh and reason.en for _, reason in refused.values())
    for i, value in enumerate(converted.to_pylist()):
        assert i not in refused or value in (None, UNKNOWN)
        if field.kind == "term":
            assert value in GRADE.codes
        elif field.kind == "number":
            assert value is None or 0 <= value <= 100
        elif field.kind == "money":
            assert value is None or 0 <= Decimal(value) < 10**12
        elif field.kind == "text":
            assert value is None or (value == value.strip() != "" and "\0" not in value)


@given(field=st.sampled_from(ALL), values=ANYTHING)
def test_what_was_accepted_is_accepted_again_unchanged(field: Field, values: list[Any]) -> None:
    once, refused = convert(field, pa.array(values))
    twice, again = convert(field, once)
    assert not again
    assert twice.equals(once)
    assert len(refused) <= len(values)
