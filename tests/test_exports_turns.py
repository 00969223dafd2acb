"""A large layer is written by two connections: the same bytes as by one, of one state, for the same eyes."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Thread

import pytest
import sqlalchemy as sa
from conftest import copied
from people import signed_in

import gis_service.database
from gis_service.copied import Brake
from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.errors import DatabaseError, UsageError
from gis_service.exports import Export, find_format, place, stream, turns
from layers import Layer, registry

HAZARDS, RIVERS = registry()["hazards"], registry()["rivers"]
SUFFIXES = ["geojson", "geojsonl", "csv"]


@pytest.fixture(scope="module")
def district(cluster: Cluster, upgraded_template: str) -> Iterator[Database]:
    """A district with 7,000 hazards and 2,600 rivers whose ids have gaps, the hazards in two areas."""
    for database in copied(cluster, upgraded_template, "turns"):
        with database.transaction() as connection:
            connection.exec_driver_sql(
                "INSERT INTO areas (code, name, geom) SELECT 'A' || n, 'A' || n, "
                "ST_Multi(ST_MakeEnvelope(119 + n, 26, 120 + n, 27, 4490)) FROM generate_series(0, 1) n"
            )
            for layer, number, shape in (
                ("hazards", 7_000, "ST_MakePoint(119.5 + mod(n, 2), 26.5)"),
                ("rivers", 2_600, "ST_Multi(ST_MakeLine(ST_MakePoint(119.5, 26), ST_MakePoint(119.6, 26 + n / 1e5)))"),
            ):
                connection.exec_driver_sql(
                    f"INSERT INTO {layer} (id, code, name, geom) OVERRIDING SYSTEM VALUE "
                    f"SELECT n * n / 10 + n, 'N' || n, '第' || n || '处\"\n', ST_SetSRID({shape}, 4490) "
                    f"FROM generate_series({number}, 1, -1) n"
                )
        yield database


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer counts as large."""
    monkeypatch.setattr(turns, "_LARGE", 0)


def whole(database: Database, layer: type[Layer], suffix: str = "geojson", **options: object) -> bytes:
    return b"".join(stream(Export(database, layer, **options), find_format(suffix)))  # type: ignore[arg-type]


def held(database: Database) -> int:
    """How many connections are in use."""
    return int(database.engine.pool.status().rpartition(" ")[2])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("layer", [HAZARDS, RIVERS])
def test_two_connections_write_what_one_does(district: Database, layer: type[Layer], suffix: str) -> None:
    together = whole(district, layer, suffix)
    with ExitStack() as others:
        for _ in range(3):
            others.enter_context(district.streaming())
        assert whole(district, layer, suffix) == together  # none is free to help
    assert whole(district, layer, suffix, where=layer.id > 0) == together


@pytest.mark.usefixtures("small")
def test_turns_end_wherever_the_layer_does(empty_district: Database) -> None:
    most, ends = 1_101, (1, 99, 100, 101, 499, 500, 501, 999, 1_000, 1_001, 1_100, 1_101)
    with empty_district.transaction() as connection:
        connection.exec_driver_sql(
            "INSERT INTO inspections (code, subject_layer, subject_code) SELECT 'N' || n, 'bridges', 'B' "
            f"FROM generate_series({most}, 1, -1) n"
        )
    inspections = registry()["inspections"]
    for number in reversed((0, *ends)):
        with empty_district.transaction() as connection:
            last = f"SELECT id FROM inspections ORDER BY id DESC LIMIT (SELECT count(*) FROM inspections) - {number}"
            connection.exec_driver_sql(f"DELETE FROM inspections WHERE id IN ({last})")
        for suffix in SUFFIXES:
            alone = whole(empty_district, inspections, suffix, where=inspections.id > 0)
            assert whole(empty_district, inspections, suffix) == alone
        assert alone.count(b"bridges") == number


