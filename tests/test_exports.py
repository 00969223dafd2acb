"""Layers go out whole, in forms that others read, and come in again unchanged."""

from __future__ import annotations

import gc
import socket
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pyogrio
import pytest
import shapely
import sqlalchemy as sa
import uvicorn
from shapely import LineString, Point, box

from gis_service.api.app import create_app
from gis_service.copied import Brake
from gis_service.database import Database
from gis_service.database.upgrade import upgrade
from gis_service.errors import DatabaseError, FilterError, TargetError
from gis_service.exports import FORMATS, Export, export_file, find_format, place, stream
from gis_service.filters import where
from gis_service.ingest import import_file, load_frame
from gis_service.settings import Settings
from layers import Layer, registry

BRIDGES, AREAS, HAZARDS, SITES = (registry()[name] for name in ("bridges", "areas", "hazards", "project_sites"))
DATA = Path(__file__).parents[2] / "shared" / "data"
EVERY = [f".{suffix}" for suffix in FORMATS]
BINARY = [suffix for suffix, found in FORMATS.items() if found.write]
AWKWARD = '引号"、反斜杠\\、换行\n、\u2028 <b>&</b> \x7f 🌉'


def opened(url: sa.URL, district: str) -> Database:
    database = Database(url.render_as_string(hide_password=False), Settings(district=district))
    upgrade(database)
    return database


@pytest.fixture(scope="module")
def full(database_url: sa.URL) -> Iterator[Database]:
    """A district with areas, bridges of both geometry types, and awkward values."""
    database = opened(database_url, "origin")
    areas = gpd.GeoDataFrame(
        {"code": ["350104001", "350104002"], "name": ["东街道", "西街道"], "level": "街道"},
        geometry=[box(119.2, 26, 119.3, 26.1), box(119.3, 26, 119.4, 26.1)],
        crs=4490,
    )
    bridges = gpd.GeoDataFrame(
        {
            "code": ["QL-1", "QL-2", 'QL"3\\'],
            "name": ["洪塘桥", None, AWKWARD],
            "grade": ["A", "D", None],
            "assessed_on": ["2023-10-31", None, "1999-01-01"],
            "cost": [0.1, 123456789.1234, None],
            "bci": [88.25, None, 1e-3],
            "extra": [{}, {"来源": AWKWARD, "n": [1, None, {"x": True}]}, {"a": 1.5}],
        },
        geometry=[
            Point(119.25, 26.05),
            LineString([(119.29, 26.01), (119.31, 26.02), (119.33, 26.07)]),
            Point(119.123456789, 26.987654321),
        ],
        crs=4490,
    )
    with database.transaction() as connection:
        load_frame(connection, AREAS, areas)
        load_frame(connection, BRIDGES, bridges)
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def bare(database_url: sa.URL) -> Iterator[Database]:
    database = opened(database_url, "elsewhere")
    yield database
    database.engine.dispose()


def records(database: Database, layer: type[Layer]) -> list[tuple[Any, ...]]:
    """Everything that people set, of every record."""
    names = ", ".join(f'"{name}"' for name in layer.writable())
    with database.reading() as connection:
        query = f"SELECT {names}, extra, ST_AsEWKB(geom) FROM {layer.__tablename__} ORDER BY code"
        return [(*row[:-1], bytes(row[-1])) for row in connection.exec_driver_sql(query)]


def streamed(database: Database, layer: type[Layer], suffix: str = "geojson", **options: Any) -> Generator[bytes]:
    return stream(Export(database, layer, **options), find_format(suffix))


def collection(database: Database, layer: type[Layer], **options: Any) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(b"".join(streamed(database, layer, **options)))
    return document


def put(database: Database, layer: type[Layer], path: Path, **options: Any) -> int:
    return export_file(Export(database, layer, **options), path)


def test_geojson_says_what_it_is(full: Database) -> None:
    document = collection(full, BRIDGES)
    assert document["type"] == "FeatureCollection"
    assert document["name"] == "bridges"
    assert document["title"] == "桥梁 Bridges"
    assert document["numberReturned"] == len(document["features"]) == 3
    assert "EPSG:4490" in document["crs_note"]
    assert "crs" not in document
    assert b'"crs"' not in b"".join(streamed(full, BRIDGES))


