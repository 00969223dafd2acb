"""Statements written once, and those that connections keep: never answering for another value, CRS, box or day."""

from __future__ import annotations

import base64
from datetime import date

import httpx
import orjson
import pytest
import sqlalchemy as sa
from serving import serving
from sqlalchemy import Connection

from gis_service.crs import CRS84, find
from gis_service.database import Database
from gis_service.errors import UnknownValue
from gis_service.features import one
from gis_service.filters import where
from gis_service.items import Turn, counted, page
from gis_service.settings import Settings
from layers import registry

BRIDGES, RIVERS = registry()["bridges"], registry()["rivers"]
ITEMS = "/ogc/collections/bridges/items"
CODES = ("HD-001", "HD-007")


@pytest.fixture
def alone(own_sample: Database) -> Database:
    """The sample by one connection only: whatever it keeps, the next request finds."""
    url = own_sample.engine.url.render_as_string(hide_password=False)
    return Database(url, Settings(pool_size=1))


def _kept(connection: Connection) -> int:
    asked = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%rivers%'"
    return int(connection.execute(sa.text(asked)).scalar_one())


def test_one_statement_answers_for_every_record_and_every_request(alone: Database) -> None:
    for _ in range(2):
        with alone.answering() as connection:
            for code in CODES:
                assert orjson.loads(one(connection, RIVERS, code).feature)["id"] == code
            assert _kept(connection) == 1


def test_one_statement_answers_for_every_page_and_size(alone: Database) -> None:
    with alone.answering() as connection:
        codes = list(connection.scalars(sa.select(RIVERS.code).order_by(RIVERS.id)))
        seen: list[str] = []
        following: str | None = ""
        for limit in (11, 12, 13, 100):
            found = page(connection, RIVERS, (), Turn(limit, following or ""))
            seen += [feature["id"] for feature in orjson.loads(b"[%s]" % found.features)]
            following = found.following
        assert (seen, following, _kept(connection)) == (codes, None, 1)


def test_what_is_kept_for_one_crs_answers_for_no_other(alone: Database) -> None:
    metric, web = (find("crs", f"http://www.opengis.net/def/crs/EPSG/0/{code}", 4549) for code in (4549, 3857))
    with alone.answering() as connection:
        first = {crs.uri: one(connection, RIVERS, CODES[0], crs=crs).feature for crs in (CRS84, metric, web)}
        again = {crs.uri: one(connection, RIVERS, CODES[0], crs=crs).feature for crs in (web, metric, CRS84)}
    assert first == again
    assert len(set(first.values())) == 3


def test_what_is_kept_for_today_answers_of_a_past_day_too(alone: Database) -> None:
    with alone.transaction("王工", valid_from=date(2023, 10, 31)) as connection:
        connection.exec_driver_sql("UPDATE rivers SET name = '改名河' WHERE code = 'HD-001'")

    def name(as_of: date | None) -> str:
        with alone.answering(as_of) as connection:
            return str(orjson.loads(one(connection, RIVERS, CODES[0]).feature)["properties"]["name"])

    assert [name(None), name(date(2023, 10, 1)) == "改名河", name(None)] == ["改名河", False, "改名河"]


@pytest.mark.parametrize("behind", ["", "x", "1.5", "9" * 30, "1'; SELECT 1 --"])
def test_a_page_begins_behind_no_place_that_is_none(alone: Database, behind: str) -> None:
    token = base64.urlsafe_b64encode(orjson.dumps([behind])).decode().rstrip("=")
    with alone.answering() as connection, pytest.raises(UnknownValue):
        page(connection, RIVERS, (), Turn(1, token))


@pytest.mark.parametrize(
    "asked",
    [
        "status IN ('通行', '限载') AND name LIKE '%桥%' AND built_year > 1950",
        "assessed_on >= DATE('2020-01-01') OR load_limit_t IS NULL",
        "open_hazards > 0",
        "name = '100%' OR NOT (span_m BETWEEN 1.5 AND 20)",
        "S_INTERSECTS(geometry, POLYGON((119 25, 121 25, 119 28, 119 25)))",
    ],
)
def test_a_filter_answers_the_same_however_often_it_is_asked(sample_district: Database, asked: str) -> None:
    clauses = (where(BRIDGES, asked, date(2023, 12, 31)),)
    with sample_district.answering() as connection:
        first, *others = (page(connection, BRIDGES, clauses, Turn(100)) for _ in range(3))
        number = connection.scalar(sa.select(sa.func.count()).select_from(BRIDGES).where(*clauses))
        assert [counted(connection, BRIDGES, clauses, {}) for _ in range(3)] == [number] * 3
    assert first.number == min(number or 0, 100) > 0
    assert others == [first] * 2


def test_a_statement_for_all_boxes_answers_for_each(sample_district: Database) -> None:
    boxes = [(119.2 + step / 50, 26.0, 119.24 + step / 50, 26.1) for step in range(5)]
    asked = sa.text("SELECT count(*) FROM bridges WHERE ST_Intersects(geom, ST_MakeEnvelope(:w, :s, :e, :n, 4490))")
    numbers = set()
    with serving(sample_district) as root, httpx.Client(base_url=root) as client:
        for edges in [*boxes, *boxes]:
            found = client.get(ITEMS, params={"bbox": ",".join(map(str, edges))}).json()
            with sample_district.reading() as connection:
                number = connection.scalar(asked, dict(zip("wsen", edges, strict=True)))
            assert (found["numberMatched"], found["numberReturned"]) == (number, number)
            numbers.add(number)
    assert len(numbers) > 2


def test_what_fails_fails_the_same_however_often_it_is_asked(sample_district: Database) -> None:
    clauses = (where(BRIDGES, "built_year * 1e308 * 1e308 > 1", date(2023, 12, 31)),)
    for _ in range(3):
        with sample_district.answering() as connection, pytest.raises(sa.exc.DataError):
            page(connection, BRIDGES, clauses, Turn(1))
