"""Which column of a file becomes which field of a layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gis_service.errors import FieldError, UnknownName, UsageError
from layers import Field, Label, Layer


@dataclass(frozen=True)
class Columns:
    """The columns of a file: those that become `fields` (target to source), those kept in `extra`, those `ignored`.

    Ignored are the columns that the database keeps itself (area, version ...), as our own exports carry them.
    """

    fields: Mapping[str, str]
    extra: tuple[str, ...]
    ignored: tuple[str, ...]


def parse_fields(pairs: Iterable[str]) -> dict[str, str]:
    """Read `TARGET=SOURCE` pairs of the command line; `TARGET=` takes the field from no column.

    Raises
    ------
    UsageError
        Where one has no equals sign.
    FieldError
        Where a target is given twice.
    """
    fields: dict[str, str] = {}
    for pair in pairs:
        target, equals, source = (part.strip() for part in pair.partition("="))
        if not (target and equals):
            raise UsageError(
                f"“{pair}”应写作 字段=源列，例如 name=桥名。", f"{pair!r} should read TARGET=SOURCE, e.g. name=桥名."
            )
        if target in fields:
            raise _twice(target, (fields[target], source))
        fields[target] = source
    return fields


def match(layer: type[Layer], columns: Sequence[str], given: Mapping[str, str] | None = None) -> Columns:
    """Match a file's columns to the layer's writable fields.

    What is `given` (target to source, an empty source for none) comes first; then a column becomes the field of the
    same name, else of the same Chinese label, English label or alias, in any case.

    Raises
    ------
    UnknownName
        Where a given target is no writable field.
    FieldError
        Where a given source is no column of the file, or a target is given twice.
    """
    fields = layer.writable()
    chosen: dict[str, str] = {}
    for target, source in (given or {}).items():
        name = _target(fields, target)
        if name in chosen:
            raise _twice(name, (chosen[name], source))
        if source and source not in columns:
            raise FieldError(
                f"文件中没有列“{source}”。", f"The file has no column {source!r}.", allowed=columns, field=name
            )
        chosen[name] = source
    free = [c for c in columns if c not in chosen.values()]
    for spell in (_names, _chinese, _english, _aliases):
        for name, field in fields.items():
            column = None if name in chosen else _find(free, spell(name, field))
            if column is not None:
                chosen[name] = column
                free.remove(column)
    kept = {*layer.kept, *(f.label.zh for n, f in layer.fields().items() if n in layer.kept)}
    ignored = tuple(c for c in free if c in kept)
    chosen = {name: column for name, column in chosen.items() if column}
    return Columns(chosen, tuple(c for c in free if c not in kept), ignored)


def _names(name: str, _field: Field) -> tuple[str, ...]:
    return (name,)


def _chinese(_name: str, field: Field) -> tuple[str, ...]:
    return (field.label.zh,)


def _english(_name: str, field: Field) -> tuple[str, ...]:
    return (field.label.en,)


def _aliases(_name: str, field: Field) -> tuple[str, ...]:
    return field.aliases


def _find(columns: Sequence[str], spellings: Iterable[str]) -> str | None:
    for spelling in spellings:
        if spelling in columns:
            return spelling
        folded = spelling.casefold()
        found = next((c for c in columns if c.strip().casefold() == folded), None)
        if found is not None:
            return found
    return None


def _target(fields: Mapping[str, Field], target: str) -> str:
    folded = target.casefold()
    for name, field in fields.items():
        if folded in (name.casefold(), field.label.zh.casefold(), field.label.en.casefold()):
            return name
    raise UnknownName(Label("可导入字段", "field to import"), target, fields)


def _twice(target: str, sources: tuple[str, str]) -> FieldError:
    return FieldError(
        f"字段“{target}”指定了两次：{'、'.join(sources)}。",
        f"The field {target!r} is mapped twice, from {' and '.join(sources)}.",
        field=target,
    )