def test_the_second_connection_is_taken_while_a_large_layer_is_read_and_given_back(district: Database) -> None:
    for layer, number in ((HAZARDS, 2), (RIVERS, 1)):  # of rivers there are not so many
        pieces = stream(Export(district, layer), find_format("geojson"))
        next(pieces)
        assert held(district) == number
        pieces.close()
        assert held(district) == 0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("code", ["N1", "N501", "N2600"])
def test_all_is_given_back_when_one_of_the_two_fails(district: Database, code: str) -> None:
    moved = f"UPDATE rivers SET geom = ST_Translate(geom, %s, %s) WHERE code = '{code}'"
    with district.transaction() as connection:
        connection.exec_driver_sql(moved, (-89.5, -26.5))
    for _ in range(5):  # were a slot lost each time, there would be none
        with pytest.raises(UsageError, match="CRS"):
            whole(district, RIVERS, place=place("EPSG:4549"))
        assert held(district) == 0
    with district.transaction() as connection:
        connection.exec_driver_sql(moved, (89.5, 26.5))


def test_both_see_one_state(district: Database) -> None:
    with district.streaming() as first:
        before = first.exec_driver_sql("SELECT count(*) FROM areas").scalar_one()
        with district.transaction() as writer:
            writer.exec_driver_sql("INSERT INTO areas (code, name, geom) SELECT 'A9', 'A9', geom FROM areas LIMIT 1")
        with district.beside(first) as second:
            assert second
            assert second.exec_driver_sql("SELECT count(*) FROM areas").scalar_one() == before
            with pytest.raises(sa.exc.DBAPIError, match="read-only"):
                second.exec_driver_sql("DELETE FROM areas")


@pytest.mark.usefixtures("small")
def test_both_see_what_she_may_see(district: Database) -> None:
    service = district.for_service()
    signed_in(district, "lin", "viewer", areas=["A1"])
    hers = service.acting("lin")
    seen = whole(hers, HAZARDS, "geojsonl")
    assert seen.count(b"\n") == 3_500
    assert seen == whole(hers, HAZARDS, "geojsonl", where=HAZARDS.area_code == "A1")
    with service.acting("nobody").streaming() as first, service.acting("nobody").beside(first) as second:
        assert second
        assert second.exec_driver_sql("SELECT count(*) FROM hazards").scalar_one() == 0
    service.engine.dispose()


def test_who_waits_for_both_to_end_holds_up_neither_for_ever(district: Database) -> None:
    def waits() -> bool:
        with district.reading() as connection:
            held_up = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'hazards'::regclass"
            return bool(connection.exec_driver_sql(held_up).scalar_one())

    def alter() -> None:
        with district.transaction() as connection:
            connection.exec_driver_sql("LOCK TABLE hazards")

    count = "SELECT count(*) FROM hazards"
    altering = Thread(target=alter)
    with district.streaming() as first, district.beside(first) as second:
        assert second
        first.exec_driver_sql(count)
        altering.start()
        while not waits():
            time.sleep(0.02)
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            second.exec_driver_sql(count)
    altering.join()


def test_of_eight_connections_four_are_held_by_streams_and_one_is_a_second(
    district: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gis_service.database, "PATIENCE", 0.01)
    with ExitStack() as others:
        first, _ = (others.enter_context(district.streaming()) for _ in range(2))
        assert others.enter_context(district.beside(first))
        assert others.enter_context(district.beside(first)) is None
        others.enter_context(district.streaming())
        with pytest.raises(DatabaseError, match="Too many exports"):
            others.enter_context(district.streaming())
    with district.streaming() as first, district.beside(first) as second:
        assert second


def test_the_brake_stops_both(district: Database) -> None:
    brake = Brake()
    pieces = stream(Export(district, HAZARDS, brake=brake), find_format("csv"))
    next(pieces)
    brake.pull()
    with pytest.raises(DatabaseError):
        list(pieces)
    assert held(district) == 0


def test_what_is_ahead_of_the_reader_is_bounded(district: Database) -> None:
    whole(district, HAZARDS)  # imports
    tracemalloc.start()
    for _ in stream(Export(district, HAZARDS), find_format("geojson")):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
