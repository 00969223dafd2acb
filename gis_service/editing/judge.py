"""Judge one record by its layer: every value by its kind, the place, what it refers to. All faults are said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import orjson
import shapely
from pyproj import CRS
from sqlalchemy import Connection, text

from gis_service.crs import CRS84, Crs
from gis_service.editing.given import Given
from gis_service.editing.versions import Row
from gis_service.errors import BadRecord, Fault
from gis_service.ingest.place import Place
from gis_service.ingest.shapes import fit
from gis_service.ingest.values import HOLDS_NUL, Unfit, holds_nul, stored
from layers import Label, Layer, Ledger, Subjected, registry

_LONGEST_CODE = 200
_MOST_SHOWN = 200


def judge(
    connection: Connection, layer: type[Layer], given: Given, row: Row | None, *, whole: bool, today: date
) -> dict[str, Any]:
    """Return the values to store, by column: of a `whole` record all of them, else those that are given.

    `row` is the present version, None of a record to be created. Money is a Decimal, `geom` a Shapely geometry in
    EPSG:4490 (2D, multi-part lines and polygons), or None where it is to be the subject's, or nowhere.

    Raises
    ------
    BadRecord
        With every fault.
    """
    return _Judge(connection, layer, row, today)(given, whole=whole)


class _Judge:
    """Judges one record, and gathers its faults."""

    def __init__(self, connection: Connection, layer: type[Layer], row: Row | None, today: date) -> None:
        self._connection, self._layer, self._today = connection, layer, today
        self._fields = layer.writable()
        self._present: Mapping[str, Any] = row.values if row else {}
        self._faults: list[Fault] = []

    def __call__(self, given: Given, *, whole: bool) -> dict[str, Any]:
        values = dict(self._values(given.properties))
        if "extra" in given.properties:
            values["extra"] = self._extra(given.properties["extra"], whole=whole)
        if whole:
            # a null in the place of what only the loop sets, or of what has a beginning, is as if it were not given
            values = self._blank() | {n: v for n, v in values.items() if given.properties[n] is not None}
        self._code(values)
        self._loop(values, given.properties)
        if given.shaped:
            values["geom"] = self._place(given, values)
        self._references(values)
        self._subject(values)
        if self._faults:
            known = {name for name, *_ in self._faults} <= {*self._fields, "extra", "geom"}
            raise BadRecord.of(self._faults, allowed=() if known else (*self._fields, "extra"))
        return values

    def _refuse(self, field: str, value: Any, rule: Label) -> None:  # noqa: ANN401 - JSON
        shown = str(value)[:_MOST_SHOWN] if isinstance(value, str | list | dict) else value
        self._faults.append(Fault(field, shown, rule))

    def _values(self, properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Convert what is given; what the database keeps itself is passed over, as records that were read carry it."""
        for name, value in properties.items():
            field = self._fields.get(name)
            if field is not None:
                try:
                    if isinstance(value, list | dict):
                        raise Unfit("应为单个值", "must be a single value")
                    converted = stored(field, value)
                except Unfit as error:
                    self._refuse(name, value, error.why)
                    continue
                yield name, Decimal(converted) if field.kind == "money" and converted is not None else converted
            elif name not in {"id", "extra", *self._layer.kept}:
                self._refuse(name, value, Label("本图层没有此字段", "the layer has no such field"))

    def _extra(self, value: Any, *, whole: bool) -> dict[str, Any]:  # noqa: ANN401 - JSON
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._refuse("extra", value, Label("应为 JSON 对象", "must be a JSON object"))
            return {}
        if holds_nul(orjson.dumps(value)):
            self._refuse("extra", value, HOLDS_NUL)
        return value if whole else _merged(self._present["extra"], value)

    def _blank(self) -> dict[str, Any]:
        """Return every field as it is where nothing is given: empty; of the loop what stands, or its beginning."""
        blank = {name: stored(field, None) for name, field in self._fields.items()} | {"extra": {}}
        if self._present:
            blank["code"] = self._present["code"]
        if issubclass(self._layer, Ledger):
            begun = {"status": self._layer.first, "found_on": self._today}
            looped = self._layer.of_the_loop()
            blank |= {name: self._present[name] for name in looped} if self._present else begun
        return blank

    def _loop(self, values: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        """Refuse to set by hand what only the ledger's transitions set; it may be given as it stands."""
        if not issubclass(self._layer, Ledger):
            return
        address = f"POST /api/{self._layer.__tablename__}/{{code}}/transitions"
        rule = Label(f"只能按台账流程办理来更改：{address}", f"only a step of the ledger sets it: {address}")
        stands = self._blank()
        for name in self._layer.of_the_loop():
            if name in values and values[name] != stands[name]:
                self._refuse(name, properties[name], rule)

    def _code(self, values: Mapping[str, Any]) -> None:
        code = values.get("code")
        if self._present:
            if "code" in values and code != self._present["code"]:
                self._refuse("code", code, Label("与地址中的编号不符", "is not the code of the address"))
        elif code is not None and (len(code) > _LONGEST_CODE or code in {".", ".."} or not code.isprintable()):
            most = _LONGEST_CODE
            why = f"编号最多 {most} 个字符，不含控制字符", f"at most {most} characters, and none that cannot be printed"
            self._refuse("code", code, Label(*why))

    def _place(self, given: Given, values: Mapping[str, Any]) -> shapely.Geometry | None:
        """Return the geometry as the layer stores it."""
        geometry = given.geometry
        if geometry is None:
            if self._layer.placed and not (issubclass(self._layer, Subjected) and self._now(values, "subject_code")):
                self._refuse("geom", None, Label("没有几何图形", "has no geometry"))
            return None
        if not _agrees(geometry["crs"], given.crs):
            named = Label(given.crs.uri, given.crs.uri)
            if given.crs is CRS84:
                named = Label("经度、纬度（EPSG:4490）", "longitude, latitude (EPSG:4490)")
            self._refuse("geom", geometry["crs"], Label(f"坐标应为{named.zh}", f"coordinates must be {named.en}"))
            return None
        shape = shapely.from_geojson(orjson.dumps(geometry), on_invalid="ignore")
        if shape is None:
            rule = Label(
                "不是有效的 GeoJSON 图形", "not a GeoJSON geometry: its type, its coordinates, or unclosed rings"
            )
            self._refuse("geom", geometry.get("type"), rule)
            return None
        placed, refused = _from(given.crs.srid)(np.array([given.crs.east_first(shape)], dtype=object))
        if not refused:
            placed, refused = fit(placed, self._layer.geometry)
        for value, rule in refused.values():
            self._refuse("geom", value, rule)
        return placed[0]

    def _references(self, values: Mapping[str, Any]) -> None:
        for name, field in self._fields.items():
            if field.references and values.get(name) not in (None, self._present.get(name)):
                self._require(name, field.references, values[name])

    def _subject(self, values: Mapping[str, Any]) -> None:
        """Refuse a subject that she cannot see; one that stays is not asked about."""
        if not issubclass(self._layer, Subjected) or "subject_layer" in {name for name, *_ in self._faults}:
            return
        layer, code = subject = self._now(values, "subject_layer"), self._now(values, "subject_code")
        if subject == (self._present.get("subject_layer"), self._present.get("subject_code")) or subject == (
            None,
            None,
        ):
            return
        if layer not in registry():
            known = ", ".join(registry())
            self._refuse("subject_layer", layer, Label(f"应为图层名：{known}", f"must be a layer: {known}"))
        elif code is None:
            rule = Label("对象图层与对象编号须同时填写", "a subject has both a layer and a code")
            self._refuse("subject_code", code, rule)
        else:
            self._require("subject_code", layer, code)

    def _require(self, name: str, layer: str, code: str) -> None:
        """Refuse the code of a feature that is not there, or not where she can see it."""
        given = {"layer": layer, "code": code}
        if not self._connection.execute(text("SELECT gis_sees(:layer, :code)"), given).scalar_one():
            title = registry()[layer].title
            rule = Label(f"图层“{title.zh}”中没有编号 {code}", f"there is no {code} in the layer {title.en.lower()}")
            self._refuse(name, code, rule)

    def _now(self, values: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - whatever the column holds
        return values.get(name, self._present.get(name))


def _merged(target: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a JSON value with a merge patch applied (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


def _agrees(member: Any, crs: Crs) -> bool:  # noqa: ANN401 - JSON
    """Say whether a `crs` member, as GeoJSON had before RFC 7946, names the CRS that coordinates are taken to be in."""
    if member is None:
        return True
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    names = ("CRS84", ":4326", ":4490") if crs is CRS84 else (f":{crs.srid}",)
    return isinstance(name, str) and name.upper().endswith(names)


@cache
def _from(srid: int) -> Place:
    return Place(CRS.from_epsg(srid))
