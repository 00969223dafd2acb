"""The pages of /ogc in a real browser: the map draws, the samples answer, and nothing is asked of another host."""

from __future__ import annotations

import multiprocessing
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from html import unescape
from typing import Any
from urllib.parse import unquote

import httpx
import pyogrio
import pytest
from playwright.sync_api import Browser, Page, expect
from serving import serving
from sqlalchemy import text

from gis_service.database import Database
from layers import registry

LAYERS = list(registry())
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PAGES = (
    "/ogc",
    "/ogc/collections",
    "/ogc/conformance",
    "/ogc/functions",
    "/ogc/tileMatrixSets",
    "/ogc/tileMatrixSets/WebMercatorQuad",
    "/ogc/collections/bridges",
    "/ogc/collections/bridges/schema",
    "/ogc/collections/bridges/items",
    "/ogc/collections/bridges/items/QL-001",
    "/ogc/collections/bridges/tiles",
    "/ogc/collections/bridges/tiles/WebMercatorQuad",
)
PAINTED = """() => {
    const canvas = document.querySelector(".inset .folium-map canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), found = new Set();
    for (let i = 0; i < data.length; i += 4) found.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return [...found].map((colour) => "#" + colour.toString(16).padStart(6, "0"));
}"""
"""The colours that the map has."""


@pytest.fixture(scope="module")
def root(sample_district: Database) -> Iterator[str]:
    with serving(sample_district, page_size=20) as address:
        yield address


class Visit:
    """A page that is open, what it asked for, and what went wrong."""

    def __init__(self, browser: Browser, root: str, path: str, size: Any = DESKTOP) -> None:
        self.context = browser.new_context(viewport=size)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.goto(root + path, wait_until="networkidle")


@pytest.fixture
def visit(browser: Browser, root: str) -> Iterator[Any]:
    """Open pages; each asks nothing of another host and has no fault."""
    opened: list[Visit] = []

    def open_page(path: str, size: Any = DESKTOP) -> Visit:
        opened.append(Visit(browser, root, path, size))
        return opened[-1]

    yield open_page
    for seen in opened:
        assert [url for url in seen.asked if not url.startswith((root, "data:"))] == []
        assert seen.faults == []
        seen.context.close()


