"""Columns find their fields by name, label or alias; what is said outright comes first."""

from __future__ import annotations

import pytest

from gis_service.errors import FieldError, UnknownName, UsageError
from gis_service.ingest.columns import match, parse_fields
from layers import registry

BRIDGES = registry()["bridges"]


def test_a_column_is_found_by_name_label_or_alias_in_any_case() -> None:
    found = match(BRIDGES, ["CODE", "名称", "Condition grade", "所在道路", "检测日期", "桥型"])
    assert found.fields == {
        "code": "CODE",
        "name": "名称",
        "grade": "Condition grade",
        "road": "所在道路",
        "assessed_on": "检测日期",
    }
    assert found.extra == ("桥型",)


def test_a_name_goes_before_a_label_and_a_label_before_an_alias() -> None:
    found = match(BRIDGES, ["等级", "技术状况等级", "grade"])
    assert found.fields == {"grade": "grade"}
    assert found.extra == ("等级", "技术状况等级")


def test_what_is_said_outright_goes_before_the_name() -> None:
    found = match(BRIDGES, ["name", "桥名"], {"name": "桥名"})
    assert found.fields == {"name": "桥名"}
    assert found.extra == ("name",)


def test_a_column_may_be_kept_from_a_field_of_its_name() -> None:
    found = match(BRIDGES, ["name", "grade"], parse_fields(["grade="]))
    assert found.fields == {"name": "name"}
    assert found.extra == ("grade",)


def test_a_field_may_be_called_by_its_label() -> None:
    assert match(BRIDGES, ["x"], {"技术状况等级": "x"}).fields == {"grade": "x"}


def test_what_the_database_keeps_is_not_taken_from_a_file() -> None:
    found = match(BRIDGES, ["area_code", "version", "updated_at", "所属区域", "shares"])
    assert found.fields == {}
    assert found.extra == ()
    assert len(found.ignored) == 5


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match="gradee") as refused:
        match(BRIDGES, ["x"], {"gradee": "x"})
    assert refused.value.allowed == tuple(BRIDGES.writable())
    assert "grade" in refused.value.message.en


def test_a_kept_field_cannot_be_set() -> None:
    with pytest.raises(UnknownName):
        match(BRIDGES, ["x"], {"area_code": "x"})


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(FieldError, match="'桥名'") as refused:
        match(BRIDGES, ["x", "y"], {"name": "桥名"})
    assert refused.value.allowed == ("x", "y")


def test_a_field_mapped_twice_is_refused() -> None:
    with pytest.raises(FieldError, match="'name' is mapped twice, from a and b"):
        parse_fields(["name=a", "name=b"])
    with pytest.raises(FieldError, match="mapped twice"):
        match(BRIDGES, ["a", "b"], {"name": "a", "名称": "b"})


def test_a_pair_reads_target_equals_source() -> None:
    assert parse_fields(["name = 桥名", "code=a=b"]) == {"name": "桥名", "code": "a=b"}
    with pytest.raises(UsageError, match="TARGET=SOURCE"):
        parse_fields(["name"])