def test_a_feature_has_its_code_its_fields_and_its_place(full: Database) -> None:
    first, second, _ = collection(full, BRIDGES)["features"]
    assert first["id"] == first["properties"]["code"] == "QL-1"
    assert first["geometry"] == {"type": "Point", "coordinates": [119.25, 26.05]}
    assert set(first["properties"]) == {*BRIDGES.fields(), "extra", "version", "updated_at"}
    assert first["properties"]["area_code"] == "350104001"
    assert first["properties"]["assessed_on"] == "2023-10-31"
    assert second["properties"]["cost"] == 123456789.1234
    assert second["geometry"]["type"] == "MultiLineString"


def test_awkward_text_comes_through(full: Database) -> None:
    _, second, third = collection(full, BRIDGES)["features"]
    assert third["properties"]["name"] == AWKWARD
    assert third["id"] == 'QL"3\\'
    assert second["properties"]["extra"] == {"来源": AWKWARD, "n": [1, None, {"x": True}]}


def test_only_what_is_asked_for_is_exported(full: Database, tmp_path: Path) -> None:
    with full.reading() as connection:
        today = full.district(connection).today
    clause = where(BRIDGES, "grade IN ('A', 'D') AND (name = '洪塘桥' OR name LIKE '%50%%')", today)
    assert [f["id"] for f in collection(full, BRIDGES, where=clause)["features"]] == ["QL-1"]
    assert put(full, BRIDGES, tmp_path / "a.gpkg", where=clause) == 1
    nothing = collection(full, BRIDGES, where=where(BRIDGES, "grade = 'B'", today))
    assert nothing["features"] == []
    assert nothing["numberReturned"] == 0


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
def test_an_export_taken_in_again_changes_nothing(full: Database, tmp_path: Path, suffix: str) -> None:
    for layer in (AREAS, BRIDGES):
        file = tmp_path / f"{layer.__tablename__}{suffix}"
        number = put(full, layer, file)
        summary = import_file(full, file, layer)
        assert (summary.unchanged, summary.updated, summary.inserted, summary.refused) == (number, 0, 0, [])


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
def test_an_export_taken_in_elsewhere_gives_equal_records(
    full: Database, bare: Database, tmp_path: Path, suffix: str
) -> None:
    with bare.transaction() as connection:
        for name in registry():
            connection.exec_driver_sql(f"DELETE FROM {name}")
    for layer in (AREAS, BRIDGES):
        file = tmp_path / f"{layer.__tablename__}{suffix}"
        put(full, layer, file)
        assert import_file(bare, file, layer).refused == []
        assert records(bare, layer) == records(full, layer)


def test_a_geopackage_opens_with_chinese_columns_and_types(full: Database, tmp_path: Path) -> None:
    put(full, BRIDGES, tmp_path / "桥梁.gpkg")
    assert pyogrio.list_layers(tmp_path / "桥梁.gpkg").tolist() == [["bridges", "Unknown"]]
    info = pyogrio.read_info(tmp_path / "桥梁.gpkg")
    frame = gpd.read_file(tmp_path / "桥梁.gpkg").set_index("编号")
    assert info["crs"] == "EPSG:4490"
    assert dict(zip(info["fields"], info["ogr_types"], strict=True))["评定日期"] == "OFTDate"
    assert frame.loc["QL-1", "技术状况等级"] == "A"
    assert frame.loc["QL-1", "所属区域"] == "350104001"
    assert frame.loc["QL-2", "整治投资"] == 123456789.1234
    assert shapely.equals_exact(frame.geometry["QL-1"], Point(119.25, 26.05))


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
def test_an_empty_layer_is_a_file_without_features(full: Database, tmp_path: Path, suffix: str) -> None:
    assert put(full, HAZARDS, tmp_path / f"a{suffix}") == 0
    assert len(gpd.read_file(tmp_path / f"a{suffix}")) == 0
    assert import_file(full, tmp_path / f"a{suffix}", HAZARDS).read == 0


def test_a_format_is_known_by_the_suffix(full: Database, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"bridges\.xyz") as refused:
        put(full, BRIDGES, tmp_path / "bridges.xyz")
    assert refused.value.allowed == tuple(f".{suffix}" for suffix in FORMATS)


