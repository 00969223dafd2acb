"""Coordinates go out where they are asked for: in a CRS of EPSG, or shifted for Chinese web maps and saying so."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import orjson
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from gis_service.database import Database
from gis_service.errors import CrsError, UnknownValue, UsageError
from gis_service.exports import Export, Place, export_file, find_format, place, stream
from gis_service.ingest import import_file
from gis_service.offsets import Points, bd09, gcj02
from layers import registry

RIVERS, SITES, HAZARDS = (registry()[name] for name in ("rivers", "project_sites", "hazards"))
BINARY = ("gpkg", "fgb", "parquet", "zip")


def opened(path: Path) -> gpd.GeoDataFrame:
    """Read a file of any format in the order of its codes."""
    if path.suffix == ".parquet":
        frame = gpd.read_parquet(path)
    elif path.suffix == ".zip":
        frame = pyogrio.read_dataframe(f"/vsizip/{path}")
    else:
        frame = pyogrio.read_dataframe(path)
    code = next(name for name in ("编号", "code", "Name") if name in frame.columns)
    return frame.set_index(code).sort_index()


@pytest.fixture(scope="module")
def river(sample_district: Database) -> Points:
    """The coordinates of all rivers as they are stored, in the order of codes."""
    with sample_district.reading() as connection:
        rows = connection.exec_driver_sql('SELECT ST_AsBinary(geom) FROM rivers ORDER BY code COLLATE "C"').scalars()
        found: Points = shapely.get_coordinates(shapely.from_wkb([bytes(row) for row in rows]))
        return found


@pytest.mark.parametrize("suffix", [*BINARY, "geojson"])
@pytest.mark.parametrize("srid", [4549, 3857, 4528])
def test_coordinates_are_those_of_the_crs_and_the_file_says_which(
    sample_district: Database, tmp_path: Path, river: Points, suffix: str, srid: int
) -> None:
    path = tmp_path / f"rivers.{suffix}"
    export_file(Export(sample_district, RIVERS, place=place(f"EPSG:{srid}")), path)
    frame = opened(path)
    expected = Transformer.from_crs(4326, srid, always_xy=True).transform(river[:, 0], river[:, 1])
    assert np.abs(shapely.get_coordinates(frame.geometry) - np.column_stack(expected)).max() < 1e-3
    assert frame.crs.to_epsg(min_confidence=20) == srid


@pytest.mark.parametrize("suffix", [*BINARY, "geojson"])
@pytest.mark.parametrize("shift", [("GCJ02", gcj02), ("BD09", bd09)], ids=["GCJ02", "BD09"])
def test_shifted_coordinates_are_shifted_and_are_said_to_be_no_crs(
    sample_district: Database, tmp_path: Path, river: Points, suffix: str, shift: tuple[str, Any]
) -> None:
    name, move = shift
    path = tmp_path / f"rivers.{suffix}"
    export_file(Export(sample_district, RIVERS, place=place(name)), path)
    frame = opened(path)
    assert np.abs(shapely.get_coordinates(frame.geometry) - move(river)).max() < 1e-8
    if suffix != "geojson":  # which has degrees by definition, and says in words what they are
        assert frame.crs is None or frame.crs.is_engineering


def test_text_formats_shift_as_binary_ones_do(sample_district: Database, tmp_path: Path) -> None:
    for layer in (HAZARDS, SITES):
        name = layer.__tablename__
        for suffix in ("gpkg", "geojsonl", "kml"):
            export_file(Export(sample_district, layer, place=place("GCJ02")), tmp_path / f"{name}.{suffix}")
        by_code = pyogrio.read_dataframe(tmp_path / f"{name}.gpkg").set_index("编号").geometry
        lines = [orjson.loads(line) for line in (tmp_path / f"{name}.geojsonl").read_bytes().splitlines()]
        assert len(lines) == len(by_code)
        for feature in lines:
            shape = shapely.geometry.shape(feature["geometry"])
            assert shapely.equals_exact(shape, by_code[feature["id"]], 1e-8)
        for row in pyogrio.read_dataframe(tmp_path / f"{name}.kml").itertuples():
            assert shapely.get_coordinates(row.geometry) == pytest.approx(
                shapely.get_coordinates(by_code[row.code]), abs=1e-8
            )


@pytest.mark.parametrize(("crs", "axes"), [("GCJ02", ("经度", "纬度")), ("EPSG:4549", ("东坐标", "北坐标"))])
def test_tables_have_the_coordinates_asked_for_in_columns_that_say_what_they_are(
    sample_district: Database, tmp_path: Path, crs: str, axes: tuple[str, str]
) -> None:
    for suffix in ("csv", "xlsx", "parquet"):
        export_file(Export(sample_district, HAZARDS, place=place(crs)), tmp_path / f"a.{suffix}")
    expected = gpd.read_parquet(tmp_path / "a.parquet").set_index("编号").geometry
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text("utf-8-sig"))))
    head, *cells = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0].iter_rows(values_only=True)
    for row, cell in zip(rows, cells, strict=True):
        shape = expected[row["编号"]]
        for number, axis in zip((shape.x, shape.y), axes, strict=True):
            assert float(row[axis]) == pytest.approx(number, abs=1e-4 if "EPSG" in crs else 1e-8)
            assert cell[head.index(axis)] == pytest.approx(number, abs=1e-4 if "EPSG" in crs else 1e-8)


def test_an_export_in_a_crs_without_known_relation_comes_in_again_where_it_was(
    sample_district: Database, own_sample: Database, tmp_path: Path
) -> None:
    for crs in ("EPSG:2437", "EPSG:4549", "EPSG:32650"):  # 2437 is Beijing 1954
        export_file(Export(sample_district, RIVERS, place=place(crs)), tmp_path / "a.gpkg")
        import_file(own_sample, tmp_path / "a.gpkg", RIVERS)
        query = "SELECT code, ST_AsBinary(geom) FROM rivers ORDER BY code"
        with sample_district.reading() as before, own_sample.reading() as after:
            for (code, was), (_, came) in zip(before.exec_driver_sql(query), after.exec_driver_sql(query), strict=True):
                shapes = shapely.from_wkb([bytes(was), bytes(came)])
                assert shapely.hausdorff_distance(*shapes) < 1e-8 * 2, (crs, code)


def test_what_is_shifted_does_not_come_in_again_by_mistake(
    sample_district: Database, own_sample: Database, tmp_path: Path
) -> None:
    export_file(Export(sample_district, RIVERS, place=place("GCJ02")), tmp_path / "a.gpkg")
    with pytest.raises(CrsError):
        import_file(own_sample, tmp_path / "a.gpkg", RIVERS)


def test_a_file_is_named_after_where_its_coordinates_are(sample_district: Database) -> None:
    stems = [Export(sample_district, RIVERS, place=place(crs)).stem for crs in ("", "EPSG:4490", "gcj-02", "4549")]
    assert stems == ["rivers", "rivers", "rivers_GCJ02", "rivers_EPSG4549"]


@pytest.mark.parametrize("text", ["EPSG:0", "EPSG:999999", "EPSG:5773", "EPSG:4979", "4549; DROP", "EPSG:４５４９"])
def test_a_place_that_is_no_plane_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(UnknownValue) as refused:
        place(text)
    assert {"EPSG:4549", "GCJ02", "BD09"} <= set(refused.value.allowed)


@pytest.mark.parametrize("srid", [4526, 32761, 27700, 22300])
def test_a_crs_of_another_part_of_the_world_is_refused(sample_district: Database, srid: int) -> None:
    with pytest.raises(UsageError, match="CRS"):
        next(stream(Export(sample_district, RIVERS, place=place(f"EPSG:{srid}")), find_format("geojson")))


def test_coordinates_that_proj_cannot_compute_are_an_error_in_words(
    sample_district: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Place, "reaches", lambda *_: True)
    for suffix in ("geojson", "gpkg"):
        with pytest.raises(UsageError, match="CRS"):
            list(stream(Export(sample_district, RIVERS, place=place("EPSG:22300")), find_format(suffix)))


def test_kml_has_degrees_only(sample_district: Database) -> None:
    with pytest.raises(UnknownValue, match="EPSG:4549"):
        next(stream(Export(sample_district, RIVERS, place=place("EPSG:4549")), find_format("kml")))
