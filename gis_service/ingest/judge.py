"""Step 3, judge: every row of a file is fit to be stored, or refused with the field, the value and the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from gis_service.ingest.binary import JSONB
from gis_service.ingest.columns import Columns
from gis_service.ingest.place import Place
from gis_service.ingest.shapes import Geometries, accepted, ewkb, fit
from gis_service.ingest.values import HOLDS_NUL, convert, holds_nul
from layers import Label, Layer, Subjected

Why = tuple[str, Label]


@dataclass(frozen=True)
class Refusal:
    """A row that was not taken: its number in the file (from 1), the field, the value as the file has it, and why.

    `reason` names what is allowed. The geometry's field is `geom`, its value the coordinate or the geometry type.
    """

    row: int
    field: str
    value: str
    reason: Label


@dataclass(frozen=True)
class Judged:
    """The rows of a batch that can be stored, ready for COPY: `_row`, `geom` (EWKB), the fields, `extra` (`jsonb`).

    `shapes` are their geometries in EPSG:4490.
    `fitting` counts the geometries of a type that the layer takes, `shaped` all that are there.
    """

    table: pa.Table
    shapes: Geometries
    refused: list[Refusal]
    fitting: int
    shaped: int


class Judge:
    """Judges the batches of one file in their order; it remembers the codes that it has seen."""

    def __init__(self, layer: type[Layer], columns: Columns, place: Place) -> None:
        self._layer, self._columns, self._place = layer, columns, place
        self._fields = layer.writable()
        self._codes: set[str] = set()

    def __call__(self, batch: pa.RecordBatch, geometry: str | None, first: int) -> Judged:
        """Judge a batch whose WKB is in the column `geometry` and whose first row is number `first` of the file."""
        refused: dict[int, Refusal] = {}

        def refuse(field: str, found: Mapping[int, Why]) -> None:
            for i, (value, reason) in found.items():
                refused.setdefault(i, Refusal(first + i, field, value, reason))

        wkb = batch[geometry].to_numpy(zero_copy_only=False) if geometry else np.full(len(batch), None)
        raw = shapely.from_wkb(wkb, on_invalid="ignore")
        refuse("geom", _broken(wkb, raw))
        placed, outside = self._place(raw)
        refuse("geom", outside)
        shapes, unfit = fit(placed, self._layer.geometry, needed=not issubclass(self._layer, Subjected))
        refuse("geom", unfit)
        columns: dict[str, pa.Array] = {}
        for target, source in self._columns.fields.items():
            columns[target], found = convert(self._fields[target], batch[source])
            refuse(target, found)
        if self._columns.extra:
            extra, found = self._extra(batch, columns.get("code"))
            columns["extra"] = pa.array(extra, type=pa.binary())
            refuse("extra", found)
        if "code" in columns:
            refuse("code", self._repeated(columns["code"], refused))
        rows = pa.array(np.arange(first, first + len(batch), dtype=np.int32))
        table = pa.table({"_row": rows, "geom": ewkb(shapes), **columns})
        kept = np.ones(len(batch), dtype=bool)
        kept[list(refused)] = False
        kinds = shapely.get_type_id(raw)
        return Judged(
            table.filter(pa.array(kept)),
            shapes[kept],
            [refused[i] for i in sorted(refused)],
            int(np.isin(kinds, list(accepted(self._layer.geometry))).sum()),
            int((kinds >= 0).sum()),
        )

    def _extra(self, batch: pa.RecordBatch, codes: pa.Array | None) -> tuple[list[bytes], dict[int, Why]]:
        """Gather what has no column, as `jsonb` objects; a column `extra` of our own exports is opened up again."""
        names = self._columns.extra
        columns = [_values(batch[name], json=name == "extra") for name in names]
        # the id of a GeoJSON feature repeats the code in our own exports
        ids = codes.to_pylist() if codes is not None and "id" in names else None
        texts: list[bytes] = []
        bad: dict[int, Why] = {}
        for i, values in enumerate(zip(*columns, strict=True)):
            row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            if isinstance(row.get("extra"), dict):
                row |= row.pop("extra")
            if ids and row.get("id") == ids[i]:
                del row["id"]
            text = orjson.dumps(row, default=_json)
            if holds_nul(text):
                bad[i] = "", HOLDS_NUL
            texts.append(JSONB + text)
        return texts, bad

    def _repeated(self, codes: pa.Array, refused: Mapping[int, Refusal]) -> dict[int, Why]:
        """Find the rows whose code another row of the file has already; a refused row claims none."""
        found: dict[int, Why] = {}
        for i, code in enumerate(codes.to_pylist()):
            if code is None or i in refused:
                continue
            if code in self._codes:
                found[i] = code, Label("文件中已有相同编号的记录", "an earlier row of the file has this code")
            self._codes.add(code)
        return found


def _broken(wkb: NDArray[np.object_], shapes: NDArray[np.object_]) -> dict[int, Why]:
    there = np.array([value is not None for value in wkb], dtype=bool)
    why = Label("图形残缺：点数过少或环未闭合", "broken geometry: too few points, or a ring that is not closed")
    return {int(i): ("", why) for i in np.flatnonzero(there & shapely.is_missing(shapes))}


def _values(column: pa.Array, *, json: bool) -> list[Any]:
    """Return the values as JSON has them; text that is said to be JSON, by GDAL or by `json`, is opened up."""
    if isinstance(column, pa.ExtensionArray):
        column, json = column.storage, True
    values = column.to_pylist()
    return [_opened(value) for value in values] if json else list(values)


def _opened(value: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _json(value: Any) -> str:  # noqa: ANN401 - what JSON has no word for
    return value.hex() if isinstance(value, bytes) else str(value)
