"""History: what was is never lost, and every past day can be asked as the present can."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from serving import serving
from sqlalchemy import Connection

from gis_service.database import Database
from gis_service.errors import OutOfOrder, UnknownName
from gis_service.history import history, restore
from gis_service.ingest import import_file
from gis_service.statistics import Question, statistics
from layers import registry

STATIONS = registry()["gas_stations"]
START = date(2023, 1, 1)


def _put(database: Database, code: str, name: str, on: date, *, x: float = 119.3, reason: str = "") -> None:
    with database.transaction("王工", reason=reason, valid_from=on) as connection:
        connection.exec_driver_sql(
            "INSERT INTO gas_stations (code, name, geom) VALUES (%s, %s, ST_SetSRID(ST_MakePoint(%s, 26), 4490)) "
            "ON CONFLICT (code) DO UPDATE SET name = excluded.name, geom = excluded.geom",
            (code, name, x),
        )


def _delete(database: Database, code: str, on: date, reason: str = "") -> None:
    with database.transaction("李工", reason=reason, valid_from=on) as connection:
        connection.exec_driver_sql("DELETE FROM gas_stations WHERE code = %s", (code,))


def _state(database: Database, as_of: date | None = None) -> dict[str, str]:
    with database.reading(as_of) as connection:
        rows = connection.exec_driver_sql("SELECT code, name FROM gas_stations")
        return {row.code: row.name for row in rows}


def test_every_layer_remembers_and_has_a_past_without_being_told(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        for name in registry():
            triggers = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE 'gis_4%%'", (name,)
            ).scalar_one()
            assert triggers == 2, name
    for name in registry():
        with sample_district.reading(date(1900, 1, 1)) as connection:
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() == 0


def test_a_day_is_answered_as_the_records_stood_at_its_end(empty_district: Database) -> None:
    _put(empty_district, "a", "甲", date(2023, 3, 1))
    _put(empty_district, "b", "乙", date(2023, 4, 1))
    _put(empty_district, "a", "甲二", date(2023, 6, 1))
    _delete(empty_district, "b", date(2023, 8, 1))
    days = [
        date(2023, 2, 28),
        date(2023, 3, 1),
        date(2023, 4, 1),
        date(2023, 5, 31),
        date(2023, 6, 1),
        date(2023, 8, 1),
    ]
    assert [_state(empty_district, day) for day in days] == [
        {},
        {"a": "甲"},
        {"a": "甲", "b": "乙"},
        {"a": "甲", "b": "乙"},
        {"a": "甲二", "b": "乙"},
        {"a": "甲二"},
    ]
    assert _state(empty_district) == _state(empty_district, date.max) == {"a": "甲二"}


def test_a_version_says_what_changed_when_by_whom_and_why(empty_district: Database) -> None:
    _put(empty_district, "a", "甲", date(2023, 3, 1), reason="建账")
    _put(empty_district, "a", "甲二", date(2023, 6, 1), x=119.301, reason="改名移位")
    with empty_district.transaction("李工", valid_from=date(2023, 7, 1)) as connection:
        connection.exec_driver_sql("UPDATE gas_stations SET status = '关停'")
    _delete(empty_district, "a", date(2023, 8, 1), reason="误录")
    with empty_district.reading() as connection:
        third, second, first = history(connection, STATIONS, "a", "zh")
    assert (first["version"], first["by"], first["reason"], first["changes"]) == (1, "王工", "建账", [])
    name, place = second["changes"]
    assert (name["label"], name["from"], name["to"]) == ("名称", "甲", "甲二")
    assert place["moved_m"] == pytest.approx(100.12, abs=0.05)
    assert [(c["label"], c["from"], c["to"]) for c in third["changes"]] == [("经营状态", "未知", "关停")]
    assert (third["deleted"]["by"], third["deleted"]["reason"]) == ("李工", "误录")
    assert third["valid_to"].date() == date(2023, 8, 1)
    assert datetime.now(UTC) - third["recorded_at"] < timedelta(minutes=1), "recorded now, whenever it holds from"


def test_a_change_never_holds_from_before_the_version_it_follows(empty_district: Database) -> None:
    _put(empty_district, "a", "甲", date(2023, 6, 1))
    with pytest.raises(OutOfOrder, match="2023-06-01"):
        _put(empty_district, "a", "乙", date(2023, 5, 31))
    assert _state(empty_district) == {"a": "甲"}
    _put(empty_district, "a", "乙", date(2023, 6, 1))
    assert _state(empty_district, date(2023, 6, 1)) == {"a": "乙"}
    with empty_district.reading() as connection:
        assert [v["version"] for v in history(connection, STATIONS, "a", "zh")] == [2, 1], "even one that held no day"


def test_without_a_day_a_change_holds_from_the_districts_day(own_sample: Database) -> None:
    with own_sample.transaction("王工") as connection:
        connection.exec_driver_sql("UPDATE bridges SET bci = 50 WHERE code = 'QL-010'")
        newest = history(connection, registry()["bridges"], "QL-010", "zh")[0]
    assert newest["valid_from"].date() == date(2023, 10, 31)


def test_what_the_database_keeps_by_itself_is_no_version(own_sample: Database) -> None:
    with own_sample.transaction() as connection:
        count = "SELECT (SELECT count(*) FROM rivers_history), (SELECT sum(version) FROM rivers)"
        before = connection.exec_driver_sql(count).one()
        connection.exec_driver_sql("UPDATE areas SET geom = ST_Multi(ST_Buffer(geom, -0.002)) WHERE code = '350104101'")
        placed = connection.exec_driver_sql("SELECT count(*) FROM rivers WHERE area_code IS NULL").scalar_one()
        assert connection.exec_driver_sql(count).one() == before
        assert placed >= 0


def test_a_version_is_restored_as_a_change_with_a_history(empty_district: Database) -> None:
    _put(empty_district, "a", "甲", date(2023, 3, 1))
    _put(empty_district, "a", "乙", date(2023, 4, 1), x=119.4)
    with empty_district.transaction("王工", reason="改回", valid_from=date(2023, 5, 1)) as connection:
        assert restore(connection, STATIONS, "a", 1) == 3
        x = connection.exec_driver_sql("SELECT ST_X(geom) FROM gas_stations").scalar_one()
        newest = history(connection, STATIONS, "a", "zh")[0]
    assert (x, newest["version"], newest["reason"]) == (119.3, 3, "改回")
    assert _state(empty_district, date(2023, 4, 30)) == {"a": "乙"}
    assert _state(empty_district) == {"a": "甲"}


def test_a_deleted_feature_is_restored(empty_district: Database) -> None:
    _put(empty_district, "a", "甲", date(2023, 3, 1))
    _delete(empty_district, "a", date(2023, 4, 1))
    with empty_district.transaction("王工", valid_from=date(2023, 5, 1)) as connection:
        restore(connection, STATIONS, "a", 1)
    days = (date(2023, 3, 31), date(2023, 4, 30), date(2023, 5, 1))
    assert [_state(empty_district, day) for day in days] == [{"a": "甲"}, {}, {"a": "甲"}]


def test_what_is_not_there_is_named(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        with pytest.raises(UnknownName, match="RQ-999"):
            history(connection, STATIONS, "RQ-999", "zh")
        with pytest.raises(UnknownName, match="99"):
            restore(connection, STATIONS, "RQ-001", 99)


def test_a_truncate_would_leave_no_history_and_is_refused(own_sample: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="DELETE"), own_sample.transaction() as connection:
        connection.exec_driver_sql("TRUNCATE bridges")


def test_an_import_says_which_file_it_was(empty_district: Database, tmp_path: Any) -> None:
    file = tmp_path / "站点.geojson"
    file.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"code": "a"}, '
        '"geometry": {"type": "Point", "coordinates": [119.3, 26]}}]}',
        encoding="utf-8",
    )
    import_file(empty_district, file, STATIONS)
    with empty_district.reading() as connection:
        assert history(connection, STATIONS, "a", "zh")[0]["reason"] == "导入 站点.geojson"


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as root, httpx.Client(base_url=root, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    "address",
    [
        "/api/layers/project_sites/features?limit=1000",
        "/api/statistics/project_sites?group=status&measure=count,done_investment",
        "/api/exports/bridges.geojson",
        "/api/risk",
        "/api/risk/bridges.geojson",
        "/api/along/rivers/HD-012?layers=hazards",
        "/api/tiles/hazards/11/1702/870.mvt?filter=status%3D%27%E9%94%80%E5%8F%B7%27",
        "/maps/status",
    ],
)
def test_midsummer_was_another_district_on_every_door(address: str, service: httpx.Client) -> None:
    joint = "&" if "?" in address else "?"
    now = service.get(address).raise_for_status()
    then = service.get(f"{address}{joint}as_of=2023-06-30").raise_for_status()
    same = service.get(f"{address}{joint}as_of=2023-10-31").raise_for_status()
    assert then.content != now.content
    assert len(same.content) >= 0.99 * len(now.content)


def test_the_year_can_be_read_month_by_month(service: httpx.Client) -> None:
    def done(day: str) -> float:
        query = {"filter": "programme = '城市更新品质提升'", "measure": "done_investment", "as_of": day}
        found = service.get("/api/statistics/project_sites", params=query).json()
        return float(found["total"]["done_investment"])

    months = [done(f"2023-{month:02}-28") for month in range(1, 11)] + [done("2023-10-31")]
    assert months == sorted(months)
    assert months[0] < 0.3 * 328_500
    assert months[-1] == 328_500


def test_the_history_of_a_repaired_bridge_tells_its_story(service: httpx.Client) -> None:
    found = service.get("/api/layers/bridges/features/QL-001/history").raise_for_status().json()
    grades = [c for v in found["versions"] for c in v["changes"] if c["field"] == "grade"]
    assert grades[0]["from"].startswith("D")
    assert all(v["reason"] for v in found["versions"])
    english = service.get("/api/layers/bridges/features/QL-001/history", params={"lang": "en"}).json()
    assert "Condition grade" in {c["label"] for v in english["versions"] for c in v["changes"]}


def test_statistics_of_a_past_day_lose_nothing_either(sample_district: Database) -> None:
    for name, layer in registry().items():
        day = date(2023, 5, 15)
        with sample_district.reading(day) as connection:
            found = statistics(connection, Question(layer), day)
            held = connection.exec_driver_sql(
                f"SELECT count(*) FROM {name}" + (" WHERE leaf" if name == "areas" else "")
            ).scalar_one()
        assert sum(row["count"] for row in (*found["rows"], *found["outside"])) == found["total"]["count"] == held


def test_a_past_day_cannot_be_written_to(own_sample: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError), own_sample.reading(date(2023, 6, 30)) as connection:
        _change(connection)


def _change(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE bridges SET bci = 1")
