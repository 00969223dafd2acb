"""The command line: tables for people, JSON for programs, one clear line and an exit code where something is wrong."""

from __future__ import annotations

import getpass
import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from gis_service.attachments import Sent, Store, attach
from gis_service.attachments.store import key_of
from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.settings import Settings
from layers import registry

PROJECT = Path(__file__).parents[1]
GIS = [sys.executable, "-c", "from gis_service.cli import main; main()"]


@pytest.fixture(scope="module")
def environment(sample_district: Database) -> dict[str, str]:
    return os.environ | {"GIS_DATABASE_URL": sample_district.engine.url.render_as_string(hide_password=False)}


def gis(environment: dict[str, str], *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*GIS, *words], env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


def answer(environment: dict[str, str], *words: str) -> Any:
    return json.loads(gis(environment, *words, "--json").stdout)


def test_statistics_are_those_of_the_report(environment: dict[str, str]) -> None:
    found = answer(environment, "stats", "rivers", "--group", "status", "--measure", "count,length_km")
    opened = next(g for g in found["groups"] if g["group"]["status"] == "建成开放")
    assert (opened["count"], round(opened["length_km"], 2)) == (53, 120)


def test_the_figures_come_as_json_and_as_a_table(environment: dict[str, str]) -> None:
    figures = {f["key"]: f["value"] for f in answer(environment, "figures")["figures"]}
    assert (figures["F04"], figures["F14"]) == (61.55, 72.22)
    table = gis(environment, "figures").stdout
    assert "61.55" in table
    assert "亿元" in table


def test_along_and_risk_answer_as_the_api_does(environment: dict[str, str]) -> None:
    found = answer(environment, "along", "rivers", "HD-002", "--within", "200", "--layers", "hazards,bridges")
    assert found["features"][0]["properties"]["chainage"].startswith("K")
    assert answer(environment, "risk", "bridges", "QL-005")["trace"]["factors"][0]["factor"] == "condition"
    assert len(answer(environment, "risk")["areas"]) == 14
    for words in (("along", "rivers", "HD-002"), ("risk",), ("risk", "bridges", "QL-005"), ("layers",)):
        assert gis(environment, *words).stdout


def test_english_is_a_setting_away(environment: dict[str, str]) -> None:
    english = environment | {"GIS_LANGUAGE": "en"}
    assert "Open rivers" in gis(english, "figures").stdout
    assert "There is no layer 'river'. Did you mean 'rivers'?" in gis(english, "stats", "river", expect=3).stderr


