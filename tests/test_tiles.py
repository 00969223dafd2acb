"""Tiles hold what the database holds: no record is missing or twice there, none is large, an edit renews its own."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyogrio
import pytest
import sqlalchemy as sa
from conftest import copied
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import bearing, signed_in
from playwright.sync_api import Browser
from serving import serving

from gis_service import risk, tiles
from gis_service.database import Database
from gis_service.database.kept import wrong
from gis_service.database.objects import kept_of
from gis_service.filters import where
from gis_service.tiles import Asked, Cache, Place, tile
from gis_service.tiles.place import MOST_ZOOM
from layers import registry

HAZARDS = registry()["hazards"]
TERMS = ("登记", "交办", "整改中", "整改完成", "复查", "销号", "未知")
WEST, SOUTH, EAST, NORTH = 119.2, 26.0, 119.4, 26.1
_POINT = "ST_SetSRID(ST_MakePoint({}, {}), 4490)"
_MADE = """
INSERT INTO hazards (code, name, kind, level, status, found_on, geom)
SELECT 'SY-' || i, '护栏松动待处理 ' || i, '结构', '一般',
    (ARRAY['登记', '交办', '整改中', '整改完成', '复查', '销号', '未知'])[1 + i %% 7], '2023-05-01',
    ST_SetSRID(ST_MakePoint(119.2 + 0.2 * (i * 0.754877 - floor(i * 0.754877)) ^ {power},
        26 + 0.1 * (i * 0.569840 - floor(i * 0.569840)) ^ {power}), 4490)
FROM generate_series(1, {number}) i
"""
"""Points spread evenly, by the fractions of two irrational numbers; the denser in a corner the greater the power."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("tiles"), 50_000_000)


@pytest.fixture(scope="module")
def dense(cluster: Any, upgraded_template: str) -> Iterator[Database]:
    """A district with 50,000 hazards, a thousand of them at one place."""
    for database in copied(cluster, upgraded_template, "dense"):
        with database.transaction() as connection:
            connection.exec_driver_sql(_MADE.format(number=50_000, power=3))
            connection.exec_driver_sql(f"UPDATE hazards SET geom = {_POINT.format(119.3, 26.05)} WHERE id <= 1000")
        yield database


def read(content: bytes, place: Place, folder: Path) -> list[dict[str, Any]]:
    """Return the properties of a tile's features, as GDAL reads them."""
    if not content:
        return []
    path = folder / f"{place.z}-{place.x}-{place.y}.mvt"
    path.write_bytes(content)
    about, _, _, columns = pyogrio.raw.read(path, X=place.x, Y=place.y, Z=place.z, CLIP="NO")
    names = list(about["fields"])
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def number(features: list[dict[str, Any]]) -> Counter[str]:
    """Count records by status: those of cells, and those that stand for themselves."""
    found: Counter[str] = Counter()
    for one in features:
        if isinstance(one.get("code"), str):
            found[one["status"]] += 1
            continue
        terms = {term: int(one[term]) for term in TERMS if _is_number(one.get(term))}
        assert sum(terms.values()) == one["count"]
        found.update(terms)
    return found


def _is_number(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def at(z: int, longitude: float, latitude: float) -> Place:
    """Return the tile that holds a place."""
    north = math.asinh(math.tan(math.radians(latitude)))
    return Place(z, int((longitude + 180) / 360 * 2**z), int((1 - north / math.pi) / 2 * 2**z))


def around(z: int) -> list[Place]:
    """Return all tiles of the places that tests put records at."""
    first, last = at(z, WEST, NORTH), at(z, EAST, SOUTH)
    return [Place(z, x, y) for x in range(first.x, last.x + 1) for y in range(first.y, last.y + 1)]


def drawn(database: Database, place: Place, cache: Cache, filter: str = "") -> bytes:
    with database.reading() as connection:
        clause = where(HAZARDS, filter, database.district(connection).today)
        return tile(connection, Asked(HAZARDS, clause), place, cache)


def by_status(database: Database) -> Counter[str]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT status, count(*) FROM hazards WHERE geom IS NOT NULL GROUP BY 1")
        return Counter({row[0]: row[1] for row in rows})


# --- nothing is missing, nothing counted twice -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("z", "filter"), [(0, ""), (9, ""), (11, ""), (13, ""), (14, ""), (15, ""), (11, "code IS NOT NULL")]
)
def test_of_every_zoom_the_numbers_add_up_to_all_records_and_no_tile_is_large(
    dense: Database, cache: Cache, tmp_path: Path, z: int, filter: str
) -> None:
    found: Counter[str] = Counter()
    for place in around(z):
        content = drawn(dense, place, cache, filter)
        assert len(content) <= 50_000
        found += number(read(content, place, tmp_path))
    assert found == by_status(dense)


