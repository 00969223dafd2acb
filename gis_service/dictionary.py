"""The data dictionary: every layer, field, vocabulary and measure, written from the declarations as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from layers import Field, Layer, Ratio, registry

_KINDS = {
    "text": "文字",
    "term": "词表",
    "layer": "图层",
    "number": "数",
    "money": "万元",
    "date": "日期",
    "flag": "是/否",
}


def dictionary() -> str:
    """Return the dictionary of all layers, in Chinese and English side by side."""
    lines = [
        "# 数据字典 · Data dictionary",
        "",
        "由图层声明生成（`gis dictionary`）。Written from the declarations of the layers; do not edit.",
        "坐标 EPSG:4490（CGCS2000，经度在前）；金额为万元；长度与面积为大地线量算。",
    ]
    for name, layer in registry().items():
        lines += ["", *_layer(name, layer)]
    return "\n".join(lines) + "\n"


def _layer(name: str, layer: type[Layer]) -> Iterator[str]:
    yield f"## {layer.title.zh} · {layer.title.en} (`{name}`)"
    yield ""
    shapes = ", ".join(layer.geometry) + ("" if layer.placed else "（可缺 optional）")
    yield f"{layer.standard} · 几何 geometry: {shapes} · 编号前缀 prefix: {layer.prefix}"
    yield ""
    rows = [_field(key, field, layer) for key, field in layer.fields().items()]
    yield from _table(("字段 field", "名称 name", "类型 kind", "单位 unit", "取值 values"), rows)
    if layer.measures:
        yield ""
        yield from _table(
            ("指标 measure", "名称 name", "单位 unit", "算法 formula"),
            [
                (
                    f"`{m.name}`",
                    f"{m.label.zh} · {m.label.en}",
                    m.unit,
                    f"{m.numerator} / {m.denominator}（基数 base: {m.base.zh}）"
                    if isinstance(m, Ratio)
                    else f"Σ {m.column}",
                )
                for m in layer.measures
            ],
        )
    vocabularies = {key: field.vocabulary for key, field in layer.fields().items() if field.vocabulary}
    for key, vocabulary in vocabularies.items():
        yield ""
        yield f"**{layer.fields()[key].label.zh} `{key}`** — {vocabulary.source}"
        yield ""
        yield "; ".join(f"{t.code} ({t.en})" for t in vocabulary)


def _field(key: str, field: Field, layer: type[Layer]) -> tuple[str, ...]:
    values = [
        f"→ {field.references}" if field.references else "",
        f"≥ {field.minimum:g}" if field.minimum is not None else "",
        f"≤ {field.maximum:g}" if field.maximum is not None else "",
        "由数据库维护 kept by the database" if key in layer.kept else "",
    ]
    return (
        f"`{key}`",
        f"{field.label.zh} · {field.label.en}",
        _KINDS[field.kind],
        field.unit,
        " ".join(filter(None, values)),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