def test_a_map_is_saved_as_one_file_that_asks_nobody(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "status.html"
    gis(environment, "map", "status", str(file))
    text = file.read_text("utf-8")
    assert "流花溪" in text
    assert 'src="' not in text.replace('src="data:', "")
    along = tmp_path / "along.html"
    gis(environment, "map", "along", str(along), "--param", "code=HD-002", "--lang", "en")
    assert "chainage" in along.read_text("utf-8").lower()


def test_an_export_is_a_file_and_nothing_else_on_standard_output(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "d.geojson"
    done = gis(environment, "export", "bridges", str(file), "--filter", "grade_at_start = 'D'")
    assert len(json.loads(file.read_text("utf-8"))["features"]) == 5
    assert done.stdout == ""


WRONG = {
    ("stats", "river"): (3, "rivers"),
    ("stats", "rivers", "--group", "colour"): (3, "status"),
    ("stats", "rivers", "--measure", "width"): (3, "length_km"),
    ("stats", "rivers", "--area", "9"): (3, "350104"),
    ("stats", "rivers", "--filter", "colour = 1"): (2, "status"),
    ("stats", "rivers", "--as-of", "soon"): (2, "YYYY-MM-DD"),
    ("along", "rivers", "HD-999"): (3, "HD-0"),
    ("along", "hazards", "YH-001"): (2, "rivers"),
    ("risk", "bridges"): (2, "编号"),
    ("risk", "areas", "350104"): (3, "bridges"),
    ("map", "statu", "x.html"): (3, "status"),
    ("map", "along", "x.html", "--param", "colour=red"): (2, "within"),
    ("map", "along", "x.html", "--param", "colour"): (2, "="),
    ("export", "rivers", "rivers.doc"): (4, ".geojson"),
    ("export", "rivers", "/nowhere/rivers.geojson"): (4, "rivers.geojson"),
    ("import", "nowhere.geojson", "--layer", "rivers"): (4, "nowhere.geojson"),
    ("import", "nowhere.geojson", "--layer", "river"): (3, "rivers"),
    ("sample", "load"): (2, "--replace"),
    ("nothing",): (2, "nothing"),
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_is_wrong_is_one_line_with_what_is_allowed_and_an_exit_code(
    words: tuple[str, ...], environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, allowed = WRONG[words]
    done = gis(environment, *words, expect=code)
    assert allowed in done.stderr
    assert words == ("nothing",) or done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("GIS_PORT", "many", "GIS_PORT"),
        ("GIS_METRIC_SRID", "3857", "true metres"),
        ("GIS_METRIC_SRID", "4490", "true metres"),
        ("GIS_METRIC_SRID", "999999", "unknown"),
        ("GIS_DATABASE_URL", "mysql://localhost/gis", "PostgreSQL"),
        ("GIS_DISTRICT", "Drop Table", "GIS_DISTRICT"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, reason: str, environment: dict[str, str]) -> None:
    done = gis(environment | {name: value, "GIS_LANGUAGE": "en"}, "layers", expect=2)
    assert name in done.stderr
    assert reason in done.stderr


def test_a_database_that_cannot_be_reached_is_said_so(environment: dict[str, str]) -> None:
    away = environment | {"GIS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    assert "GIS_DATABASE_URL" in gis(away, "layers", expect=5).stderr


def test_a_district_without_tables_says_what_to_run(environment: dict[str, str]) -> None:
    assert "gis db upgrade" in gis(environment | {"GIS_DISTRICT": "nowhere"}, "layers", expect=5).stderr


def test_the_service_starts_on_a_free_port_and_ends_in_order(
    environment: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        busy = environment | {"GIS_PORT": port, "GIS_LANGUAGE": "en"}
        free.listen()
        assert "GIS_PORT" in gis(busy, "serve", expect=2).stderr
    log = (tmp_path / "log").open("w+")
    with log, subprocess.Popen([*GIS, "serve"], env=busy, stdout=log, stderr=log) as service:
        with httpx.Client(transport=httpx.HTTPTransport(retries=30), timeout=30) as client:
            while True:
                assert service.poll() is None
                try:
                    assert client.get(f"http://127.0.0.1:{port}/readyz").json()["status"] == "ok"
                    break
                except httpx.ConnectError:
                    continue
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) in (0, 143)
        log.seek(0)
        printed = log.read()
    assert f"http://127.0.0.1:{port}/maps/risk" in printed
    assert "Traceback" not in printed
    assert cluster.status().running, "another's database is not ours to stop"


@pytest.mark.parametrize("words", [("layers",), ("stats", "rivers", "--json"), ("stats", "river")])
def test_output_that_cannot_be_written_is_one_line_and_no_trace(
    words: tuple[str, ...], environment: dict[str, str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*GIS, *words], env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_terminal_without_chinese_gets_what_it_can_show(environment: dict[str, str]) -> None:
    assert "rivers" in gis(environment | {"PYTHONIOENCODING": "ascii"}, "layers").stdout


def test_a_home_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = gis(os.environ | {"GIS_HOME": str(tmp_path / "file"), "GIS_LANGUAGE": "en"}, "db", "start", expect=1)
    assert str(tmp_path / "file") in done.stderr


def test_a_database_that_breaks_off_while_rows_are_copied_is_said_so(own_sample: Database) -> None:
    with own_sample.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE rivers ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    url = own_sample.engine.url.render_as_string(hide_password=False)
    environment = os.environ | {"GIS_DATABASE_URL": url, "GIS_LANGUAGE": "en"}
    assert "full_disk" in gis(environment, "sample", "load", "--replace", expect=5).stderr
    with own_sample.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM rivers").scalar_one() == 55


def test_attachments_are_checked_and_what_is_missing_is_a_failure(own_sample: Database, tmp_path: Path) -> None:
    environment = os.environ | {
        "GIS_DATABASE_URL": own_sample.engine.url.render_as_string(hide_password=False),
        "GIS_HOME": str(tmp_path),
    }
    store = Store(Settings(home=tmp_path))
    row, _ = attach(own_sample, store, registry()["bridges"], "QL-001", Sent(io.BytesIO("已整改".encode()), "a.txt"))
    assert answer(environment, "attachments", "check")["sound"] == 1
    store.delete(key_of(row["sha256"]))
    told = gis(environment, "attachments", "check", "--remove-orphans", expect=1).stdout
    assert row["sha256"] in told


def test_an_import_is_listed_shown_undone_and_redone(own_sample: Database, tmp_path: Path) -> None:
    environment = os.environ | {"GIS_DATABASE_URL": own_sample.engine.url.render_as_string(hide_password=False)}
    point = {"type": "Point", "coordinates": [119.3, 26]}
    features = [{"type": "Feature", "properties": {"code": "QL-001", "name": "错名"}, "geometry": point}]
    file = tmp_path / "bridges.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    words = ("import", str(file), "--layer", "bridges", "--reason", "年度更新", "--valid-from", "2023-10-30")
    number = answer(environment, *words)["change"]
    listed = answer(environment, "changes", "--layer", "bridges", "--reason", "年度", "--limit", "1")["changes"]
    assert [(c["id"], c["by"], c["reason"]) for c in listed] == [(number, getpass.getuser(), "年度更新")]
    assert listed[0]["valid_from"].startswith("2023-10-30")
    assert "bridges ~1" in gis(environment, "changes").stdout
    assert "QL-001" in gis(environment, "changes", str(number)).stdout
    versions = answer(environment, "history", "bridges", "QL-001")["versions"]
    newest = versions[0]["version"]
    told = gis(environment, "history", "bridges", "QL-001", "--from", str(newest - 1), "--to", str(newest)).stdout
    assert "→ 错名" in told
    gis(environment, "undo", str(number), "--reason", "导错")
    assert gis(environment, "undo", str(number), "--reason", "再试", expect=2).stderr.startswith("gis: ")
    assert answer(environment, "history", "bridges", "QL-001")["versions"][0]["reason"] == "导错"
