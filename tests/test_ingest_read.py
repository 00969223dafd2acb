"""Files are opened with the right layer in them, or refused with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pyogrio
import pytest
from shapely import Point

from gis_service.errors import GeometryTypeError, UnknownName, UnreadableSource, UsageError
from gis_service.ingest.read import open_source


def collection(**properties: Any) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [119.3, 26.0]}
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": point, "properties": properties}],
    }


def written(path: Path, document: Any) -> Path:
    path.write_bytes(orjson.dumps(document))
    return path


@pytest.fixture
def two_layers(tmp_path: Path) -> Path:
    frame = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[Point(1, 2), Point(3, 4)], crs=4326)
    path = tmp_path / "two.gpkg"
    for layer in ("north", "south"):
        pyogrio.write_dataframe(frame, path, layer=layer)
    pyogrio.write_dataframe(frame.drop(columns="geometry"), path, layer="notes")
    return path


def test_geojson_is_read_with_its_types(tmp_path: Path) -> None:
    document = collection(n=5, x=1.5, yes=True, day="2023/10/31", code="007", many=[1, 2])
    with open_source(written(tmp_path / "a.geojson", document)) as source:
        assert source.crs == "EPSG:4326"
        assert source.columns == ("n", "x", "yes", "day", "code", "many")
        row = next(source.batches()).to_pylist()[0]
    del row[source.geometry]
    assert row == {"n": 5, "x": 1.5, "yes": True, "day": "2023/10/31", "code": "007", "many": [1, 2]}


def test_the_only_layer_with_geometry_is_taken(two_layers: Path) -> None:
    with open_source(two_layers, "south") as source:
        assert source.rows == 2
        assert sum(len(batch) for batch in source.batches()) == 2


def test_of_several_layers_one_must_be_chosen(two_layers: Path) -> None:
    with pytest.raises(UsageError, match="--source-layer") as refused, open_source(two_layers):
        pass
    assert refused.value.allowed == ("north", "south")


def test_an_unknown_source_layer_is_refused_with_those_there_are(two_layers: Path) -> None:
    with pytest.raises(UnknownName, match=r"'soth'.* 'south'") as refused, open_source(two_layers, "soth"):
        pass
    assert set(refused.value.allowed) == {"north", "south", "notes"}


def test_a_table_without_geometry_is_refused(two_layers: Path) -> None:
    with pytest.raises(GeometryTypeError, match="no geometry"), open_source(two_layers, "notes"):
        pass


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.geojson", b""),
        ("a.geojson", b"{"),
        ("a.geojson", b'{"type": "FeatureCollection"'),
        ("a.geojson", b"\x00\xff\xfe"),
        ("a.gpkg", b"SQLite format 3\x00 and then nothing"),
        ("a.txt", b"hello"),
    ],
)
def test_what_is_no_such_file_is_refused_by_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableSource, match=name), open_source(path):
        pass


@pytest.mark.parametrize("name", ["missing.geojson", ".", "http://host/a.geojson", "/vsicurl/http://host/a.geojson"])
def test_only_files_that_are_there_are_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableSource, match="There is no file"), open_source(tmp_path / name):
        pass


def test_a_geopackage_that_breaks_off_is_refused(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.gpkg", tmp_path / "broken.gpkg"
    frame = gpd.GeoDataFrame({"n": range(5000)}, geometry=[Point(i / 100, 2) for i in range(5000)], crs=4326)
    pyogrio.write_dataframe(frame, whole)
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(UnreadableSource, match=r"broken\.gpkg"), open_source(broken) as source:
        list(source.batches())


def test_a_column_may_bear_the_name_that_gdal_gives_the_geometry(tmp_path: Path) -> None:
    path = written(tmp_path / "a.geojson", collection(wkb_geometry="0101", name="a"))
    with open_source(path) as source:
        (row,) = next(source.batches()).to_pylist()
    assert (row["wkb_geometry"], row["name"]) == ("0101", "a")
    assert isinstance(row[source.geometry], bytes)
