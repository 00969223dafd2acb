"""What lies along a line: order, side, distance, and why it matched."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer
from shapely import LineString, Point, transform
from sqlalchemy import Connection, text

import gis_service.along
from gis_service.along import Shown, along, are_many, find_properties, find_targets, pieces, statement
from gis_service.database import Database
from gis_service.errors import UnknownName, UnknownValue, UsageError
from gis_service.lines import find_line
from layers import registry

SRID = 4549
TO_DEGREES = Transformer.from_crs(SRID, 4490, always_xy=True).transform
RIVERS = registry()["rivers"]
X, Y = 430_000.0, 2_881_000.0
"""A place in the metric CRS, east and north."""


def _put(connection: Connection, layer: str, code: str, shape: str, **values: str) -> None:
    names = "".join(f", {name}" for name in values)
    given = "".join(f", '{value}'" for value in values.values())
    geometry = f"ST_Transform(ST_GeomFromText('{shape}', {SRID}), 4490)"
    connection.exec_driver_sql(f"INSERT INTO {layer} (code, geom{names}) VALUES ('{code}', {geometry}{given})")


def _river(connection: Connection, *parts: list[tuple[float, float]]) -> None:
    lines = ", ".join("(" + ", ".join(f"{X + x} {Y + y}" for x, y in part) + ")" for part in parts)
    _put(connection, "rivers", "R", f"MULTILINESTRING({lines})")


def _hazard(connection: Connection, code: str, x: float, y: float, **values: str) -> None:
    _put(connection, "hazards", code, f"POINT({X + x} {Y + y})", **values)


def _hits(connection: Connection, within: float, *layers: str) -> list[dict[str, Any]]:
    line = find_line(connection, RIVERS, "R", SRID)
    found = along(connection, line, find_targets(layers, RIVERS), within)
    return [feature["properties"] for feature in orjson.loads(found.document())["features"]]


def test_hits_come_in_chainage_order_with_distance_and_side(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (1000, 0)])
        _hazard(connection, "below", 900, -30)
        _hazard(connection, "above", 100, 50)
        _hazard(connection, "far", 500, 250)
        _hazard(connection, "on", 300, 0)
        found = _hits(connection, 200)
    assert [hit["code"] for hit in found] == ["above", "on", "below"]
    assert [hit["side"] for hit in found] == ["left", "on", "right"]
    assert [hit["distance_m"] for hit in found] == pytest.approx([50, 0, 30], abs=0.01)
    # geodesic metres differ from those of the projection by 60 parts in a million here
    assert [hit["chainage_m"] for hit in found] == pytest.approx([100, 300, 900], rel=2e-4)
    assert [hit["chainage"] for hit in found] == ["K0+100", "K0+300", "K0+900"]
    assert all(hit["why"] == ["within"] for hit in found)


def test_the_last_chainage_is_the_geodesic_length(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (3000, 4000)])
        _hazard(connection, "mouth", 3000, 4000)
        (mouth,) = _hits(connection, 10)
    line = transform(LineString([(X, Y), (X + 3000, Y + 4000)]), TO_DEGREES, interleaved=False)
    assert mouth["chainage_m"] == pytest.approx(Geod(ellps="GRS80").geometry_length(line), abs=0.02)


def test_left_and_right_are_those_of_one_who_looks_downstream(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 1000), (0, 0)])  # flows south: the west bank is the right one
        _hazard(connection, "west", -40, 500)
        _hazard(connection, "east", 40, 400)
        found = _hits(connection, 100)
    assert [(hit["code"], hit["side"]) for hit in found] == [("west", "right"), ("east", "left")]


def test_a_point_beside_a_sharp_bend_is_on_the_bank_that_it_is_on(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (500, 0), (500, -500)])
        _hazard(connection, "outside", 530, 30)
        _hazard(connection, "inside", 470, -30)
        found = {hit["code"]: hit["side"] for hit in _hits(connection, 100)}
    assert found == {"outside": "left", "inside": "right"}


def test_pieces_that_touch_are_one_line_whatever_their_order(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(500, 0), (1000, 0)], [(0, 0), (500, 0)])
        _hazard(connection, "h", 750, 10)
        (hit,) = _hits(connection, 50)
    assert (hit["part"], round(hit["chainage_m"])) == (1, 750)


def test_a_branch_has_a_chainage_of_its_own_and_the_stem_runs_through(empty_district: Database) -> None:
    stem_above, stem_below = [(0, 0), (1000, 0)], [(1000, 0), (1800, 0)]
    branch = [(1000, 300), (1000, 0)]
    with empty_district.transaction() as connection:
        _river(connection, stem_below, branch, stem_above)
        _hazard(connection, "stem", 1500, 20)
        _hazard(connection, "branch", 1020, 200)
        found = _hits(connection, 50)
    assert [(hit["code"], hit["part"], round(hit["chainage_m"], -1)) for hit in found] == [
        ("stem", 1, 1500),
        ("branch", 2, 100),
    ]


def test_a_ring_is_walked_all_the_same(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (100, 0), (100, 100)], [(100, 100), (0, 100), (0, 0)])
        _hazard(connection, "h", 50, 5)
        assert [hit["code"] for hit in _hits(connection, 10)] == ["h"]


def test_lines_and_polygons_are_hit_where_they_come_nearest(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (1000, 0)])
        _put(connection, "bridges", "B", f"MULTILINESTRING(({X + 400} {Y - 20}, {X + 400} {Y + 20}))")
        corners = [(600, 30), (700, 30), (700, 90), (600, 90), (600, 30)]
        ring = ", ".join(f"{X + x} {Y + y}" for x, y in corners)
        _put(connection, "heritage_buildings", "H", f"MULTIPOLYGON((({ring})))")
        found = _hits(connection, 50)
    assert [(hit["code"], hit["distance_m"], hit["side"]) for hit in found] == [
        ("B", 0, "on"),
        ("H", pytest.approx(30, abs=0.01), "left"),
    ]


def test_a_record_that_names_the_line_is_found_at_any_distance_and_says_why(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (1000, 0)])
        _put(connection, "bridges", "B", f"POINT({X + 500} {Y + 900})", river_code="R")
        _hazard(connection, "its", 100, 700, subject_layer="rivers", subject_code="R")
        _hazard(connection, "bridges", 505, 905, subject_layer="bridges", subject_code="B")
        _hazard(connection, "other", 300, 700)
        found = {hit["code"]: hit["why"] for hit in _hits(connection, 200)}
    assert found == {"its": ["subject"], "B": ["reference"], "bridges": ["subject_reference"]}


def test_the_line_itself_is_not_among_its_hits(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (1000, 0)])
        _put(connection, "rivers", "R2", f"MULTILINESTRING(({X} {Y + 50}, {X + 1000} {Y + 60}))")
        assert [hit["code"] for hit in _hits(connection, 100, "rivers")] == ["R2"]


offsets = st.tuples(st.floats(-500, 3500), st.floats(-600, 600))
bends = st.lists(st.floats(-400, 400), min_size=3, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bends, st.lists(offsets, min_size=1, max_size=20), st.floats(1, 500))
def test_hits_are_those_that_shapely_finds_on_the_projected_line(
    empty_district: Database, bends: list[float], points: list[tuple[float, float]], within: float
) -> None:
    course = [(3000 * i / (len(bends) - 1), y) for i, y in enumerate(bends)]
    line = LineString([(X + x, Y + y) for x, y in course])
    with empty_district.engine.connect() as connection, connection.begin() as transaction:
        _river(connection, course)
        for index, (x, y) in enumerate(points):
            _hazard(connection, str(index), x, y)
        found = _hits(connection, within)
        transaction.rollback()
    distance = {str(i): line.distance(Point(X + x, Y + y)) for i, (x, y) in enumerate(points)}
    sure = {code for code, metres in distance.items() if metres < within - 0.001}
    possible = {code for code, metres in distance.items() if metres < within + 0.001}
    assert sure <= {hit["code"] for hit in found} <= possible
    assert [hit["chainage_m"] for hit in found] == sorted(hit["chainage_m"] for hit in found)
    for hit in found:
        assert hit["distance_m"] == pytest.approx(distance[hit["code"]], abs=0.01)


Course = list[tuple[float, float]]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bends, st.lists(offsets, min_size=1, max_size=40), st.lists(offsets, max_size=5), st.floats(0, 300))
def test_stretch_by_stretch_each_hit_comes_once_in_the_order_of_the_whole_line(
    empty_district: Database,
    bends: list[float],
    points: list[tuple[float, float]],
    linked: list[tuple[float, float]],
    within: float,
) -> None:
    course: Course = [(3000 * i / (len(bends) - 1), y) for i, y in enumerate(bends)]
    beside: Course = [(0, 700), (1500, -700)]
    with empty_district.engine.connect() as connection, connection.begin() as transaction:
        _river(connection, course, beside)
        for index, (x, y) in enumerate([*points, *linked]):
            subject = {} if index < len(points) else {"subject_layer": "rivers", "subject_code": "R"}
            _hazard(connection, str(index), x, y, **subject)
        line = find_line(connection, RIVERS, "R", SRID)
        document = orjson.loads(b"".join(pieces([connection], line, find_targets(("hazards",), RIVERS), within)))
        transaction.rollback()
    found = [feature["properties"] for feature in document["features"]]
    places = {str(i): Point(X + x, Y + y) for i, (x, y) in enumerate([*points, *linked])}
    metres = {code: min(part.distance(place) for part in line.parts) for code, place in places.items()}
    hers = {str(i) for i in range(len(points), len(places))}
    sure = hers | {code for code in places if metres[code] < within - 0.001}
    possible = sure | {code for code in places if metres[code] < within + 0.001}
    codes = [hit["code"] for hit in found]
    assert len(codes) == len(set(codes)) == document["numberReturned"] == document["counts"]["hazards"]
    assert sure <= set(codes) <= possible
    order = [(hit["part"], hit["chainage_m"]) for hit in found]
    assert order == sorted(order)
    for hit in found:
        code, foot = hit["code"], line.parts[hit["part"] - 1].interpolate(hit["chainage_m"] / line.scale)
        assert hit["distance_m"] == pytest.approx(metres[code], abs=0.01)
        assert foot.distance(places[code]) == pytest.approx(metres[code], abs=0.02)


@pytest.mark.parametrize("legs", [1000.0, 2000 / 3, 1777.7])
def test_what_lies_outside_a_corner_between_two_stretches_comes_once(empty_district: Database, legs: float) -> None:
    with empty_district.engine.connect() as connection, connection.begin() as transaction:
        steps = [legs * at / 7 for at in range(8)]  # so that stretches measure from different beginnings
        _river(connection, [*((-step, 0) for step in reversed(steps)), *((0, step) for step in steps[1:])])
        names = [f"{x}/{y}" for x in range(7, 120, 8) for y in range(-120, -6, 8)]
        for name in names:
            x, _, y = name.partition("/")
            _hazard(connection, name, float(x), float(y))
        found = _hits(connection, 200)
        transaction.rollback()
    assert sorted(hit["code"] for hit in found) == sorted(names)
    assert {hit["chainage_m"] for hit in found} == {found[0]["chainage_m"]}


def test_the_first_hits_go_out_while_others_are_looked_for(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (3000, 0)])
        connection.exec_driver_sql(
            "INSERT INTO hazards (code, description, geom) SELECT 'YH-' || n, repeat('隐患', 200), "
            f"ST_Transform(ST_SetSRID(ST_MakePoint({X} + n, {Y} + 10), {SRID}), 4490) FROM generate_series(1, 2999) n"
        )
        found = list(
            pieces([connection], find_line(connection, RIVERS, "R", SRID), find_targets(("hazards",), RIVERS), 100)
        )
    whole = orjson.loads(b"".join(found))
    assert len(found) > 5
    assert max(map(len, found)) < 1_000_000
    assert [feature["id"] for feature in whole["features"]] == [f"YH-{n}" for n in range(1, 3000)]
    assert whole["numberReturned"] == 2999


def test_only_what_is_asked_for_is_told_and_always_where_it_lies_and_why(sample_district: Database) -> None:
    always = {"layer", "distance_m", "chainage_m", "chainage", "side", "part", "why"}
    targets = find_targets([], RIVERS)

    def hits(connection: Connection, *names: str, geometry: bool = True) -> list[dict[str, Any]]:
        shown = Shown(find_properties(names, targets), geometry)
        line = find_line(connection, RIVERS, "HD-007", SRID)
        document = orjson.loads(b"".join(pieces([connection], line, targets, 200, shown)))
        assert document["numberReturned"] == len(document["features"]) > 1
        return list(document["features"])

    with sample_district.reading() as connection:
        whole = hits(connection)
        named = hits(connection, "name", "grade")
        bare = hits(connection, "code", "chainage_m", geometry=False)
    assert {hit["properties"]["layer"] for hit in whole} >= {"bridges", "hazards"}
    for one, few, least in zip(whole, named, bare, strict=True):
        told = one["properties"]
        hers = {"name", "grade"} & told.keys()  # hazards have no grade
        assert few == one | {"properties": {name: told[name] for name in always | hers}}
        assert least == one | {"geometry": None, "properties": {name: told[name] for name in always | {"code"}}}


def test_an_unknown_property_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownValue, match="colour") as refused:
        find_properties(["name", "colour"], find_targets(["hazards", "bridges"], RIVERS))
    assert {"code", "status", "grade", "term", "distance_m"} <= set(refused.value.allowed)
    assert "basin" not in refused.value.allowed


def test_two_connections_tell_what_one_does_in_the_same_order(sample_district: Database) -> None:
    with sample_district.streaming() as first, sample_district.beside(first) as second:
        assert second
        for code, within in (("HD-007", 500.0), ("HD-001", 30.0), ("HD-002", 0.0)):
            line = find_line(first, RIVERS, code, SRID)
            alone, both = (
                b"".join(pieces(connections, line, find_targets([], RIVERS), within))
                for connections in ([first], [first, second])
            )
            assert both == alone
            assert within < 500 or len(orjson.loads(both)["features"]) > 50


def test_the_second_connection_is_for_layers_of_many_records(
    sample_district: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hazards = [registry()["hazards"]]
    with sample_district.reading() as connection:
        assert not are_many(connection, hazards)
        assert not are_many(connection, [])
        monkeypatch.setattr(gis_service.along, "_MANY", 10)
        assert are_many(connection, hazards)


def test_every_hazard_of_a_sample_river_is_along_it(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        code = connection.exec_driver_sql("SELECT code FROM rivers WHERE name = '流花溪'").scalar_one()
        its = set(connection.exec_driver_sql(f"SELECT code FROM hazards WHERE subject_code = '{code}'").scalars())
        line = find_line(connection, RIVERS, code, SRID)
        found = along(connection, line, find_targets(["hazards"], RIVERS), 50)
    hits = [feature["id"] for feature in orjson.loads(found.document())["features"]]
    assert its
    assert its <= set(hits)


def test_what_is_not_there_or_no_line_is_refused_by_name(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        with pytest.raises(UnknownName, match="HD-999"):
            find_line(connection, RIVERS, "HD-999", SRID)
        with pytest.raises(UsageError, match="LPG stations are no lines"):
            find_line(connection, registry()["gas_stations"], "RQ-001", SRID)
        with pytest.raises(UsageError, match="no line and has no chainage"):
            find_line(connection, registry()["bridges"], "QL-001", SRID)
        with pytest.raises(UnknownName, match="hazard'"):
            find_targets(["hazard"], RIVERS)
        with pytest.raises(UnknownValue, match="-1"):
            along(connection, find_line(connection, RIVERS, "HD-001", SRID), [], -1)


@pytest.mark.parametrize("shape", ["(30 0, 30.1 0)", "(60 26, 60.1 26)"])
def test_a_line_too_far_away_for_the_metric_crs_is_refused(shape: str, empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        geometry = f"ST_GeomFromText('MULTILINESTRING({shape})', 4490)"
        connection.exec_driver_sql(f"INSERT INTO rivers (code, geom) VALUES ('far', {geometry})")
        with pytest.raises(UsageError, match=r"far.*EPSG:4549"):
            find_line(connection, RIVERS, "far", SRID)


def test_a_linked_record_too_far_away_for_the_metric_crs_is_said_so(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _river(connection, [(0, 0), (1000, 0)])
        connection.exec_driver_sql(
            "INSERT INTO hazards (code, geom, subject_layer, subject_code) "
            "VALUES ('far', ST_GeomFromText('POINT(30 0)', 4490), 'rivers', 'R')"
        )
        with pytest.raises(UsageError, match="linked"):
            _hits(connection, 100)


def test_a_district_on_the_180th_meridian_is_measured_in_its_own_zone(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        for code, west in (("W", 179.6), ("E", -180)):
            box = f"ST_Multi(ST_MakeEnvelope({west}, -17, {west + 0.4}, -16, 4490))"
            connection.exec_driver_sql(f"INSERT INTO areas (code, name, geom) VALUES ('{code}', '{code}', {box})")
        lines = "MULTILINESTRING((179.99 -16.5, 180 -16.5), (-180 -16.5, -179.99 -16.5))"
        connection.exec_driver_sql(
            f"INSERT INTO rivers (code, geom) VALUES ('R', ST_GeomFromText('{lines}', 4490));"
            "INSERT INTO hazards (code, geom) VALUES ('H', ST_GeomFromText('POINT(-179.995 -16.501)', 4490))"
        )
        srid = empty_district.district(connection).metres()
        assert srid in (32760, 32701)
        line = find_line(connection, RIVERS, "R", srid)
        (hit,) = orjson.loads(along(connection, line, find_targets(("hazards",), RIVERS), 200).document())["features"]
    geod = Geod(ellps="GRS80")
    assert len(line.parts) == 1
    assert hit["properties"]["distance_m"] == pytest.approx(geod.inv(-179.995, -16.501, -179.995, -16.5)[2], rel=1e-3)
    assert hit["properties"]["chainage_m"] == pytest.approx(geod.inv(179.99, -16.5, -179.995, -16.5)[2], rel=1e-3)
    assert hit["properties"]["side"] == "right"


def test_the_index_finds_what_lies_near_under_the_row_policies_too(sample_district: Database) -> None:
    served = sample_district.for_service().acting("anonymous")
    try:
        with served.reading() as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the sample is small
            asked = statement(find_line(connection, RIVERS, "HD-007", SRID), find_targets([], RIVERS), 200)
            plan = [row[0] for row in connection.execute(text(f"EXPLAIN {asked}"), asked.compile().params)]
    finally:
        served.engine.dispose()
    targets = find_targets([], RIVERS)
    assert sum("Index Cond: (geom && stretch" in line for line in plan) == len(targets)
    assert not [line for line in plan if "Seq Scan" in line or ("Cache Key" in line and "shape" in line)]
