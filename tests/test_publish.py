"""Every map with its data: served or saved, in both languages, whatever the district holds."""

from __future__ import annotations

import re
from datetime import date

import pytest

from gis_service.database import Database
from gis_service.errors import UnknownName, UnknownValue
from gis_service.publish import Reader, find_map, page, saved
from gis_service.settings import Settings
from layers import Language
from maps import registry

DAY = date(2023, 10, 31)
LANGUAGES: tuple[Language, ...] = ("zh", "en")


def _draw(database: Database, name: str, reader: Reader, settings: Settings | None = None, **given: str) -> str:
    with database.reading() as connection:
        return page(connection, find_map(name), reader, given, settings or Settings())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", registry())
def test_a_map_is_drawn_of_a_district_that_is_empty_or_holds_only_areas(
    name: str, language: Language, empty_district: Database
) -> None:
    assert _draw(empty_district, name, Reader(language, "", DAY))
    square = "ST_Multi(ST_MakeEnvelope(119.3, 26, 119.4, 26.1, 4490))"
    with empty_district.transaction() as connection:
        connection.exec_driver_sql(f"INSERT INTO areas (code, name, geom) VALUES ('a', NULL, {square})")
    assert _draw(empty_district, name, Reader(language, "a", DAY))


@pytest.mark.parametrize("name", registry())
def test_a_served_page_holds_no_feature_and_stays_small(name: str, sample_district: Database) -> None:
    html = _draw(sample_district, name, Reader("zh", "", DAY), code="HD-002")
    assert len(html.encode()) < 150_000
    assert '"coordinates"' not in html
    assert not re.search(r"https?://(?!www\.w3\.org)", html)


def test_a_large_layer_is_read_from_tiles_and_a_small_one_from_geojson(sample_district: Database) -> None:
    html = _draw(sample_district, "status", Reader("zh", "", DAY), Settings(tiles_above=100))
    assert "/api/tiles/hazards/{z}/{x}/{y}.mvt" in html
    assert "/api/exports/bridges.geojson" in html


def test_a_page_of_one_area_counts_and_asks_for_what_lies_in_it(sample_district: Database) -> None:
    html = _draw(sample_district, "status", Reader("zh", "350104104", DAY))
    assert "/api/exports/bridges.geojson?area=350104104" in html
    with sample_district.reading() as connection:
        held = connection.exec_driver_sql("SELECT count(*) FROM bridges WHERE area_code = '350104104'").scalar_one()
    assert f'"count":{held}' in html.replace(" ", "") or f">{held}<" in html


def test_another_day_is_asked_for_in_every_address(sample_district: Database) -> None:
    html = _draw(sample_district, "risk", Reader("zh", "", date(2024, 3, 1)))
    assert "/api/risk/bridges.geojson?as_of=2024-03-01" in html
    assert (
        "as_of" not in _draw(sample_district, "risk", Reader("zh", "", DAY)).split("/api/risk/bridges.geojson")[1][:20]
    )


@pytest.mark.parametrize("name", registry())
def test_a_saved_map_holds_its_features_and_asks_nobody(name: str, sample_district: Database) -> None:
    with sample_district.reading() as connection:
        html = saved(connection, find_map(name), Reader("en", "", DAY), {"code": "HD-002"}, Settings())
    assert "FeatureCollection" in html
    assert "/api/" not in re.sub(r"<script>.*?</script>", "", html, count=0, flags=re.DOTALL)
    assert "<link" not in html
    assert " src=" not in re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)


def test_what_is_not_there_is_named(sample_district: Database) -> None:
    reader = Reader("zh", "", DAY)
    with pytest.raises(UnknownName, match="statu"):
        find_map("statu")
    with pytest.raises(UnknownName, match="nowhere"):
        _draw(sample_district, "status", Reader("zh", "nowhere", DAY))
    with pytest.raises(UnknownName, match="HD-999"):
        _draw(sample_district, "along", reader, code="HD-999")
    with pytest.raises(UnknownName, match="river"):
        _draw(sample_district, "along", reader, layer="river", code="HD-001")
    with pytest.raises(UnknownValue, match="within"):
        _draw(sample_district, "along", reader, code="HD-001", within="near")