@pytest.mark.parametrize("suffix", EVERY)
def test_where_nothing_can_be_written_is_said(full: Database, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "no such folder" / f"a{suffix}"
    with pytest.raises(TargetError, match="no such folder"):
        put(full, BRIDGES, target)
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(TargetError, match="folder"):
        put(full, BRIDGES, tmp_path / f"folder{suffix}")


@pytest.mark.parametrize("suffix", [suffix for suffix in EVERY if suffix != ".json"])
def test_a_failed_export_leaves_what_was_there(full: Database, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"a{suffix}"
    target.write_text("the export of yesterday")
    broken = sa.literal_column("1 / (id - id)") == 1
    with pytest.raises(FilterError, match="division by zero"):
        put(full, BRIDGES, target, where=broken)
    assert target.read_text() == "the export of yesterday"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_layer_of_points_goes_out_whole_in_the_order_of_ids_whatever_gaps_they_have(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        connection.exec_driver_sql(
            "INSERT INTO hazards (id, code, geom) OVERRIDING SYSTEM VALUE SELECT n * n * n, 'YH-' || n, "
            "ST_SetSRID(ST_MakePoint(119.25 + n / 1e6, 26.05), 4490) FROM generate_series(400, 1, -1) n "
            "WHERE mod(n, 97) > 9"
        )
    for suffix in ("geojson", "geojsonl"):
        whole, chosen = (
            b"".join(streamed(empty_district, HAZARDS, suffix, where=where)) for where in (None, HAZARDS.id > 0)
        )
        assert whole == chosen
    features = collection(empty_district, HAZARDS)
    assert [feature["id"] for feature in features["features"]] == [f"YH-{n}" for n in range(401) if n % 97 > 9]
    assert features["numberReturned"] == len(features["features"])


def crowd(database: Database, number: int) -> None:
    """Put in hazards enough that an export takes a while."""
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "INSERT INTO hazards (code, description, geom) SELECT 'YH-' || n, repeat('隐患', 200), "
            "ST_SetSRID(ST_MakePoint(119.25 + n / 1e7, 26.05), 4490) FROM generate_series(1, %s) n",
            (number,),
        )


def queries(database: Database) -> int:
    with database.reading() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (%%' AND state = 'active'"
        return int(connection.exec_driver_sql(query).scalar_one())


def within_seconds(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def at_rest(database: Database) -> bool:
    return queries(database) == 0 and not [t for t in threading.enumerate() if t.name == "export"]


@pytest.fixture(scope="module")
def crowded(bare: Database) -> Database:
    crowd(bare, 20_000)
    return bare


@pytest.mark.parametrize("suffix", ["geojson", "geojsonl", "csv"])
def test_a_reader_that_stops_stops_the_query_and_harms_no_other(crowded: Database, suffix: str) -> None:
    pieces = streamed(crowded, HAZARDS, suffix)
    next(pieces)
    next(pieces)
    assert queries(crowded) == 2
    pieces.close()
    assert within_seconds(lambda: at_rest(crowded))
    assert collection(crowded, HAZARDS)["numberReturned"] == 20_000


def test_what_people_read_can_be_stopped_too(crowded: Database) -> None:
    for suffix, options in (("kml", {}), ("geojsonl", {"place": place("GCJ02")})):
        pieces = streamed(crowded, HAZARDS, suffix, **options)
        next(pieces)
        assert "Current Checked out connections: 1" in crowded.engine.pool.status()
        pieces.close()
        assert "Current Checked out connections: 0" in crowded.engine.pool.status()


@contextmanager
def served(database: Database) -> Iterator[tuple[Any, tuple[str, int]]]:
    app = create_app(database, database.settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert within_seconds(lambda: server.started)
    yield app, server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join()


def idle(app: Any) -> bool:
    return "Current Checked out connections: 0" in app.state.database.engine.pool.status()


def test_a_client_that_hangs_up_gives_its_connection_back(crowded: Database) -> None:
    service = crowded.for_service()  # what another role's connections do is not for the owner to see
    with served(crowded) as (app, address):
        clients = [socket.create_connection(address) for _ in range(3)]
        for client, suffix in zip(clients, ("geojson", "geojsonl", "csv"), strict=True):
            client.sendall(f"GET /api/exports/hazards.{suffix} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert within_seconds(lambda: queries(service) == 4)  # the first has two connections
        for client in clients:
            client.close()
        assert within_seconds(lambda: at_rest(service))
        assert within_seconds(lambda: idle(app))
    service.engine.dispose()


@pytest.mark.parametrize("suffix", BINARY)
def test_a_client_that_hangs_up_before_the_file_is_written_stops_its_query_and_leaves_no_file(
    crowded: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    service = crowded.for_service()

    def asked() -> bool:
        with service.reading() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DECLARE%%' OR query LIKE 'FETCH%%'"
            return bool(connection.exec_driver_sql(f"{query} AND state = 'active'").scalar_one())

    with crowded.transaction() as other, served(crowded) as (app, address):
        other.exec_driver_sql("LOCK TABLE hazards")  # the query waits as long as we like
        with socket.create_connection(address) as client:
            client.sendall(f"GET /api/exports/hazards.{suffix} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            assert within_seconds(lambda: asked() and list(tmp_path.iterdir()) != [])
        assert within_seconds(lambda: not asked() and idle(app) and list(tmp_path.iterdir()) == [])
    service.engine.dispose()


@pytest.mark.parametrize("suffix", BINARY)
def test_a_binary_file_leaves_nothing_behind_when_it_is_read_or_not(
    crowded: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pieces = streamed(crowded, HAZARDS, suffix)
    next(pieces)
    assert [path.name for path in tmp_path.glob("*/*")] == [f"hazards.{suffix}"]
    assert "Current Checked out connections: 0" in crowded.engine.pool.status()  # a slow reader holds none
    pieces.close()
    assert list(tmp_path.iterdir()) == []
    broken = sa.literal_column("1 / (id - (SELECT max(id) FROM hazards))") <= 1  # at the last record
    with pytest.raises(FilterError):
        next(streamed(crowded, HAZARDS, suffix, where=broken))
    assert list(tmp_path.iterdir()) == []


def test_the_brake_stops_only_its_own_export(crowded: Database) -> None:
    brake = Brake()
    pieces = streamed(crowded, HAZARDS, "kml", brake=brake)
    next(pieces)
    pieces.close()
    with crowded.reading() as connection:
        brake.pull()  # the connection is another's by now
        assert connection.exec_driver_sql("SELECT count(*) FROM hazards").scalar_one() == 20_000
    with pytest.raises(DatabaseError):
        next(streamed(crowded, HAZARDS, "kml", brake=brake))


@pytest.mark.parametrize("suffix", ["geojson", "geojsonl", "csv"])
def test_the_stream_comes_in_pieces_that_do_not_grow(crowded: Database, suffix: str) -> None:
    sizes = [len(piece) for piece in streamed(crowded, HAZARDS, suffix)]
    assert sum(sizes) > 20_000_000
    assert max(sizes) < 1_000_000


@pytest.mark.parametrize(
    ("suffix", "most"),
    [("geojson", 200_000), ("geojsonl", 200_000), ("csv", 200_000), ("kml", 16_000)],
)
def test_memory_is_flat_whatever_the_size(many: Database, suffix: str, most: int) -> None:
    few, all_ = (_peak(many, suffix, number) for number in (most // 4, most))
    assert all_ < 1.5 * few


def _peak(database: Database, suffix: str, number: int) -> int:
    """Return the most memory, in bytes, that Python held while this many records went out."""
    gc.collect()
    tracemalloc.start()
    for _ in streamed(database, SITES, suffix, where=SITES.id <= number):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.fixture(scope="module")
def many(bare: Database) -> Iterator[Database]:
    """200,000 records, small ones."""
    with bare.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM project_sites")
        connection.exec_driver_sql("ALTER TABLE project_sites DISABLE TRIGGER USER")
        connection.exec_driver_sql(
            "INSERT INTO project_sites (id, code, geom) OVERRIDING SYSTEM VALUE SELECT n, 'XM-' || n, "
            "ST_SetSRID(ST_MakePoint(119.25 + n / 1e7, 26.05), 4490) FROM generate_series(1, 200000) n"
        )
        connection.exec_driver_sql("ALTER TABLE project_sites ENABLE TRIGGER USER")
    yield bare
    with bare.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE project_sites DISABLE TRIGGER USER")
        connection.exec_driver_sql("DELETE FROM project_sites")
        connection.exec_driver_sql("ALTER TABLE project_sites ENABLE TRIGGER USER")


def test_a_real_layer_goes_round(full: Database, bare: Database, tmp_path: Path) -> None:
    path = DATA / "liechtenstein" / "liechtenstein_layers.gpkg"
    if not path.exists():
        pytest.skip("needs the shared data")
    rivers = registry()["rivers"]
    import_file(full, path, rivers, source_layer="waterways")
    put(full, rivers, tmp_path / "rivers.geojson")
    import_file(bare, tmp_path / "rivers.geojson", rivers)
    assert records(bare, rivers) == records(full, rivers)
    assert len(records(bare, rivers)) == 76
