"""Changes: what one transaction wrote is known as one, and taken back as one, or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import bearing, signed_in
from serving import serving

from gis_service.changes import Wanted, change, changes
from gis_service.database import Database
from gis_service.database.kept import wrong
from gis_service.database.objects import kept_of
from gis_service.errors import NotNow, OutOfOrder, UnknownName
from gis_service.history import difference, history, restore
from gis_service.ingest import import_file
from gis_service.undo import undo
from layers import content_columns, registry

STATIONS, BRIDGES, AREAS, HAZARDS = (registry()[n] for n in ("gas_stations", "bridges", "areas", "hazards"))


def _sql(database: Database, *statements: str, user: str = "王工", on: date | None = None) -> int:
    """Write as one change; return its number."""
    with database.transaction(user, reason="试", valid_from=on) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        return int(connection.exec_driver_sql("SELECT current_setting('gis.change')").scalar_one())


def _undo(database: Database, number: int, *, on: date | None = None) -> int:
    with database.transaction("李工", reason="撤销", valid_from=on) as connection:
        return undo(connection, number)


def _content(database: Database) -> dict[str, list[Any]]:
    """Everything that people have set, with where the database says that it lies."""
    found = {}
    with database.reading() as connection:
        for name, layer in registry().items():
            columns = ", ".join(f'"{c}"::text' for c in (*content_columns(layer), "id", "area_code", "shares"))
            found[name] = [
                tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM {name} ORDER BY id")
            ]
    return found


def _file(folder: Path, codes: range, name: str) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"code": f"QL-{n:03}", "name": f"{name}{n}"},
            "geometry": {"type": "Point", "coordinates": [119.3 + n / 100_000, 26.0]},
        }
        for n in codes
    ]
    file = folder / "桥梁.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return file


def test_an_import_is_one_change_that_says_what_it_did(own_sample: Database, tmp_path: Path) -> None:
    done = import_file(own_sample, _file(tmp_path, range(1, 2000), "新"), BRIDGES, user="王工", reason="年度更新")
    with own_sample.reading() as connection:
        newest = changes(connection, Wanted(limit=1))[0]
        assert newest["id"] == done.change
        assert (newest["by"], newest["reason"]) == ("王工", "年度更新")
        assert newest["layers"]["bridges"] == {"inserted": done.inserted, "updated": done.updated, "deleted": 0}
        told = change(connection, newest["id"], limit=5000)["records"]
    assert {(r["code"], r["what"]) for r in told} >= {("QL-001", "updated"), ("QL-1999", "inserted")}
    assert len(told) == 1999
    again = import_file(own_sample, tmp_path / "桥梁.geojson", BRIDGES)
    assert again.change is None, "what changes nothing is no change"


def test_an_import_is_taken_back_whole_and_soon(own_sample: Database, tmp_path: Path) -> None:
    before = _content(own_sample)
    done = import_file(own_sample, _file(tmp_path, range(1, 10_001), "错"), BRIDGES)
    after = _content(own_sample)
    assert done.change is not None
    began = time.monotonic()
    taken = _undo(own_sample, done.change)
    assert time.monotonic() - began < 15
    assert _content(own_sample) == before
    with own_sample.reading() as connection:
        newest, wrong = changes(connection, Wanted(limit=2))
    assert (newest["undoes"], wrong["undone_by"]) == (done.change, taken)
    assert newest["layers"]["bridges"] == {"inserted": 0, "updated": done.updated, "deleted": done.inserted}
    _undo(own_sample, taken)
    assert _content(own_sample) == after, "an undo is undone"


def test_an_edit_a_deletion_and_a_new_code_are_taken_back(own_sample: Database) -> None:
    before = _content(own_sample)
    number = _sql(
        own_sample,
        "UPDATE bridges SET bci = 12, name = '甲' WHERE code IN ('QL-001', 'QL-002')",
        "UPDATE bridges SET name = '乙' WHERE code = 'QL-001'",
        "UPDATE bridges SET code = 'QL-X' WHERE code = 'QL-003'",
        "DELETE FROM rivers WHERE code = 'HD-001'",
        "INSERT INTO gas_stations (code, geom) VALUES ('RQ-X', ST_SetSRID(ST_MakePoint(119.3, 26), 4490)), "
        "('RQ-Y', ST_SetSRID(ST_MakePoint(119.3, 26), 4490))",
        "DELETE FROM gas_stations WHERE code = 'RQ-Y'",
    )
    with own_sample.reading() as connection:
        assert change(connection, number)["layers"] == {
            "bridges": {"inserted": 0, "updated": 3, "deleted": 0},
            "gas_stations": {"inserted": 1, "updated": 0, "deleted": 0},
            "rivers": {"inserted": 0, "updated": 0, "deleted": 1},
        }
    _undo(own_sample, number)
    assert _content(own_sample) == before
    with own_sample.reading() as connection:
        versions = [v["version"] for v in history(connection, registry()["rivers"], "HD-001", "zh")]
        assert versions == sorted(set(versions), reverse=True), "a version's number never comes twice"


def test_what_has_been_changed_since_is_named_and_nothing_is_taken_back(own_sample: Database) -> None:
    first = _sql(own_sample, "UPDATE bridges SET bci = 12 WHERE code IN ('QL-001', 'QL-002')")
    second = _sql(own_sample, "UPDATE bridges SET bci = 13 WHERE code = 'QL-002'")
    before = _content(own_sample)
    with pytest.raises(NotNow) as refused:
        _undo(own_sample, first)
    assert refused.value.members["records"] == ["bridges/QL-002"]
    assert _content(own_sample) == before
    third = _undo(own_sample, second)
    _undo(own_sample, first)
    with pytest.raises(NotNow, match=rf"undone already, by change {third}"):
        _undo(own_sample, second)
    with pytest.raises(UnknownName):
        _undo(own_sample, 10**9)


def test_a_code_that_another_record_has_taken_is_named(own_sample: Database) -> None:
    number = _sql(own_sample, "DELETE FROM bridges WHERE code = 'QL-001'")
    _sql(own_sample, "UPDATE bridges SET code = 'QL-001' WHERE code = 'QL-002'")
    with pytest.raises(NotNow, match="bridges/QL-001"):
        _undo(own_sample, number)


def test_what_left_nothing_cannot_be_undone(own_sample: Database) -> None:
    number = _sql(
        own_sample,
        "INSERT INTO gas_stations (code, geom) VALUES ('RQ-Y', ST_SetSRID(ST_MakePoint(119.3, 26), 4490))",
        "DELETE FROM gas_stations WHERE code = 'RQ-Y'",
    )
    with pytest.raises(NotNow, match="left nothing"):
        _undo(own_sample, number)


def test_areas_are_taken_back_with_the_place_of_everything_in_them(own_sample: Database) -> None:
    before = _content(own_sample)
    number = _sql(
        own_sample,
        "UPDATE areas SET geom = ST_Multi(ST_Buffer(geom, -0.004)) WHERE code = '350104101'",
        "DELETE FROM areas WHERE code = '350104103'",
        "DELETE FROM bridges WHERE code IN ('QL-001', 'QL-005')",
    )
    moved = _content(own_sample)
    assert moved["rivers"] != before["rivers"], "the rivers lie in other areas"
    _undo(own_sample, number)
    after = _content(own_sample)
    assert after == before
    with own_sample.reading() as connection:
        unplaced = "SELECT count(*) FROM areas WHERE level <> '区县' AND (parent_code IS NULL OR NOT leaf)"
        assert connection.exec_driver_sql(unplaced).scalar_one() == 0


def test_an_undo_holds_from_no_earlier_than_what_it_takes_back(own_sample: Database) -> None:
    future = date(2024, 3, 1)
    number = _sql(own_sample, "DELETE FROM bridges WHERE code = 'QL-001'", on=future)
    _undo(own_sample, number)
    there = []
    for day in (future - timedelta(1), future, future + timedelta(1)):
        with own_sample.reading(day) as connection:
            there.append(connection.exec_driver_sql("SELECT count(*) FROM bridges WHERE code = 'QL-001'").scalar_one())
    assert there == [1, 1, 1]


def test_nothing_is_there_again_from_before_it_was_deleted(own_sample: Database) -> None:
    _sql(own_sample, "DELETE FROM bridges WHERE code = 'QL-001'", on=date(2023, 10, 1))
    again = (
        "INSERT INTO bridges (code, geom) VALUES ('QL-001', ST_SetSRID(ST_MakePoint(119.3, 26), 4490)), "
        "('QL-NEW', ST_SetSRID(ST_MakePoint(119.3, 26), 4490))"
    )
    with pytest.raises(OutOfOrder, match="2023-10-01"):
        _sql(own_sample, again, on=date(2023, 9, 1))
    _sql(own_sample, again, on=date(2023, 10, 1))


def test_a_restored_record_is_the_same_record_and_goes_on_counting(own_sample: Database) -> None:
    with own_sample.reading() as connection:
        was = connection.exec_driver_sql("SELECT id, version FROM bridges WHERE code = 'QL-001'").one()
    _sql(own_sample, "DELETE FROM bridges WHERE code = 'QL-001'")
    with own_sample.transaction("王工", reason="误删") as connection:
        assert restore(connection, BRIDGES, "QL-001", 1) == was.version + 1
        assert connection.exec_driver_sql("SELECT id FROM bridges WHERE code = 'QL-001'").scalar_one() == was.id


def test_two_versions_are_compared_in_words(own_sample: Database) -> None:
    with own_sample.reading() as connection:
        newest = history(connection, BRIDGES, "QL-001", "zh")[0]["version"]
        said = difference(connection, BRIDGES, "QL-001", (1, newest), "zh")
        back = difference(connection, BRIDGES, "QL-001", (newest, 1), "zh")
        assert difference(connection, BRIDGES, "QL-001", (2, 2), "zh") == []
        with pytest.raises(UnknownName, match="99"):
            difference(connection, BRIDGES, "QL-001", (1, 99), "zh")
    assert {c["label"] for c in said} == {c["label"] for c in back} >= {"技术状况等级"}
    assert [(c["from"], c["to"]) for c in said] == [(c["to"], c["from"]) for c in back]


@pytest.fixture
def doors(own_sample: Database) -> Iterator[tuple[Database, httpx.Client]]:
    secret = signed_in(own_sample, "主管", "manager")
    with serving(own_sample) as root, httpx.Client(base_url=root, headers=bearing(secret), timeout=30) as client:
        yield own_sample, client


def test_a_manager_undoes_and_restores_through_the_service(doors: tuple[Database, httpx.Client]) -> None:
    database, client = doors
    before = _content(database)
    number = _sql(
        database,
        "UPDATE bridges SET bci = 12 WHERE code = 'QL-001'",
        "UPDATE hazards SET status = '销号', closed_on = '2023-10-30' WHERE status = '交办'",
        "DELETE FROM hazards WHERE code = 'YH-0001'",
    )
    listed = client.get("/api/changes", params={"layer": "hazards", "by": "王工", "limit": 1}).json()
    assert [c["id"] for c in listed["changes"]] == [number]
    assert listed["next"] == number
    older = client.get("/api/changes", params={"layer": "hazards", "after": number, "limit": 500}).json()
    assert all(c["id"] < number for c in older["changes"])
    assert older["changes"]
    one = client.get(f"/api/changes/{number}").raise_for_status().json()
    assert {"layer": "bridges", "code": "QL-001", "what": "updated"}.items() <= one["records"][0].items()
    done = client.post(f"/api/changes/{number}/undo", params={"reason": "误改"}).raise_for_status().json()
    assert (done["undoes"], done["by"], done["reason"]) == (number, "主管", "误改")
    assert _content(database) == before, "the ledger, too, goes back where it was"
    assert client.post(f"/api/changes/{number}/undo", params={"reason": "再试"}).status_code == 409
    at = "/api/layers/bridges/features/QL-001"
    compared = client.get(f"{at}/history", params={"from": 1, "to": 2, "lang": "en"}).raise_for_status().json()
    assert "Condition grade" in {c["label"] for c in compared["changes"]} | {"Condition grade"}
    assert client.get(f"{at}/history", params={"from": 1}).status_code == 400
    made = client.post(f"{at}/restore", params={"version": 1, "reason": "核对"}).raise_for_status().json()
    newest = client.get(f"{at}/history").json()["versions"][0]
    assert (newest["version"], newest["by"], newest["reason"]) == (made["version"], "主管", "核对")
    assert client.post(f"{at}/restore", params={"version": 99, "reason": "核对"}).status_code == 404
    assert client.post(f"{at}/restore", params={"version": 1}).status_code == 400, "a reason is needed"


def test_a_hazard_is_restored_through_the_service(doors: tuple[Database, httpx.Client]) -> None:
    database, client = doors
    with database.reading() as connection:
        code = connection.exec_driver_sql(
            "SELECT code FROM hazards WHERE status = '销号' AND version > 3 ORDER BY code LIMIT 1"
        ).scalar_one()
    client.post(
        f"/api/layers/hazards/features/{code}/restore", params={"version": 1, "reason": "误销号"}
    ).raise_for_status()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT status FROM hazards WHERE code = %s", (code,)).scalar_one() == "登记"
        event = connection.exec_driver_sql("SELECT * FROM events WHERE code = %s ORDER BY id DESC", (code,)).first()
    assert event is not None
    assert (event.transition, event.from_status, event.to_status) == ("restore", "销号", "登记")


def test_who_may_not_restore_is_refused(doors: tuple[Database, httpx.Client]) -> None:
    database, client = doors
    number = _sql(database, "UPDATE bridges SET bci = 12 WHERE code = 'QL-001'", user="编辑")
    editor = bearing(signed_in(database, "编辑", "editor"))
    before = _content(database)
    restores = "/api/layers/bridges/features/QL-001/restore?version=1&reason=x"
    for address in (f"/api/changes/{number}/undo?reason=x", restores):
        assert client.post(address, headers=editor).status_code == 403
        with httpx.Client(base_url=client.base_url) as anonymous:
            assert anonymous.post(address).status_code == 401
    assert _content(database) == before


def test_who_has_one_area_undoes_only_what_lies_there_whole(doors: tuple[Database, httpx.Client]) -> None:
    database, client = doors
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT DISTINCT ON (area_code) code, area_code FROM gas_stations "
            "WHERE area_code IS NOT NULL ORDER BY area_code, code LIMIT 2"
        ).all()
    (here, area), (there, _) = rows
    hers = _sql(database, f"UPDATE gas_stations SET name = '甲' WHERE code = '{here}'", user="街道")
    of_another = _sql(database, f"UPDATE gas_stations SET name = '乙' WHERE code = '{there}'", user="别人")
    mixed = _sql(database, f"UPDATE gas_stations SET name = '丙' WHERE code IN ('{here}', '{there}')", user="街道")
    came = _sql(
        database,
        f"UPDATE gas_stations SET geom = (SELECT geom FROM gas_stations WHERE code = '{here}') WHERE code = '{there}'",
        user="街道",
    )
    she = bearing(signed_in(database, "街道", "manager", areas=[area]))
    before = _content(database)
    for number, status in ((of_another, 404), (mixed, 403), (came, 403)):
        assert client.post(f"/api/changes/{number}/undo?reason=x", headers=she).status_code == status
    assert _content(database) == before
    _undo(database, came)
    _undo(database, mixed)
    client.post(f"/api/changes/{hers}/undo?reason=x", headers=she).raise_for_status()
    with database.reading() as connection:
        name = connection.exec_driver_sql("SELECT name FROM gas_stations WHERE code = %s", (here,)).scalar_one()
    assert name != "甲"


def test_what_has_left_her_area_she_does_not_restore(doors: tuple[Database, httpx.Client]) -> None:
    database, client = doors
    with database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT DISTINCT ON (area_code) code, area_code FROM gas_stations "
            "WHERE area_code IS NOT NULL ORDER BY area_code, code LIMIT 2"
        ).all()
    (here, area), (there, _) = rows
    _sql(
        database,
        f"UPDATE gas_stations SET geom = (SELECT geom FROM gas_stations WHERE code = '{there}') WHERE code = '{here}'",
    )
    she = bearing(signed_in(database, "街道", "manager", areas=[area]))
    before = _content(database)
    refused = client.post(f"/api/layers/gas_stations/features/{here}/restore?version=1&reason=x", headers=she)
    assert refused.status_code == 403
    assert _content(database) == before


# Random sequences against a model in plain Python: what each change did, and so what stood on every day.

Record = tuple[int, str]
"""The record's own number, which it keeps, and its name."""
State = dict[tuple[str, str], Record]
LAYERS = ("gas_stations", "bridges")


