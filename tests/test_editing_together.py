"""Writing at once, and in the middle of a failure: no update is lost, and of none is there only a part."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
import shapely
import shapely.affinity
from people import bearing, signed_in
from serving import serving

from gis_service.database import Database
from layers import registry

BRIDGES = "/api/layers/bridges/features"
AREA = "350104101"
INTERLEAVINGS = 200
KILLINGS = 4


def read_and_write(client: httpx.Client, address: str, key: str, meet: Barrier) -> None:
    """Count one more, and leave a mark: by what was read, after the other has read too; again where that is stale."""
    for attempt in count():
        read = client.get(address)
        was = read.json()["properties"]
        if not attempt:
            meet.wait(timeout=30)
        body: dict[str, Any] = {"properties": {"people": (was["people"] or 0) + 1, "extra": {key: True}}}
        if key.startswith("甲"):
            answer = client.patch(address, json=body, headers={"If-Match": read.headers["etag"]})
        else:
            body["properties"] |= {"version": was["version"]}
            answer = client.patch(address, json=body)
        if answer.is_success:
            return
        assert answer.status_code in (409, 412), answer.text


def test_two_editors_at_once_lose_no_update_in_200_interleavings(own_sample: Database) -> None:
    address, meet = f"{BRIDGES}/QL-001", Barrier(2)
    with serving(own_sample) as root, ThreadPoolExecutor(2) as pool:

        def edit(name: str) -> None:
            with httpx.Client(base_url=root, headers=bearing(signed_in(own_sample, name, "editor"))) as client:
                for i in range(INTERLEAVINGS):
                    read_and_write(client, address, f"{name}{i}", meet)

        before = httpx.get(root + address).json()["properties"]
        list(pool.map(edit, ("甲", "乙")))
        after = httpx.get(root + address).json()["properties"]
        versions = httpx.get(f"{root}{address}/history").json()["versions"]
    assert after["people"] - before["people"] == 2 * INTERLEAVINGS
    assert {f"{name}{i}" for name in "甲乙" for i in range(INTERLEAVINGS)} <= after["extra"].keys()
    assert after["version"] - before["version"] == 2 * INTERLEAVINGS
    assert len(versions) == after["version"]


def test_two_editors_of_different_fields_never_wait_for_each_other(own_sample: Database) -> None:
    address, meet = f"{BRIDGES}/QL-001", Barrier(2)
    with serving(own_sample) as root, ThreadPoolExecutor(2) as pool:

        def edit(field: str) -> None:
            with httpx.Client(base_url=root, headers=bearing(signed_in(own_sample, field, "editor"))) as client:
                for i in range(1, 31):
                    version = client.get(address).json()["properties"]["version"]
                    meet.wait(timeout=30)
                    body = {"properties": {field: i, "version": version}}
                    assert client.patch(address, json=body).is_success
                    meet.wait(timeout=30)
                    assert client.get(address).json()["properties"][field] == i

        list(pool.map(edit, ("span_m", "people")))


def test_a_record_waits_for_areas_that_are_being_changed_and_is_placed_by_what_they_become(
    own_sample: Database,
) -> None:
    headers = bearing(signed_in(own_sample, "editor", "editor"))
    with serving(own_sample) as root, ThreadPoolExecutor(1) as pool:
        with own_sample.transaction() as connection:
            moved = (
                f"UPDATE areas SET geom = ST_Translate(geom, 1, 0) WHERE code = '{AREA}' RETURNING ST_AsGeoJSON(geom)"
            )
            shape = shapely.from_geojson(connection.exec_driver_sql(moved).scalar_one())
            inside = shapely.geometry.mapping(shape.representative_point())
            body = {"type": "Feature", "geometry": inside, "properties": {}}
            answer = pool.submit(httpx.post, root + BRIDGES, json=body, headers=headers, timeout=30)
            wait([answer], timeout=0.5)
            assert not answer.done()
        assert answer.result().json()["properties"]["area_code"] == AREA
    is_placed(own_sample)


PRELOADED = """
import os, signal, sys, uvicorn
from gis_service.api.app import create_app
from gis_service.database import Database
from gis_service.settings import Settings

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
settings = Settings()
for port in sys.stdin:
    if not (pid := os.fork()):
        app = create_app(Database(settings.database_url, settings), settings)
        uvicorn.run(app, port=int(port), log_level="error")
    print(pid, flush=True)