def test_cells_from_the_kept_grid_are_those_counted_from_the_rows(dense: Database, cache: Cache) -> None:
    for z in (10, 12, 14):
        for place in around(z)[::3]:
            assert drawn(dense, place, cache) == drawn(dense, place, cache, "code IS NOT NULL")


def test_many_points_are_counted_without_reading_the_table_though_row_policies_hold(
    dense: Database, tmp_path: Path
) -> None:
    read_rows = sa.text(
        "SELECT pg_stat_get_xact_tuples_fetched(t.id) + pg_stat_get_xact_tuples_returned(t.id) "
        "FROM (SELECT CAST('hazards' AS regclass) AS id) t"
    )
    with dense.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # the cluster of the tests writes its log later: what VACUUM does not find there it does not call visible
        for statement in ("SET synchronous_commit = on", "VACUUM (ANALYZE) hazards", "VACUUM hazards"):
            connection.exec_driver_sql(statement)
    service, place = dense.for_service().acting("anonymous"), at(15, 119.202, 26.002)
    with service.reading() as connection:
        before = connection.scalar(read_rows)
        content = tile(connection, Asked(HAZARDS, sa.true()), place, Cache(tmp_path, 0))
        assert connection.scalar(read_rows) == before
    service.engine.dispose()
    assert sum(number(read(content, place, tmp_path)).values()) > 500


def test_cells_split_as_one_zooms_in_until_each_record_stands_for_itself(
    dense: Database, cache: Cache, tmp_path: Path
) -> None:
    with dense.reading() as connection:
        x, y = connection.exec_driver_sql("SELECT ST_X(geom), ST_Y(geom) FROM hazards WHERE code = 'SY-30000'").one()
    far, near = at(12, x, y), at(18, x, y)
    cells = read(drawn(dense, far, cache), far, tmp_path)
    records = read(drawn(dense, near, cache), near, tmp_path)
    assert "code" not in cells[0]
    assert "SY-30000" in {one["code"] for one in records}


def test_a_thousand_records_at_one_place_are_one_cell_at_every_zoom(
    dense: Database, cache: Cache, tmp_path: Path
) -> None:
    place = at(MOST_ZOOM, 119.3, 26.05)
    (cell,) = read(drawn(dense, place, cache), place, tmp_path)
    assert (cell["count"], cell["status"]) == (1000, "登记")


_PLACES = st.tuples(st.floats(WEST, EAST), st.floats(SOUTH, NORTH))
_EDGES = st.tuples(st.integers(1, 7), st.integers(1, 7)).map(
    lambda n: (((at(12, WEST, NORTH).x + n[0] / 4) / 2**12) * 360 - 180, 26.05)
)
_CODES = st.integers(1, 12)
_EDITS = st.one_of(
    st.builds(
        lambda code, place, status: (
            "INSERT INTO hazards (code, kind, level, status, found_on, geom) VALUES "
            f"('E-{code}', '结构', '一般', '{status}', '2023-05-01', {_POINT.format(*place)}) "
            "ON CONFLICT (code) DO UPDATE SET geom = excluded.geom, status = excluded.status"
        ),
        *(_CODES, _PLACES | _EDGES, st.sampled_from(["登记", "销号", "未知"])),
    ),
    st.builds("UPDATE hazards SET status = '复查' WHERE code <= 'E-{}'".format, _CODES),
    st.builds("DELETE FROM hazards WHERE code = 'E-{}'".format, _CODES),
    st.just("SELECT gis_fold_hazards_grid()"),
)