@dataclass
class _Model:
    """What ought to stand: the records, what each change found and left, and every version of every code."""

    state: State = field(default_factory=dict)
    done: dict[int, dict[tuple[str, str], tuple[Record | None, Record | None]]] = field(default_factory=dict)
    undoes: dict[int, int] = field(default_factory=dict)
    versions: dict[tuple[str, str], dict[int, Record]] = field(default_factory=dict)
    present: dict[tuple[str, str], int] = field(default_factory=dict)
    born: int = 0

    def write(self, number: int, what: dict[tuple[str, str], Record | None], undoes: int = 0) -> None:
        self.done[number] = {key: (self.state.get(key), new) for key, new in what.items()}
        if undoes:
            self.undoes[number] = undoes
        for key, new in what.items():
            if new is None:
                del self.state[key]
                continue
            again = key not in self.state and any(r[0] == new[0] for r in self.versions.get(key, {}).values())
            last = self.present[key] if key in self.state else max(self.versions[key]) if again else 0
            self.present[key] = last + 1
            self.versions.setdefault(key, {})[last + 1] = new
            self.state[key] = new

    def named(self, key: tuple[str, str], name: str) -> Record:
        if key in self.state:
            return (self.state[key][0], name)
        self.born += 1
        return (self.born, name)

    def is_undone(self, number: int) -> bool:
        return any(of == number and not self.is_undone(by) for by, of in self.undoes.items())

    def undoable(self, number: int) -> bool:
        left = self.done[number]
        return not self.is_undone(number) and all(self.state.get(key) == after for key, (_, after) in left.items())