"""


class Service:
    """The service as processes of its own, one after the other, to be killed; what they all load is loaded once."""

    def __init__(self, database: Database, home: Path) -> None:
        url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._database = database
        self._loaded = subprocess.Popen(
            [sys.executable, "-c", PRELOADED],
            env=os.environ | {"GIS_HOME": str(home), "GIS_DATABASE_URL": url},
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self) -> str:
        """Start one, and return its address."""
        assert self._loaded.stdin is not None
        assert self._loaded.stdout is not None
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._loaded.stdin.write(f"{port}\n")
        self._loaded.stdin.flush()
        self._pid = int(self._loaded.stdout.readline())
        root = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with suppress(httpx.TransportError):
                httpx.get(f"{root}/readyz", timeout=30).raise_for_status()
                return root
            time.sleep(0.05)
        return pytest.fail("the service does not start")

    def kill(self) -> None:
        """Kill it, and wait until the database has noticed."""
        os.kill(self._pid, signal.SIGKILL)
        alive = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user"
        with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for _ in range(600):
                if not connection.exec_driver_sql(alive).scalar_one():
                    return
                time.sleep(0.05)
        pytest.fail("the database still works for a service that is dead")

    def close(self) -> None:
        """End all of them."""
        os.killpg(self._loaded.pid, signal.SIGKILL)
        with self._loaded:
            pass


class Writer:
    """Writes until the service is dead; it remembers what it began and what was answered."""

    def __init__(self, secret: str) -> None:
        self._headers = bearing(secret)
        self.begun = self.answered = 0

    def patch(self, root: str, address: str, bodies: Iterator[tuple[int, dict[str, Any]]]) -> None:
        """Send one body after the other, each with its number as the reason."""
        with suppress(httpx.TransportError), httpx.Client(headers=self._headers, timeout=60) as client:
            for n, body in bodies:
                self.begun = n
                client.patch(root + address, json=body, params={"reason": str(n)}).raise_for_status()
                self.answered = n


def place(n: int, shape: Any) -> tuple[float, float]:
    """Return a place of its own for every number, in the box around a shape."""
    west, south, east, north = shape.bounds
    return round(west + n * 0.618034 % 1 * (east - west), 8), round(south + n * 0.754878 % 1 * (north - south), 8)


def numbered(numbers: Iterator[int], shape: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield changes of a bridge that say one number everywhere."""
    for n in numbers:
        given = {"people": n, "span_m": n, "name": str(n), "extra": {"n": n}}
        yield n, {"properties": given, "geometry": {"type": "Point", "coordinates": place(n, shape)}}


def outlines(numbers: Iterator[int], shape: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield changes of an area that move what lies in it out, and in again."""
    for n in numbers:
        size = 0.5 if n % 2 else 1
        yield n, {"geometry": shapely.geometry.mapping(shapely.affinity.scale(shape, size, size))}


def test_a_service_that_is_killed_in_the_middle_of_writes_leaves_all_of_each_or_none(
    own_sample: Database, tmp_path: Path
) -> None:
    codes, secret = ("QL-001", "QL-002", "QL-003"), signed_in(own_sample, "editor", "editor")
    bridges, mover = {code: Writer(secret) for code in codes}, Writer(secret)
    writers, numbers, moves = (mover, *bridges.values()), count(1), count(1)
    with own_sample.reading() as connection:
        hexed = connection.exec_driver_sql(f"SELECT geom::text FROM areas WHERE code = '{AREA}'").scalar_one()
    shape = shapely.set_srid(shapely.from_wkb(hexed), 0)
    with closing(Service(own_sample, tmp_path)) as service:
        for _ in range(KILLINGS):
            root = service.start()
            with ThreadPoolExecutor(4) as pool:
                for writer in writers:
                    writer.answered = 0
                for code, writer in bridges.items():
                    pool.submit(writer.patch, root, f"{BRIDGES}/{code}", numbered(numbers, shape))
                pool.submit(mover.patch, root, f"/api/layers/areas/features/{AREA}", outlines(moves, shape))
                while not all(writer.answered for writer in writers):
                    time.sleep(0.05)
                time.sleep(random.uniform(0, 0.7))
                service.kill()
            for code, writer in bridges.items():
                is_whole(own_sample, code, writer.answered, shape)
            is_placed(own_sample)
    assert all(writer.answered < writer.begun for writer in writers)


def is_whole(database: Database, code: str, answered: int, shape: Any) -> None:
    """Every version of a record is one write as a whole; what was answered is there, and no version is missing."""
    columns = "version, people, span_m, name, extra ->> 'n', reason, ST_X(geom) AS x, ST_Y(geom) AS y"
    ours = f"code = '{code}' AND reason ~ '^[0-9]+$'"
    with database.reading() as connection:
        now = connection.exec_driver_sql(f"SELECT {columns} FROM bridges WHERE {ours}").one()
        past = connection.exec_driver_sql(f"SELECT {columns} FROM bridges_history WHERE {ours}").all()
        every = connection.exec_driver_sql(f"SELECT version FROM bridges_history WHERE code = '{code}'").scalars().all()
    assert sorted(every) == list(range(1, now.version))
    for _, n, *written, x, y in (now, *past):
        assert {float(value) for value in written} == {n}
        assert (x, y) == place(int(n), shape)
    assert now.people >= answered


def is_placed(database: Database) -> None:
    """Every record lies in the area that holds it by the outlines that are stored."""
    with database.reading() as connection:
        for name in set(registry()) - {"areas"}:
            elsewhere = (
                f"SELECT count(*) FROM {name} t CROSS JOIN LATERAL gis_place(t.geom) p "
                "WHERE (t.area_code, t.shares) IS DISTINCT FROM (p.area, p.shares)"
            )
            assert connection.exec_driver_sql(elsewhere).scalar_one() == 0, name
        versions = "SELECT (SELECT version FROM areas WHERE code = %s), count(*) FROM areas_history WHERE code = %s"
        version, past = connection.exec_driver_sql(versions, (AREA, AREA)).one()
        assert past == version - 1
