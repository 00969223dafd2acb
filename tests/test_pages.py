"""Pages in a real browser, against the real service with the sample district."""

from __future__ import annotations

import io
import math
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from serving import serving

from gis_service.attachments import Sent, Store, attach
from gis_service.database import Database
from gis_service.publish import Reader, find_map, saved
from gis_service.settings import Settings
from layers import registry
from maps import registry as map_registry

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>`${window.hacked = 1}`{{ 7 * 7 }}"
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

STATE = "Object.values(window).find((one) => one && one.gis && one.gis.painter).gis"
"""The state of the page's map."""

COLOURS = """() => {
    const canvas = document.querySelector(".folium-map canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), found = new Set();
    for (let i = 0; i < data.length; i += 64) found.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return found.size;
}"""
"""How many colours are drawn."""


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[str]:
    with serving(sample_district) as address:
        yield address


class Visit:
    """One visit to a page: what it asked for, and what went wrong in it."""

    def __init__(self, browser: Browser, address: str, **viewport: Any) -> None:
        self.context = browser.new_context(viewport=viewport.get("size", DESKTOP))
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.goto(address)
        self.settle()

    def settle(self) -> None:
        """Wait until everything that was asked for is there and drawn, and the map stands still."""
        self.page.wait_for_load_state("load")
        deadline = time.monotonic() + 20
        # asked again and again from here: the page's policy forbids what a waiting function would need
        busy = "document.querySelector('body.busy, .leaflet-pan-anim, .record [aria-busy]') !== null"
        while self.page.evaluate(busy):
            assert time.monotonic() < deadline, "the page is still loading"
            time.sleep(0.02)
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def shown(self, layer: str) -> list[str]:
        """Return the codes of the features of a layer that are drawn."""
        script = """(state, name) => state.layers.filter((one) => one.name === name && one.visible && !one.quiet)
            .flatMap((one) => one.shown).map((one) => one.code)"""
        return list(self.page.evaluate(f"(name) => ({script})({STATE}, name)", layer))

    def centre(self, layer: str, code: str) -> None:
        """Move the map's middle to a feature."""
        script = """(state, [name, code]) => {
            const layer = state.layers.find((one) => one.name === name && one.opens && !one.quiet);
            const { parts: [part] } = (layer.source.list || layer.shown).find((one) => one.code === code);
            state.map.setView([gis.latitude(part[1]), gis.longitude(part[0])], 17, { animate: false });
        }"""
        self.page.evaluate(f"(of) => ({script})({STATE}, of)", [layer, code])
        self.settle()

    def open(self, layer: str, code: str) -> str:
        """Click on a feature, and return what its popup says."""
        self.centre(layer, code)
        box = self.page.locator(".folium-map").bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        popup = self.page.locator(".leaflet-popup-content")
        popup.get_by_text(code, exact=False).first.wait_for()
        self.settle()
        return popup.inner_text()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Any]:
    """Open pages; each must be without faults when it is left."""
    visits: list[Visit] = []

    def opened(address: str, **viewport: Any) -> Visit:
        visits.append(Visit(browser, address, **viewport))
        return visits[-1]

    yield opened
    for one in visits:
        one.context.close()
    assert [fault for one in visits for fault in one.faults] == []


def a_river(service: str) -> dict[str, Any]:
    """The river with the most hazards of its own, and what lies along it."""
    hazards = httpx.get(f"{service}/api/layers/hazards/features?limit=1000&filter=subject_layer%3D'rivers'").json()[
        "features"
    ]
    codes = [h["properties"]["subject_code"] for h in hazards]
    code = max(set(codes), key=codes.count)
    return dict(httpx.get(f"{service}/api/along/rivers/{code}?within=200").json())


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", map_registry())
def test_a_map_is_small_asks_no_other_host_and_draws(name: str, language: str, service: str, visit: Any) -> None:
    address = f"{service}/maps/{name}?lang={language}"
    assert len(httpx.get(address).content) < 150_000
    seen = visit(address)
    assert {url for url in seen.asked if not url.startswith(service)} == set()
    assert seen.page.locator("h1").inner_text() == map_registry()[name].title.in_(language)
    assert seen.page.evaluate(COLOURS) > 20