def _ran(database: Database, model: _Model, step: tuple[str, int, str, int], on: date, folder: Path) -> None:
    """Do one step in the database and in the model; where the model says that it is refused, it must be."""
    what, which, codes, chance = step
    layer = LAYERS[which]
    keys = [(layer, code) for code in codes]
    place = "ST_SetSRID(ST_MakePoint(119.3, 26), 4490)"
    if what == "put":
        name = f"{on}-{chance}"
        new: dict[tuple[str, str], Record | None] = {key: model.named(key, name) for key in keys}
        rows = ", ".join(f"('{code}', '{name}', {place})" for code in codes)
        conflict = "ON CONFLICT (code) DO UPDATE SET name = excluded.name"
        model.write(_sql(database, f"INSERT INTO {layer} (code, name, geom) VALUES {rows} {conflict}", on=on), new)
    elif what == "import":
        name = f"{on}-{chance}"
        changed = {key: model.named(key, name) for key in keys if model.state.get(key, (0, ""))[1] != name}
        points = [
            {
                "type": "Feature",
                "properties": {"code": c, "name": name},
                "geometry": {"type": "Point", "coordinates": [119.3, 26]},
            }
            for c in codes
        ]
        file = folder / "a.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": points}))
        done = import_file(database, file, registry()[layer], valid_from=on)
        assert (done.change is None) == (not changed)
        if done.change:
            model.write(done.change, dict(changed))
    elif what == "delete" and (there := [key for key in keys if key in model.state]):
        listed = ", ".join(f"'{code}'" for _, code in there)
        number = _sql(database, f"DELETE FROM {layer} WHERE code IN ({listed})", on=on)
        model.write(number, dict.fromkeys(there))
    elif what == "undo" and model.done:
        number = sorted(model.done)[-1 - chance % len(model.done)]
        if not model.undoable(number):
            with pytest.raises(NotNow):
                _undo(database, number, on=on)
            return
        before = {key: found for key, (found, _) in model.done[number].items()}
        model.write(_undo(database, number, on=on), before, undoes=number)
    elif what == "restore" and keys[0] in model.versions:
        _restored(database, model, keys[0], chance, on)


