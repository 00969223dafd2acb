"""The colours of a vocabulary's terms, and the JSON that tells the page's script how to draw and label a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layers import UNKNOWN, Field, Language, Layer, Vocabulary, registry

SEQUENCE = (
    "#1f5f99",
    "#e0872b",
    "#3f8f7a",
    "#b04a7c",
    "#8a6d1f",
    "#6aaed6",
    "#7a4fa3",
    "#c8553d",
    "#93a83a",
    "#5b6472",
)
"""For terms that declare no colour: neighbours differ in hue and in lightness, so that grey prints still tell them."""

UNKNOWN_COLOUR = "#8a8f98"


def colours(vocabulary: Vocabulary) -> Mapping[str, str]:
    """Return a hex colour for every term: its own, else the next of the sequence that no other term has taken."""
    taken = {t.colour for t in vocabulary if t.colour}
    free = [c for c in SEQUENCE if c not in taken] or list(SEQUENCE)
    chosen: dict[str, str] = {}
    for term in vocabulary:
        if term.colour:
            chosen[term.code] = term.colour
        elif term.code == UNKNOWN:
            chosen[term.code] = UNKNOWN_COLOUR
        else:
            chosen[term.code] = free[sum(not t.colour for t in vocabulary if t.code in chosen) % len(free)]
    return chosen


def terms(vocabulary: Vocabulary, language: Language) -> dict[str, dict[str, str]]:
    """Return label and colour of every term by its code, in the vocabulary's order."""
    colour = colours(vocabulary)
    return {t.code: {"label": t.label.in_(language), "colour": colour[t.code]} for t in vocabulary}


def symbol(layer: type[Layer], language: Language) -> dict[str, Any]:
    """Return how the layer is drawn: shape, size in pixels, zoom from which it shows whole, field and its terms."""
    drawn, vocabulary = layer.symbol, layer.fields()[layer.symbol.field].vocabulary
    assert vocabulary is not None
    return {
        "shape": drawn.shape,
        "size": drawn.size,
        "fromZoom": drawn.from_zoom,
        "worst": list(drawn.worst),
        "field": drawn.field,
        "terms": terms(vocabulary, language),
    }


def fields(layer: type[Layer], language: Language) -> list[dict[str, Any]]:
    """Return the fields as popups show them: name, label, kind, unit, and the terms whose label is not their code."""
    return [_field(name, field, language) for name, field in layer.fields().items() if name not in ("code", "name")]


def record(layer: type[Layer], language: Language) -> dict[str, Any]:
    """Return how a popup lists what was done about its feature: name, title, the field of the day, and the terms."""
    fields = layer.fields()
    words = {name: field.vocabulary for name, field in fields.items() if field.vocabulary}
    return {
        "name": layer.__tablename__,
        "title": layer.title.in_(language),
        "on": next((name for name, field in fields.items() if field.kind == "date"), ""),
        "fields": [
            {"name": name, "terms": {t.code: t.label.in_(language) for t in words[name] if t.code != UNKNOWN}}
            for name in dict.fromkeys((*list(words)[:1], layer.symbol.field))
        ],
    }


def _field(name: str, field: Field, language: Language) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "label": field.label.in_(language), "kind": field.kind}
    if field.unit:
        described["unit"] = field.unit
    if field.references:
        described["references"] = field.references
    if field.vocabulary:
        labels = {t.code: t.label.in_(language) for t in field.vocabulary}
        described["terms"] = {code: label for code, label in labels.items() if label != code}
    if field.kind == "layer":
        described["terms"] = {name: layer.title.in_(language) for name, layer in registry().items()}
    return described