def test_the_status_map_shows_every_feature_and_its_legend_counts_them(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/status")
    for layer in httpx.get(f"{service}/api/layers").json()["layers"]:
        if layer["name"] in ("areas", "hazards") or not layer["placed"]:
            continue
        group = seen.page.locator(f"fieldset[data-layer='{layer['name']}']")
        assert group.locator("legend .count").inner_text() == str(layer["count"])
        terms = [int(text) for text in group.locator("li .count").all_inner_texts()]
        assert sum(terms) == layer["count"] == len(seen.shown(layer["name"]))


def test_a_term_of_the_legend_takes_its_features_off_the_map_and_back(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/status")
    closed = seen.page.locator("fieldset[data-layer='hazards'] button[data-term='销号']")
    before, settled = len(seen.shown("hazards")), int(closed.locator(".count").inner_text())
    closed.press("Enter")
    seen.settle()
    assert len(seen.shown("hazards")) == before + settled
    closed.press("Enter")
    seen.settle()
    assert len(seen.shown("hazards")) == before


def test_a_layer_can_be_switched_off(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/status")
    assert seen.shown("bridges")
    seen.page.locator("fieldset[data-layer='bridges'] input").uncheck()
    seen.settle()
    assert not seen.shown("bridges")


def test_a_popup_says_the_fields_in_the_readers_language_with_units(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/status?lang=en")
    stations = httpx.get(f"{service}/api/layers/gas_stations/features?limit=100").json()["features"]
    station = next(f["properties"] for f in stations if f["properties"]["volume_m3"] and f["properties"]["people"])
    said = seen.open("gas_stations", station["code"])
    assert station["name"] in said
    assert re.search(rf"People affected\s+{station['people']:,.0f} people", said)
    assert re.search(r"Total volume\s+[\d.,]+ m³", said)
    assert "Licence" in said


def test_a_hostile_name_is_shown_as_text_and_runs_nothing(own_sample: Database, visit: Any) -> None:
    with own_sample.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE gas_stations SET name = %s WHERE code = 'RQ-001'", (HOSTILE,))
        connection.exec_driver_sql("UPDATE rivers SET name = %s WHERE code = 'HD-001'", (HOSTILE,))
    with serving(own_sample) as service:
        seen = visit(f"{service}/maps/status")
        assert HOSTILE in seen.open("gas_stations", "RQ-001")
        seen.page.mouse.move(700, 500)
        along = visit(f"{service}/maps/along?code=HD-001")
        start = visit(f"{service}/")
        for page in (seen.page, along.page, start.page):
            assert page.evaluate("window.hacked") is None
        assert HOSTILE in along.page.locator("select[name=code]").inner_text()
        assert along.page.locator(".line-name").inner_text() == HOSTILE


def test_large_layers_come_as_tiles_and_open_like_small_ones(sample_district: Database, visit: Any) -> None:
    with serving(sample_district, tiles_above=10) as service:
        seen = visit(f"{service}/maps/status")
        assert not [url for url in seen.asked if "/api/exports/bridges" in url]
        assert [url for url in seen.asked if "/api/tiles/bridges/" in url]
        codes = seen.shown("gas_stations")
        count = httpx.get(f"{service}/api/statistics/gas_stations").json()["total"]["count"]
        assert sorted(codes) == sorted(set(codes))
        assert len(codes) == count
        record = httpx.get(f"{service}/api/layers/gas_stations/features/RQ-001").json()["properties"]
        said = seen.open("gas_stations", "RQ-001")
        seen.page.locator(".leaflet-popup-content dl").wait_for()
        assert record["operator"] in seen.page.locator(".leaflet-popup-content").inner_text()
        assert record["name"] in said


def test_the_risk_map_opens_a_score_to_its_factors_and_arithmetic(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/risk")
    features = httpx.get(f"{service}/api/risk/gas_stations.geojson").json()["features"]
    worst = max(features, key=lambda f: f["properties"]["score"])["id"]
    seen.open("gas_stations", worst)
    trace = httpx.get(f"{service}/api/risk/gas_stations/{worst}").json()
    seen.page.locator(".trace").wait_for()
    said = seen.page.locator(".trace").inner_text()
    for factor in trace["trace"]["factors"]:
        assert factor["label"] in said
    for rule in trace["trace"]["rules"]:
        assert rule["label"] in said
    parts = [float(text) for text in seen.page.locator(".trace tbody td:last-child").all_inner_texts()]
    assert math.isclose(sum(parts), trace["trace"]["likelihood"], abs_tol=0.02)
    assert trace["note"] in said


def test_the_risk_map_ranks_the_areas_as_the_api_does(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/risk")
    areas = httpx.get(f"{service}/api/risk").json()["areas"]
    ranked = [row["area"] for row in sorted(areas, key=lambda row: row["rank"])]
    assert seen.page.locator(".ranking tbody td:nth-child(2)").all_inner_texts() == ranked


def test_the_along_map_lists_the_hits_downstream_and_a_row_opens_its_number(service: str, visit: Any) -> None:
    river = a_river(service)
    seen = visit(f"{service}/maps/along?code={river['line']['code']}&within=200")
    rows = seen.page.locator(".hits tbody tr")
    assert rows.locator("td:nth-child(2)").all_inner_texts() == [f["properties"]["chainage"] for f in river["features"]]
    counted = seen.page.locator("label", has=seen.page.locator("canvas[data-layer=hazards]")).locator(".count")
    assert counted.inner_text() == str(river["counts"]["hazards"])
    last = river["features"][-1]["properties"]
    rows.last.press("Enter")
    popup = seen.page.locator(".leaflet-popup-content")
    popup.wait_for()
    assert (last["name"] or last["code"]) in popup.inner_text()
    assert last["chainage"] in popup.inner_text()
    assert "chosen" in (rows.last.get_attribute("class") or "")
    rows.first.press("Enter")
    assert seen.page.locator(".hits tr.chosen td").first.inner_text() == "1"


def test_the_along_form_asks_for_another_river_distance_and_layers(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/along")
    name = seen.page.locator("select[name=code] option").nth(3).inner_text()
    seen.page.select_option("select[name=code]", label=name)
    seen.page.fill("input[name=within]", "50")
    seen.page.locator("details summary").click()
    for box in seen.page.locator("[data-joined]").all():
        box.set_checked(box.get_attribute("value") == "hazards")
    seen.page.click("button[type=submit]")
    seen.settle()
    assert "within=50" in seen.page.url
    assert "layers=hazards" in seen.page.url
    assert seen.page.locator(".line-name").inner_text() == name


def test_the_projects_map_gives_each_programmes_money_with_its_base_and_adds_none(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/projects")
    groups = httpx.get(
        f"{service}/api/statistics/project_sites?group=programme&measure=count,planned_investment,plan_ratio"
    )
    for row, panel in zip(groups.json()["groups"], seen.page.locator("details.programme").all(), strict=True):
        panel.evaluate("(one) => { one.open = true; }")
        said = panel.inner_text()
        assert f"{row['count']} 个项目" in said
        if row["planned_investment"]:
            assert f"{row['planned_investment'] / 10000:,.2f} 亿元" in said
            assert f"{row['plan_ratio']:.2f}%" in said
            assert "基数: 年度计划投资" in said


def test_one_area_shows_only_its_own_features(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/status?area=350104101")
    assert "城门镇" in seen.page.locator(".district").inner_text()
    counted = httpx.get(f"{service}/api/statistics/bridges?area=350104101").json()["total"]["count"]
    assert len(seen.shown("bridges")) == counted


def test_the_language_switch_keeps_the_question(service: str, visit: Any) -> None:
    code = a_river(service)["line"]["code"]
    seen = visit(f"{service}/maps/along?code={code}&within=120")
    seen.page.click("a.language")
    seen.settle()
    assert f"code={code}" in seen.page.url
    assert "within=120" in seen.page.url
    assert seen.page.locator("h1").inner_text() == "Along a line"


def test_enter_opens_what_is_in_the_middle_of_the_map(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/status")
    seen.centre("gas_stations", "RQ-001")
    seen.page.locator(".folium-map").focus()
    seen.page.keyboard.press("Enter")
    assert "RQ-001" in seen.page.locator(".leaflet-popup-content").inner_text()
    seen.page.keyboard.press("Escape")
    seen.page.locator(".leaflet-popup").wait_for(state="detached")


@pytest.mark.parametrize("path", ["/", "/maps/status", "/maps/along", "/statistics/rivers?group=status"])
def test_a_phone_needs_no_sideways_scrolling(path: str, service: str, visit: Any) -> None:
    seen = visit(service + path, size=PHONE)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_on_a_phone_the_legend_is_folded_away_until_asked_for(service: str, visit: Any) -> None:
    seen = visit(f"{service}/maps/status", size=PHONE)
    legend = seen.page.locator(".legend")
    assert not legend.is_visible()
    seen.page.click(".handle")
    assert legend.is_visible()
    assert seen.page.locator(".handle").get_attribute("aria-expanded") == "true"


def test_a_map_saved_to_a_file_works_from_disk_without_a_service(
    sample_district: Database, tmp_path: Path, visit: Any
) -> None:
    with sample_district.reading() as connection:
        html = saved(connection, find_map("status"), Reader("zh", "", date(2023, 10, 31)), {}, Settings())
    file = tmp_path / "status.html"
    file.write_text(html, "utf-8")
    seen = visit(file.as_uri())
    assert seen.asked == [file.as_uri()]
    assert seen.shown("bridges")
    assert seen.page.locator("a[href]:not([href^='#'])").count() == 0
    assert "RQ-001" in seen.open("gas_stations", "RQ-001")


def test_every_link_of_the_start_page_leads_somewhere(service: str, visit: Any) -> None:
    seen = visit(f"{service}/")
    links = {link.evaluate("(one) => one.href") for link in seen.page.locator("a[href]").all()}
    assert len(links) > 20
    broken = [link for link in links if httpx.get(link, follow_redirects=True).status_code != 200]
    assert broken == []


def test_the_statistics_page_says_what_the_api_says(service: str, visit: Any) -> None:
    seen = visit(f"{service}/statistics/rivers")
    seen.page.select_option("select[name=group]", "status")
    seen.page.click("button[type=submit]")
    seen.settle()
    answer = httpx.get(f"{service}/api/statistics/rivers?group=status&measure=count,length_km").json()
    assert seen.page.locator("tbody tr").count() == len(answer["rows"]) + len(answer["outside"])
    total = seen.page.locator("tfoot tr").last.locator("td").all_inner_texts()
    assert total == [f"{answer['total']['count']:,}", f"{answer['total']['length_km']:,.2f}"]


@pytest.mark.parametrize(("language", "said"), [("zh", "没有名为“statsu”的地图"), ("en", "There is no map 'statsu'")])
def test_a_mistyped_map_gets_a_page_that_names_what_there_is(
    language: str, said: str, service: str, browser: Browser
) -> None:
    page = browser.new_page()
    answer = page.goto(f"{service}/maps/statsu?lang={language}")
    assert answer is not None
    assert answer.status == 404
    assert said in page.locator(".lead").inner_text()
    assert page.locator(".problem li").all_inner_texts() == list(map_registry())
    page.close()


def test_the_api_documentation_is_the_services_own(service: str, visit: Any) -> None:
    seen = visit(f"{service}/docs")
    seen.page.get_by_text("/api/layers", exact=True).first.wait_for()
    assert {url for url in seen.asked if not url.startswith(service)} == set()


def test_a_day_is_chosen_on_the_page_and_kept_from_map_to_map(service: str, visit: Any) -> None:
    status = visit(f"{service}/maps/status")
    status.page.locator("input.day").fill("2023-06-30")
    status.page.wait_for_url("**as_of=2023-06-30**")
    status.settle()
    assert status.page.locator(".cartouche time").inner_text() == "2023-06-30"
    count = status.page.locator(".group[data-layer=hazards] legend .count").inner_text()
    assert count == "128", "the hazards found by midsummer"
    status.page.locator(".masthead nav a", has_text="风险图").click()
    status.page.wait_for_url("**/maps/risk?**as_of=2023-06-30**")


def test_a_popup_tells_the_history_of_a_record(service: str, visit: Any) -> None:
    status = visit(f"{service}/maps/status?lang=zh")
    status.open("bridges", "QL-001")
    status.page.locator(".record summary", has_text="更改历史").click()
    versions = status.page.locator(".record .versions > li")
    versions.first.wait_for()
    assert versions.count() == 5
    assert "技术状况等级: D 不合格 → B 良好" in versions.first.inner_text()


def test_a_popup_that_grows_keeps_the_focus_and_what_is_read_in_view(service: str, visit: Any) -> None:
    status = visit(f"{service}/maps/status?lang=zh", size={"width": 1200, "height": 480})
    status.open("bridges", "QL-001")
    summary = status.page.locator(".record summary", has_text="更改历史")
    summary.press("Enter")
    status.page.locator(".record .versions > li").first.wait_for()
    status.settle()
    expect(summary).to_be_focused()
    expect(summary).to_be_in_viewport()


def test_several_features_in_one_place_are_paged_through_by_key(service: str, visit: Any) -> None:
    status = visit(f"{service}/maps/status?lang=zh")
    status.centre("hazards", "YH-160")  # recorded at the place of its subject
    status.page.locator(".folium-map").click()
    following, pager = status.page.get_by_role("button", name="下一个"), status.page.locator(".record .pager")
    expect(pager).to_contain_text("· 1")
    following.press("Enter")
    expect(pager).to_contain_text("· 2")
    expect(following).to_be_focused()


def test_a_click_is_not_lost_while_a_popup_grows(service: str, visit: Any) -> None:
    status = visit(f"{service}/maps/status?lang=zh")
    status.open("bridges", "QL-001")
    summary = status.page.locator(".record summary", has_text="更改历史")
    box = summary.bounding_box()
    assert box is not None
    status.page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    status.page.mouse.down()
    status.page.evaluate(f"{STATE}.map.eachLayer((one) => one instanceof L.Popup && one.update())")
    status.page.mouse.up()
    status.page.locator(".record .versions > li").first.wait_for()


def test_a_popup_lists_what_was_done_about_a_feature_the_latest_first(service: str, visit: Any) -> None:
    status = visit(f"{service}/maps/status?lang=zh")
    status.open("bridges", "QL-001")
    status.page.locator(".record summary", has_text="工作记录").click()
    done = status.page.locator(".record .done > li")
    done.first.wait_for()
    said = done.all_inner_texts()
    assert "工程 整治 · 完工" in "\n".join(said)
    assert "检查 定期检测" in "\n".join(said)
    days = [text[:10] for text in said]
    assert days == sorted(days, reverse=True)


def test_a_popup_shows_the_photos_of_a_record(own_sample: Database, tmp_path: Path, visit: Any) -> None:
    sink = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(sink, "JPEG")
    photo, store = Sent(sink, f"{HOSTILE}.jpg", "护栏"), Store(Settings(home=tmp_path))
    attach(own_sample, store, registry()["bridges"], "QL-001", photo)
    with serving(own_sample, home=tmp_path) as address:
        status = visit(f"{address}/maps/status?lang=zh")
        status.open("bridges", "QL-001")
        thumbnail = status.page.locator(".record .photos img")
        thumbnail.wait_for()
        assert thumbnail.get_attribute("alt").endswith("护栏")
        expect(thumbnail).to_have_js_property("naturalWidth", 300)
        status.settle()  # the popup has grown, and the map moves until it is seen whole
        with status.context.expect_page() as opened:
            thumbnail.click()
        assert opened.value.url.endswith("/api/attachments/1")
