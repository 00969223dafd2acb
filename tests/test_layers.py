"""The contract of a layer: a declaration that contradicts itself fails when it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import layers
from layers import UNKNOWN, ByTerm, Figure, Label, Layer, Ratio, Risk, Sum, Symbol, Term, Vocabulary, registry
from layers._fields import number, term

KINDS = Vocabulary("test", (Term("甲", "first", aliases=("I",)), Term("乙", "second")))
ALL_TERMS = [(v, t) for layer in registry().values() for f in layer.fields().values() if (v := f.vocabulary) for t in v]


def declare(**changes: Any) -> type[Layer]:
    """Declare a layer that is right but for the changes."""
    body = {
        "__module__": f"test_{declare.__name__}_{len(Layer.metadata.tables)}_{abs(hash(str(changes)))}",
        "__annotations__": {},
        "title": Label("试", "Test"),
        "standard": "test",
        "prefix": "T",
        "geometry": ("Point",),
        "symbol": Symbol("kind", "circle"),
        "kind": term("类", "Kind", KINDS),
        "size": number("大小", "Size"),
        **changes,
    }
    try:
        return type("Declared", (Layer,), {k: v for k, v in body.items() if v is not None})
    finally:
        table = Layer.metadata.tables.get(body["__module__"])
        if table is not None:
            Layer.metadata.remove(table)


WRONG = {
    "declare title": {"title": None},
    "declare geometry": {"geometry": None},
    "no vocabulary field": {"symbol": Symbol("size", "circle")},
    "measure 'm' reads 'weight'": {"measures": (Sum("m", Label("", ""), "weight"),)},
    "measure 'r' reads": {"measures": (Ratio("r", Label("", ""), "a", "b", Label("", "")),)},
    "figure F1 has an unknown measure": {"figures": (Figure("F1", Label("", ""), Label("", ""), "weight"),)},
    "risk: no field 'state'": {"risk": Risk(ByTerm("state", {}))},
    "risk: 'kind' has no such terms": {"risk": Risk(ByTerm("kind", {"丙": 1}))},
    "risk: no field 'seen_on'": {"risk": Risk(ByTerm("kind", {"甲": 1}), inspected="seen_on")},
}


@pytest.mark.parametrize("message", WRONG)
def test_a_declaration_that_contradicts_itself_is_refused_with_the_reason(message: str) -> None:
    with pytest.raises(TypeError, match=message):
        declare(**WRONG[message])


def test_a_declaration_without_a_fault_is_taken() -> None:
    layer = declare(measures=(Sum("sizes", Label("", ""), "size"),), geometry=("Point", "MultiPolygon"))
    assert layer.measure_names() == ("count", "area_m2", "sizes")


def test_every_file_is_one_layer_under_its_own_name() -> None:
    files = {path.stem for path in Path(layers.__file__).parent.glob("[a-z]*.py")}
    assert set(registry()) == files
    assert all(name == layer.__tablename__ for name, layer in registry().items())


def test_no_two_layers_number_their_records_alike() -> None:
    prefixes = [layer.prefix for layer in registry().values()]
    assert len(set(prefixes)) == len(prefixes)


def test_every_term_and_field_is_said_in_both_languages() -> None:
    for vocabulary, word in ALL_TERMS:
        assert word.label.zh, (vocabulary.source, word)
        assert word.en, (vocabulary.source, word)
    for layer in registry().values():
        for field in layer.fields().values():
            assert field.label.zh
            assert field.label.en


def test_every_reference_is_to_a_layer() -> None:
    for layer in registry().values():
        for field in layer.fields().values():
            assert field.references in {"", *registry()}


def test_every_vocabulary_ends_with_unknown_and_names_its_source() -> None:
    for vocabulary, _ in ALL_TERMS:
        assert vocabulary.codes[-1] == UNKNOWN
        assert vocabulary.source


def test_a_term_is_found_by_code_label_alias_in_any_case_with_spaces() -> None:
    assert [KINDS.find(s) for s in ("甲", " first ", "FIRST", "i")] == [KINDS["甲"]] * 4
    assert KINDS.find("丙") is None


@given(st.sampled_from(ALL_TERMS))
def test_every_term_is_found_by_its_own_code(found: tuple[Vocabulary, Term]) -> None:
    vocabulary, word = found
    assert vocabulary.find(word.code) == word


def test_a_vocabulary_with_one_term_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="甲"):
        Vocabulary("test", (Term("甲", "first"), Term("甲", "again")))