def _page(root: str, path: str, lang: str = "en") -> str:
    answer = httpx.get(root + path, params={"f": "html", "lang": lang}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


# --- the map ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["bridges", "rivers", "areas", "inspections"])
def test_the_map_of_a_collection_draws_its_features_from_the_standard_tiles(visit: Any, layer: str) -> None:
    seen = visit(f"/ogc/collections/{layer}?f=html&lang=zh")
    assert [url for url in seen.asked if f"/ogc/collections/{layer}/tiles/WebMercatorQuad/" in url]
    drawn = seen.page.evaluate("JSON.parse(document.querySelector('[data-inset]').dataset.inset).layer.terms")
    assert {term["colour"] for term in drawn.values()} & set(seen.page.evaluate(PAINTED))


def test_a_click_on_the_map_opens_what_is_there_and_leads_to_its_page(visit: Any) -> None:
    seen = visit("/ogc/collections/bridges/items/QL-001?f=html&lang=zh")
    field = seen.page.locator(".inset .folium-map")
    box = field.bounding_box()
    field.click(
        position={"x": box["width"] / 2 + 16, "y": box["height"] / 2 - 6}
    )  # the controls take room at the edges
    expect(seen.page.locator(".leaflet-popup .record h3")).to_have_text("高仕路桥")
    link = seen.page.locator(".leaflet-popup .links a", has_text="记录页")
    assert "/ogc/collections/bridges/items/QL-001" in str(link.get_attribute("href"))


def test_the_map_beside_a_filtered_table_holds_what_the_table_holds(visit: Any) -> None:
    seen = visit("/ogc/collections/bridges/items?f=html&filter=grade%3D'D'&lang=zh")
    tiles = [unquote(url) for url in seen.asked if "/tiles/WebMercatorQuad/" in url]
    assert tiles
    assert all(url.endswith("?filter=grade='D'") for url in tiles)
    painted = set(seen.page.evaluate(PAINTED))
    assert "#e8743b" in painted  # D
    assert "#2c7bb6" not in painted  # A


def test_a_record_without_a_place_has_a_page_without_a_map(own_sample: Database, browser: Browser) -> None:
    with own_sample.transaction() as connection:
        code = connection.scalar(text("SELECT code FROM scores LIMIT 1"))
        connection.execute(
            text("UPDATE scores SET geom = NULL, subject_layer = NULL, subject_code = NULL WHERE code = :code"),
            {"code": code},
        )
    with serving(own_sample) as root:
        seen = Visit(browser, root, f"/ogc/collections/scores/items/{code}?f=html&lang=en")
        expect(seen.page.locator("main")).to_contain_text("This record has no place.")
        assert seen.page.locator(".inset").count() == 0
        assert seen.faults == []
        seen.context.close()


# --- tables and paging -----------------------------------------------------------------------------------------------


def test_the_pages_of_the_table_lead_from_the_first_to_the_last_and_back(visit: Any, root: str) -> None:
    seen = visit("/ogc/collections/bridges/items?f=html&lang=en")
    codes: list[str] = []
    while True:
        codes += seen.page.locator("table.features td:first-child a").all_text_contents()
        following = seen.page.locator("a[rel=next]")
        if not following.count():
            break
        following.click()
        seen.page.wait_for_load_state("networkidle")
    features = httpx.get(f"{root}/ogc/collections/bridges/items?limit=1000").json()["features"]
    assert codes == [one["id"] for one in features]
    seen.page.locator("a[rel=first]").click()
    expect(seen.page.locator("table.features td:first-child a").first).to_have_text(codes[0])


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_and_names_the_district(visit: Any, path: str) -> None:
    seen = visit(f"{path}?f=html&lang=zh", PHONE)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(seen.page.locator(".masthead .brand b")).to_have_text("仓山区")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_speaks_either_language(root: str, path: str) -> None:
    zh, en = _page(root, path, "zh"), _page(root, path, "en")
    assert '<html lang="zh-CN">' in zh
    assert "仓山区" in zh
    assert '<html lang="en">' in en
    assert "Cangshan District" in en
    assert re.findall(r"<h1>(.*?)[<·]", zh) != re.findall(r"<h1>(.*?)[<·]", en) or path.endswith(("QL-001", "Quad"))


# --- samples ---------------------------------------------------------------------------------------------------------


def _samples(root: str, layer: str) -> list[tuple[str, str, str]]:
    """Return title, lines and address of the samples of a collection's page."""
    articles = re.findall(r'<article class="sample">.*?</article>', _page(root, f"/ogc/collections/{layer}"), re.DOTALL)
    parts = r'<h3>(.*?)</h3>(?:<a href="(.*?)")?.*?<code>(.*?)</code>'
    return [
        (unescape(title), unescape(lines), unescape(href))
        for one in articles
        for title, href, lines in re.findall(parts, one, re.DOTALL)
    ]


@pytest.mark.parametrize("layer", LAYERS)
def test_every_sample_request_answers_and_asks_what_it_shows(root: str, layer: str) -> None:
    asked = [(title, lines, href) for title, lines, href in _samples(root, layer) if href]
    assert len(asked) >= 5
    with httpx.Client(timeout=60) as client:
        for title, lines, href in asked:
            answer = client.get(href)
            assert answer.status_code == 200, (title, answer.text)
            if lines.startswith("curl"):
                words = shlex.split(lines.replace("\\\n", " "))
                pairs = [word.split("=", 1) for word in words if "=" in word]
                assert client.get(words[2], params=dict(pairs)).json()["features"] == answer.json()["features"]
            if title in {"The first ten", "By a term", "By a number or a day", "Within a box"}:
                assert answer.json()["features"], (title, layer)


def test_the_sample_for_gdal_reads_what_it_says(root: str, sample_district: Database) -> None:
    lines = next(lines for title, lines, _ in _samples(root, "bridges") if title == "GDAL")
    words = shlex.split(lines.splitlines()[1])
    name, where = words[3], words[words.index("-where") + 1]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as gdal:
        reading = gdal.submit(pyogrio.raw.read, words[2], layer=name, where=where)
        found = reading.result(timeout=60)
    with sample_district.reading() as connection:
        assert len(found[2]) == connection.scalar(text(f"SELECT count(*) FROM bridges WHERE {where}")) > 0


def test_a_click_copies_a_sample(visit: Any) -> None:
    seen = visit("/ogc/collections/bridges?f=html&lang=en")
    seen.context.grant_permissions(["clipboard-read"])
    first = seen.page.locator(".sample").first
    first.locator("button.copy").click()
    expect(first.locator("button.copy")).to_have_text("Copied")
    assert seen.page.evaluate("navigator.clipboard.readText()") == first.locator("code").text_content()