@pytest.fixture(scope="module")
def edited(cluster: Any, upgraded_template: str) -> Iterator[Database]:
    yield from copied(cluster, upgraded_template, "edited")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    transactions=st.lists(st.tuples(st.lists(_EDITS, min_size=1, max_size=4), st.booleans()), min_size=1, max_size=5)
)
def test_after_any_edits_every_zoom_adds_up_and_a_kept_tile_is_what_would_be_written(
    edited: Database, cache: Cache, tmp_path: Path, transactions: list[tuple[list[str], bool]]
) -> None:
    off = Cache(tmp_path, 0)
    for statements, kept in transactions:
        with edited.engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            if kept:
                connection.commit()
        for z in (0, 11, 12):
            found: Counter[str] = Counter()
            for place in around(z):
                content = drawn(edited, place, cache)
                assert content == drawn(edited, place, off)
                found += number(read(content, place, tmp_path))
            assert found == by_status(edited)
    with edited.reading() as connection:
        assert [cell for kept in kept_of(HAZARDS) for cell in wrong(connection, kept)] == []


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_an_edit_writes_the_tiles_that_it_touches_anew_and_no_other(
    own_sample: Database, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_sample.reading() as connection:
        x, y = connection.exec_driver_sql("SELECT ST_X(geom), ST_Y(geom) FROM hazards ORDER BY id LIMIT 1").one()
    places = [at(z, x, y) for z in (9, 12, 15)] + [
        Place(p.z, p.x + 1, p.y) for p in (at(9, x, y), at(12, x, y), at(15, x, y))
    ]
    asked: list[Place] = []
    before = [drawn(own_sample, place, cache) for place in places]
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("UPDATE hazards SET name = '改名' WHERE id = (SELECT min(id) FROM hazards)")
    write = tiles.written

    def noted(connection: sa.Connection, what: Asked, place: Place, now: Any) -> bytes:
        asked.append(place)
        return write(connection, what, place, now)

    monkeypatch.setattr(tiles, "written", noted)
    after = [drawn(own_sample, place, cache) for place in places]
    assert asked == places[:3]
    assert [a != b for a, b in zip(before, after, strict=True)] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("layer", ["rivers", "bridges", "heritage_buildings", "works"])
def test_an_edit_of_any_layer_renews_its_tiles(own_sample: Database, cache: Cache, layer: str) -> None:
    place = at(9, 119.33, 26.03)

    def shown() -> bytes:
        with own_sample.reading() as connection:
            return tile(connection, Asked(registry()[layer], sa.true()), place, cache)

    before = shown()
    with own_sample.transaction() as connection:
        connection.exec_driver_sql(
            f"UPDATE {layer} SET name = '改名' WHERE id = (SELECT min(id) FROM {layer} WHERE geom IS NOT NULL)"
        )
    assert "改名" not in before.decode(errors="ignore")
    assert "改名" in shown().decode(errors="ignore")


def test_a_filter_on_what_another_layer_holds_and_the_risk_are_renewed_with_that_layer(
    own_sample: Database, tmp_path: Path
) -> None:
    with (
        serving(own_sample, home=tmp_path, tile_cache_mb=10) as root,
        httpx.Client(base_url=root, timeout=60) as client,
    ):
        place = at(8, 119.33, 26.03)
        address = f"/api/tiles/bridges/8/{place.x}/{place.y}.mvt"
        queries: list[dict[str, str]] = [{"filter": "open_hazards > 0"}, {"risk": "true"}]
        before = [client.get(address, params=query).content for query in queries]
        with own_sample.transaction() as connection:
            connection.exec_driver_sql(
                "INSERT INTO hazards (code, kind, level, status, found_on, deadline, subject_layer, subject_code) "
                "SELECT 'N-' || code, '结构', '重大', '登记', '2023-05-01', '2023-06-01', 'bridges', code FROM bridges"
            )
        after = [client.get(address, params=query).content for query in queries]
        assert all(a != b for a, b in zip(before, after, strict=True))
        assert any(path.is_file() for path in (tmp_path / "tiles").rglob("*"))


@pytest.mark.parametrize("minutes_later", [False, True])
def test_a_tile_with_risk_shows_the_scores_of_now_though_it_reads_those_that_are_kept(
    own_sample: Database, cache: Cache, *, minutes_later: bool
) -> None:
    bridges, place = registry()["bridges"], at(8, 119.33, 26.03)

    def shown(*, kept: bool) -> bytes:
        with own_sample.reading() as connection:
            now = risk.model(connection, own_sample.district(connection).today)
            every = risk.scored(bridges, now)
            read = risk.current(connection, bridges, now) if kept else every
            assert ("risk_scored" in str(read)) is kept
            rows = read.subquery("scored")
            asked = Asked(bridges, sa.true(), tuple(risk.shown(rows)), rows, every)
            return tile(connection, asked, place, cache if kept else Cache(cache.folder, 0))

    risk.keep(own_sample)
    before = shown(kept=True)
    assert before == shown(kept=False)
    with own_sample.transaction() as connection:
        connection.exec_driver_sql(
            "INSERT INTO hazards (code, kind, level, status, found_on, deadline, subject_layer, subject_code) "
            "VALUES ('N-1', '结构', '重大', '登记', '2023-05-01', '2023-06-01', 'bridges', 'QL-001')"
        )
    if minutes_later:
        risk.keep(own_sample)
    assert before != shown(kept=True)
    assert shown(kept=True) == shown(kept=False)


def test_who_sees_less_is_never_shown_what_was_kept_for_others(own_sample: Database, tmp_path: Path) -> None:
    with own_sample.reading() as connection:
        areas = list(
            connection.scalars(sa.text("SELECT area_code FROM hazards WHERE area_code <> '' GROUP BY 1 LIMIT 2"))
        )
    narrow = [signed_in(own_sample, f"she{i}", "viewer", areas=[area]) for i, area in enumerate(areas)]
    place, folder = at(8, 119.33, 26.03), tmp_path / "read"
    folder.mkdir()
    with serving(own_sample, home=tmp_path, tile_cache_mb=10) as root:
        for _ in range(2):
            codes = []
            for secret in (None, *narrow):
                headers = bearing(secret) if secret else {}
                with httpx.Client(base_url=root, headers=headers, timeout=60) as client:
                    content = client.get(f"/api/tiles/hazards/8/{place.x}/{place.y}.mvt").content
                    codes.append({one["code"] for one in read(content, place, folder)})
            assert codes[1] | codes[2] < codes[0]
            assert not codes[1] & codes[2]
            assert codes[1]
            assert codes[2]


def test_many_who_ask_for_the_same_tile_wait_for_one_that_writes_it(tmp_path: Path) -> None:
    cache, written, ready = Cache(tmp_path, 1_000_000), [], threading.Barrier(8)

    def write() -> bytes:
        written.append(1)
        time.sleep(0.2)
        return b"tile"

    def ask(_: int) -> bytes:
        ready.wait()
        return cache.get("a key", write)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [b"tile"] * 8
    assert len(written) == 1


def test_what_is_kept_takes_no_more_room_than_it_is_given_and_the_oldest_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 400_000)
    for n in range(60):
        cache.get(str(n), lambda: bytes(10_000))
    files = list(tmp_path.glob("[0-9a-f][0-9a-f]/*"))
    for age, path in enumerate(sorted(files, key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    cache.shrink()
    left = list(tmp_path.glob("[0-9a-f][0-9a-f]/*"))
    assert 20 < len(left) < 40
    assert min(path.stat().st_mtime for path in left) > 1_000_000 + len(files) - len(left) - 1
    assert cache.get("0", lambda: b"anew") == b"anew"
    assert cache.get("59", lambda: b"anew") == bytes(10_000)


def test_a_folder_that_cannot_be_written_to_keeps_no_map_from_being_drawn(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Cache(tmp_path / "file", 1_000).get("key", lambda: b"tile") == b"tile"


# --- on the map ------------------------------------------------------------------------------------------------------


def test_a_dense_map_shows_numbers_that_add_up_to_what_its_legend_shows(dense: Database, browser: Browser) -> None:
    with serving(dense) as root:
        page = browser.new_page(bypass_csp=True)  # the functions that the test waits for are strings
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{root}/maps/status")
        page.wait_for_function("() => document.body.classList.contains('busy') === false")
        page.evaluate(
            "() => { window.sheet = Object.values(window).find((v) => v instanceof L.Map);"
            " sheet.setView([26.05, 119.3], 11, { animate: false }); }"
        )
        layer = "sheet.gis.layers.find((layer) => layer.name === 'hazards')"
        shown = f"{layer}.shown.reduce((sum, one) => sum + (one.counted ? one.number : 1), 0)"
        counts = by_status(dense)
        page.wait_for_function(f"sheet.gis.pending === 0 && {shown} > 0")
        page.wait_for_timeout(300)
        hidden = page.evaluate(f"[...{layer}.hidden]")
        assert {"复查", "销号"} <= set(hidden)
        assert page.evaluate(shown) == sum(count for term, count in counts.items() if term not in hidden)
        # a click on a cell goes closer, where it splits
        spot = page.evaluate(
            f"(() => {{ const cell = {layer}.shown.find((one) => one.counted),"
            " box = sheet.getContainer().getBoundingClientRect(),"
            " at = sheet.latLngToContainerPoint([gis.latitude(cell.parts[0][1]), gis.longitude(cell.parts[0][0])]);"
            " return [box.x + at.x, box.y + at.y]; })()"
        )
        page.mouse.click(*spot)
        page.wait_for_function("sheet.getZoom() === 13")
        assert errors == []
        page.close()
