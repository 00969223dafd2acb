"""The main job on a real region: import by the product's own commands, then every figure against GeoPandas."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pytest
import shapely
import sqlalchemy as sa
from pyproj import Geod
from shapely import Geometry

from gis_service.along import along, find_line
from gis_service.database import Database
from gis_service.database.upgrade import upgrade
from gis_service.ingest import import_file
from gis_service.settings import Settings
from gis_service.statistics import Question, statistics
from layers import registry

FILE = Path(__file__).parents[2] / "shared" / "data" / "liechtenstein" / "liechtenstein_layers.gpkg"
SOURCES = {
    "areas": "admin_areas",
    "rivers": "waterways",
    "bridges": "bridges",
    "gas_stations": "fuel_stations",
    "heritage_buildings": "historic_points",
}
GEOD = Geod(ellps="GRS80")
UTM = 32632

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="needs the shared data")


def source(layer: str) -> gpd.GeoDataFrame:
    return gpd.read_file(FILE, layer=SOURCES[layer])


@pytest.fixture(scope="module")
def database(database_url: sa.URL) -> Iterator[Database]:
    """The region in an empty district of its own, by the import alone."""
    database = Database(database_url.render_as_string(hide_password=False), Settings(district="liechtenstein"))
    upgrade(database)
    for layer, source_layer in SOURCES.items():
        summary = import_file(database, FILE, registry()[layer], source_layer=source_layer)
        assert (summary.inserted, summary.refused) == (len(source(layer)), [])
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def municipalities() -> gpd.GeoDataFrame:
    """The eleven municipalities; the country and the electoral districts hold them."""
    areas = source("areas")
    return areas[areas["admin_level"] == "8"].set_index("name").sort_values("osm_id", key=lambda ids: ids.astype(int))


def metres(shape: Geometry) -> float:
    """Geodesic length of the lines in a shape."""
    parts = shapely.get_parts(shape)
    return sum(GEOD.geometry_length(part) for part in parts if part.geom_type == "LineString")


def pieces(shape: Geometry, areas: gpd.GeoDataFrame) -> dict[str | None, float]:
    """Metres of a line in each area, and outside all; what runs along a boundary goes to the area that comes first."""
    rest = shape
    found: dict[str | None, float] = {}
    for name, area in areas.geometry.items():
        found[str(name)] = metres(rest.intersection(area))
        rest = rest.difference(area)
    return found | {None: metres(rest)}


def answer(database: Database, layer: str, measure: str) -> dict[str, Any]:
    with database.reading() as connection:
        question = Question(registry()[layer], measures=(measure,))
        return statistics(connection, question, database.district(connection).today)


def by_area(found: dict[str, Any], measure: str) -> dict[str, float]:
    return {row["area"]: row[measure] for row in found["rows"]}


def test_only_the_municipalities_hold_features(database: Database, municipalities: gpd.GeoDataFrame) -> None:
    with database.reading() as connection:
        leaves = connection.exec_driver_sql("SELECT name FROM areas WHERE leaf").scalars().all()
        parents = "SELECT c.name, p.name FROM areas c JOIN areas p ON p.code = c.parent_code"
        tree = {child: parent for child, parent in connection.exec_driver_sql(parents)}  # noqa: C416 - rows
    assert set(leaves) == set(municipalities.index)
    assert len(leaves) == 11
    assert tree["Vaduz"] == "Wahlkreis Oberland"
    assert tree["Wahlkreis Oberland"] == "Liechtenstein"


def test_the_metric_crs_follows_from_the_areas(database: Database) -> None:
    with database.reading() as connection:
        assert database.district(connection).metres() == UTM


def test_bridges_per_municipality_agree_with_geopandas(database: Database, municipalities: gpd.GeoDataFrame) -> None:
    expected: Counter[str | None] = Counter()
    for bridge in source("bridges").geometry:
        shares = pieces(bridge, municipalities)
        expected[max(shares, key=lambda name: shares[name])] += 1
    found = answer(database, "bridges", "count")
    assert by_area(found, "count") == {name: expected[name] for name in municipalities.index}
    assert found["outside"][0]["count"] == expected[None] > 0
    assert found["total"]["count"] == expected.total() == 122


def test_waterway_kilometres_per_municipality_agree_with_geopandas(
    database: Database, municipalities: gpd.GeoDataFrame
) -> None:
    expected: dict[str | None, float] = defaultdict(float)
    for river in source("rivers").geometry:
        for name, length in pieces(river, municipalities).items():
            expected[name] += length / 1000
    found = answer(database, "rivers", "length_km")
    assert by_area(found, "length_km") == pytest.approx({n: expected[n] for n in municipalities.index}, abs=1e-3)
    assert found["outside"][0]["length_km"] == pytest.approx(expected[None], abs=1e-3)
    # one waterway runs over 22 m of its own line twice: ground counts once
    ground = sum(metres(shapely.node(river)) for river in source("rivers").geometry) / 1000
    assert found["total"]["length_km"] == pytest.approx(ground, abs=1e-3)


@pytest.mark.parametrize("layer", ["gas_stations", "heritage_buildings"])
def test_points_per_municipality_agree_with_geopandas(
    database: Database, municipalities: gpd.GeoDataFrame, layer: str
) -> None:
    points = source(layer)
    joined = gpd.sjoin(points, municipalities[["geometry"]], predicate="covered_by")
    inside = joined[~joined.index.duplicated()]
    expected = inside.iloc[:, inside.columns.str.startswith(("index_right", "name_right"))].iloc[:, 0].value_counts()
    found = answer(database, layer, "count")
    assert by_area(found, "count") == {name: expected.get(name, 0) for name in municipalities.index}
    assert found["outside"][0]["count"] == len(points) - len(inside)


def osm_ids(database: Database, layer: str) -> dict[str, str]:
    """Which record of the source each stored one is: OSM's own number was kept."""
    with database.reading() as connection:
        return {row[0]: row[1] for row in connection.exec_driver_sql(f"SELECT code, extra->>'osm_id' FROM {layer}")}