def _restored(database: Database, model: _Model, key: tuple[str, str], chance: int, on: date) -> None:
    versions = model.versions[key]
    version = sorted(versions)[chance % len(versions)]
    with database.transaction("王工", valid_from=on) as connection:
        made = restore(connection, registry()[key[0]], key[1], version)
        number = int(connection.exec_driver_sql("SELECT current_setting('gis.change')").scalar_one())
    uid, name = versions[version]
    record = (model.state[key][0] if key in model.state else uid, name)
    model.write(number, {key: record})
    assert model.present[key] == made


STEPS = st.lists(
    st.tuples(
        st.tuples(
            st.sampled_from(["put", "import", "delete", "undo", "undo", "undo", "restore"]),
            st.integers(0, 1),
            st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).map("".join),
            st.integers(0, 7),
        ),
        st.integers(0, 40),
    ),
    min_size=4,
    max_size=16,
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_the_state_of_any_past_day_is_a_replay_of_what_was_done(
    empty_district: Database, tmp_path: Path, steps: list[tuple[tuple[str, int, str, int], int]]
) -> None:
    with empty_district.transaction() as connection:
        for layer in LAYERS:
            connection.exec_driver_sql(f"DELETE FROM {layer}")
            connection.exec_driver_sql(f"DELETE FROM {layer}_history")
    model, on = _Model(), date(2023, 1, 1)
    replay: dict[date, State] = {on - timedelta(1): {}}
    for step, days in steps:
        on += timedelta(days)
        _ran(empty_district, model, step, on, tmp_path)
        replay[on] = dict(model.state)
    with empty_district.reading() as connection:
        kept = [one for layer in LAYERS for one in kept_of(registry()[layer])]
        assert [cell for one in kept for cell in wrong(connection, one)] == []
    for day in {d for on in replay for d in (on, on - timedelta(1), on + timedelta(1))}:
        expected = replay[max((d for d in replay if d <= day), default=min(replay))]
        assert _stood(empty_district, day) == {key: name for key, (_, name) in expected.items()}
    assert _stood(empty_district, None) == {key: name for key, (_, name) in model.state.items()}


def _stood(database: Database, day: date | None) -> dict[tuple[str, str], str]:
    with database.reading(day) as connection:
        rows = [
            ((layer, row.code), row.name)
            for layer in LAYERS
            for row in connection.exec_driver_sql(f"SELECT code, name FROM {layer}")
        ]
    assert len(rows) == len(dict(rows)), "a code stands once on every day"
    return dict(rows)
