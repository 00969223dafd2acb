"""Values as people read them: terms and layers by their names, yes and no, days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gis_service.exports.columns import Column
from layers import Language, registry


class Words:
    """Says the values of columns in one language."""

    def __init__(self, columns: Sequence[Column], language: Language) -> None:
        self._known = [_words(column, language) for column in columns]

    def of(self, index: int, value: Any) -> Any:  # noqa: ANN401 - whatever a record holds
        """Return the value of the column at `index` in words, itself where there are none for it."""
        return self._known[index].get(value, value) if self._known[index] else value


def _words(column: Column, language: Language) -> Mapping[Any, str]:
    if column.field and column.field.vocabulary:
        return {term.code: term.label.in_(language) for term in column.field.vocabulary}
    if column.kind == "layer":
        return {name: layer.title.in_(language) for name, layer in registry().items()}
    if column.kind == "flag":
        return {True: "是", False: "否"} if language == "zh" else {True: "yes", False: "no"}
    return {}
