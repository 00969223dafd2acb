"""Files over HTTP: the right type and name, in words of the reader's language, offered on the pages."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import openpyxl
import pytest
from playwright.sync_api import Browser, expect
from serving import serving

from gis_service.database import Database
from gis_service.exports import FORMATS
from layers import registry


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_has_its_type_and_a_name_that_says_where_its_coordinates_are(service: httpx.Client, suffix: str) -> None:
    answer = service.get(f"/api/exports/bridges.{suffix}", params={"crs": "GCJ02"}).raise_for_status()
    assert answer.headers["content-type"].partition(";")[0] == FORMATS[suffix].media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="bridges_GCJ02.{suffix}"'


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if suffix != "csv"])  # of which attachments may be
def test_text_is_packed_on_its_way_and_binary_files_are_not(service: httpx.Client, suffix: str) -> None:
    answer = service.get(f"/api/exports/bridges.{suffix}", headers={"Accept-Encoding": "gzip"})
    assert ("content-encoding" in answer.headers) == (FORMATS[suffix].write is None)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_cannot_be_computed_is_a_problem_document_in_every_format(service: httpx.Client, suffix: str) -> None:
    broken = {"filter": "built_year * 1e308 * 1e308 > 1"}
    answer = service.get(f"/api/exports/bridges.{suffix}", params=broken)
    if suffix == "json":  # holds no records
        return
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_what_has_no_place_for_metadata_says_where_they_are(service: httpx.Client) -> None:
    for suffix, format_ in FORMATS.items():
        answer = service.get(f"/api/exports/bridges.{suffix}", params={"filter": "grade = 'D'", "crs": "BD09"})
        assert ("describedby" in answer.links) == format_.plain
        if format_.plain:
            about = service.get(answer.links["describedby"]["url"]).json()
            assert (about["filter"], about["crs_name"]) == ("grade = 'D'", "BD-09")


@pytest.mark.parametrize(
    ("address", "status", "allowed"),
    [
        ("bridges.shp", 404, "zip"),
        ("bridge.csv", 404, "bridges"),
        ("bridges.csv?crs=EPSG:1", 400, "GCJ02"),
        ("bridges.zip?encoding=BIG5", 400, "GBK"),
        ("bridges.kml?crs=EPSG:4549", 400, "GCJ-02"),
        ("bridges.csv?crs=EPSG:27700", 400, "EPSG:4549"),
        ("bridges.csv?format=x", 400, "crs"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    service: httpx.Client, address: str, status: int, allowed: str
) -> None:
    answer = service.get(f"/api/exports/{address}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert allowed in answer.json()["allowed"]


def test_headings_are_in_the_readers_language(service: httpx.Client) -> None:
    heads = {
        lang: service.get("/api/exports/hazards.csv", params={"lang": lang}).text.lstrip("\ufeff").partition("\n")[0]
        for lang in ("zh", "en")
    }
    assert heads["zh"].startswith("编号,名称,所属区域")
    assert heads["zh"].endswith("经度,纬度")
    assert heads["en"].startswith("code,name,area_code")
    assert heads["en"].endswith("longitude,latitude")


def test_openapi_tells_every_format(service: httpx.Client) -> None:
    operation = service.get("/openapi.json").json()["paths"]["/api/exports/{layer}.{format}"]["get"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert parameters["format"]["schema"]["enum"] == list(FORMATS)
    assert all(f"`{suffix}`" in parameters["format"]["description"] for suffix in FORMATS)
    assert set(operation["responses"]["200"]["content"]) == {found.media_type for found in FORMATS.values()}
    assert {"filter", "area", "as_of", "crs", "lang", "encoding"} <= parameters.keys()


def test_layers_link_to_all_their_files(service: httpx.Client) -> None:
    for layer in service.get("/api/layers").json()["layers"]:
        assert set(layer["links"]["exports"]) == set(FORMATS)
        assert all(service.head(address).is_success for address in layer["links"]["exports"].values())


@pytest.mark.parametrize(("language", "word", "sheet"), [("zh", "下载", "记录"), ("en", "Download", "Records")])
def test_a_clerk_takes_a_workbook_from_the_menu_of_a_layer(
    service: httpx.Client, browser: Browser, language: str, word: str, sheet: str
) -> None:
    page = browser.new_page()
    page.goto(f"{service.base_url}/?lang={language}")
    row = page.locator("tr", has=page.locator('a[href*="/statistics/bridges"]'))
    menu = row.locator("details.download")
    menu.get_by_text(word).first.click()
    expect(menu.get_by_role("link")).to_have_count(len(FORMATS))
    for link in menu.get_by_role("link").all():
        expect(link).to_be_in_viewport()  # the table does not cut it off
    with page.expect_download() as download:
        menu.get_by_role("link", name="Excel").first.click()
    book = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert book.worksheets[0].title == sheet
    assert book.worksheets[0].max_row == 1 + 74
    page.keyboard.press("Escape")
    expect(menu.get_by_role("link").first).to_be_hidden()
    page.close()


def test_the_menu_of_the_statistics_gives_the_records_that_they_count(service: httpx.Client, browser: Browser) -> None:
    page = browser.new_page()
    asked = "filter=grade%20IN%20('C','D')&area=350104102&as_of=2023-10-30"
    page.goto(f"{service.base_url}/statistics/bridges?{asked}")
    page.locator("details.download summary").click()
    with page.expect_download() as download:
        page.locator("details.download").get_by_role("link", name="CSV").click()
    rows = Path(download.value.path()).read_text("utf-8-sig").splitlines()[1:]
    query = {"filter": "grade IN ('C','D')", "area": "350104102", "as_of": "2023-10-30"}
    counted = service.get("/api/statistics/bridges", params=query).json()["total"]["count"]
    assert len(rows) == counted > 0
    page.close()


def test_every_layer_is_offered(service: httpx.Client) -> None:
    page = service.get("/").text
    assert all(f"/api/exports/{name}.xlsx" in page for name in registry())
