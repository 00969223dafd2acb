"""The main job on a real region: import by the product's own commands, then every figure against GeoPandas."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pytest
import shapely
import sqlalchemy as sa
from pyproj import Geod
from shapely import Geometry
from typer.testing import CliRunner

from gis_service.cli import app

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

Gis = Callable[..., Any]

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="needs the shared data")


def source(layer: str) -> gpd.GeoDataFrame:
    return gpd.read_file(FILE, layer=SOURCES[layer])


@pytest.fixture(scope="module")
def gis(database_url: sa.URL) -> Iterator[Gis]:
    """The command line on a second, empty district, with the region imported by it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIS_DATABASE_URL", database_url.render_as_string(hide_password=False))
        patch.setenv("GIS_DISTRICT", "liechtenstein")
        run("db", "upgrade")
        for layer, source_layer in SOURCES.items():
            summary = run("import", str(FILE), "--layer", layer, "--source-layer", source_layer, "--json")
            assert (summary["inserted"], summary["refused"]) == (len(source(layer)), [])
        yield run


def run(*arguments: str) -> Any:
    """Run a command and return what it prints, as JSON where that was asked for."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return orjson.loads(done.stdout) if "--json" in arguments else done.stdout


def features(gis: Gis, layer: str, folder: Path) -> list[dict[str, Any]]:
    """Export a layer and return its features' properties."""
    gis("export", layer, str(folder / f"{layer}.geojson"))
    return [f["properties"] for f in orjson.loads((folder / f"{layer}.geojson").read_bytes())["features"]]


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


def answer(gis: Gis, layer: str, measure: str) -> dict[str, Any]:
    found: dict[str, Any] = gis("stats", layer, "--measure", measure, "--json")
    return found


def by_area(found: dict[str, Any], measure: str) -> dict[str, float]:
    return {row["area"]: row[measure] for row in found["rows"]}


def test_only_the_municipalities_hold_features(gis: Gis, municipalities: gpd.GeoDataFrame, tmp_path: Path) -> None:
    areas = {area["code"]: area for area in features(gis, "areas", tmp_path)}
    parents = {area["name"]: areas.get(area["parent_code"], {}).get("name") for area in areas.values()}
    assert {area["name"] for area in areas.values() if area["leaf"]} == set(municipalities.index)
    assert parents["Vaduz"] == "Wahlkreis Oberland"
    assert parents["Wahlkreis Oberland"] == "Liechtenstein"
    assert parents["Liechtenstein"] is None


def test_the_same_file_again_changes_nothing(gis: Gis) -> None:
    for layer, source_layer in SOURCES.items():
        summary = gis("import", str(FILE), "--layer", layer, "--source-layer", source_layer, "--json")
        assert (summary["inserted"], summary["updated"], summary["unchanged"]) == (0, 0, len(source(layer)))


def test_bridges_per_municipality_agree_with_geopandas(gis: Gis, municipalities: gpd.GeoDataFrame) -> None:
    expected: Counter[str | None] = Counter()
    for bridge in source("bridges").geometry:
        shares = pieces(bridge, municipalities)
        expected[max(shares, key=lambda name: shares[name])] += 1
    found = answer(gis, "bridges", "count")
    assert by_area(found, "count") == {name: expected[name] for name in municipalities.index}
    assert found["outside"][0]["count"] == expected[None] > 0
    assert found["total"]["count"] == expected.total() == 122


def test_waterway_kilometres_per_municipality_agree_with_geopandas(gis: Gis, municipalities: gpd.GeoDataFrame) -> None:
    expected: dict[str | None, float] = defaultdict(float)
    for river in source("rivers").geometry:
        for name, length in pieces(river, municipalities).items():
            expected[name] += length / 1000
    found = answer(gis, "rivers", "length_km")
    assert by_area(found, "length_km") == pytest.approx({n: expected[n] for n in municipalities.index}, abs=1e-3)
    assert found["outside"][0]["length_km"] == pytest.approx(expected[None], abs=1e-3)
    # one waterway runs over 22 m of its own line twice: ground counts once
    ground = sum(metres(shapely.node(river)) for river in source("rivers").geometry) / 1000
    assert found["total"]["length_km"] == pytest.approx(ground, abs=1e-3)


@pytest.mark.parametrize("layer", ["gas_stations", "heritage_buildings"])
def test_points_per_municipality_agree_with_geopandas(gis: Gis, municipalities: gpd.GeoDataFrame, layer: str) -> None:
    points = source(layer)
    joined = gpd.sjoin(points, municipalities[["geometry"]], predicate="covered_by")
    inside = joined[~joined.index.duplicated()]
    expected = inside.iloc[:, inside.columns.str.startswith(("index_right", "name_right"))].iloc[:, 0].value_counts()
    found = answer(gis, layer, "count")
    assert by_area(found, "count") == {name: expected.get(name, 0) for name in municipalities.index}
    assert found["outside"][0]["count"] == len(points) - len(inside)


def test_bridges_along_the_binnenkanal_agree_with_geopandas(gis: Gis, tmp_path: Path) -> None:
    """Within 50 m: planar distances in UTM 32N, whose scale here is within 0.04 % of true metres."""
    rivers = source("rivers").to_crs(UTM).set_index("osm_id")
    bridges = source("bridges").to_crs(UTM).set_index("osm_id").geometry
    # OSM's own number was kept beside the fields
    river_of, bridge_of = (
        {p["code"]: p["extra"]["osm_id"] for p in features(gis, layer, tmp_path)} for layer in ("rivers", "bridges")
    )
    canal = [code for code, osm_id in river_of.items() if "Binnenkanal" in str(rivers["name"][osm_id])]
    some = 0
    for code in canal:
        line = rivers.geometry[river_of[code]]
        distance = bridges.distance(line)
        document = gis("along", "rivers", code, "--within", "50", "--layers", "bridges", "--json")
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