def test_bridges_along_the_binnenkanal_agree_with_geopandas(database: Database) -> None:
    """Within 50 m: planar distances in UTM 32N, whose scale here is within 0.04 % of true metres."""
    rivers = source("rivers").to_crs(UTM).set_index("osm_id")
    bridges = source("bridges").to_crs(UTM).set_index("osm_id").geometry
    river_of, bridge_of = osm_ids(database, "rivers"), osm_ids(database, "bridges")
    canal = [code for code, osm_id in river_of.items() if "Binnenkanal" in str(rivers["name"][osm_id])]
    some = 0
    for code in canal:
        line = rivers.geometry[river_of[code]]
        distance = bridges.distance(line)
        with database.reading() as connection:
            route = find_line(connection, registry()["rivers"], code, database.district(connection).metres())
            document = orjson.loads(along(connection, route, [registry()["bridges"]], 50).document())
        hits = [feature["properties"] for feature in document["features"]]
        assert {bridge_of[hit["code"]] for hit in hits} == set(distance.index[distance <= 50])
        assert [hit["chainage_m"] for hit in hits] == sorted(hit["chainage_m"] for hit in hits)
        for hit in hits:
            bridge = bridge_of[hit["code"]]
            assert hit["distance_m"] == pytest.approx(distance[bridge], rel=0.002, abs=0.05)
            if distance[bridge] > 1:  # a bridge that crosses is nearest at more than one place
                nearest = shapely.get_point(shapely.shortest_line(line, bridges[bridge]), 0)
                assert hit["chainage_m"] == pytest.approx(line.project(nearest), rel=0.002, abs=0.1)
        some += len(hits)
    assert some > 0
