"""The ledger's pages in a real browser: an inspector records and rectifies, a verifier verifies and closes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from conftest import copied
from people import signed_in
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from serving import serving

from gis_service import passwords
from gis_service.database import Database
from gis_service.database.accounts import UserRow
from gis_service.database.cluster import Cluster
from gis_service.duties import RoleName

PASSWORD = "correct horse battery"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 800}
PEOPLE: dict[str, RoleName] = {"陈工": "inspector", "林工": "verifier", "王处": "manager"}
HOSTILE = "<img src=x onerror='window.hacked = 1'>{{ 7 * 7 }}"
SOON = "2023-11-10"


@pytest.fixture(scope="module")
def district(cluster: Cluster, sample_template: str) -> Iterator[Database]:
    """The sample district with people who can sign in."""
    for database in copied(cluster, sample_template, "ledger_pages"):
        password = passwords.hashed(PASSWORD)
        for name, role in PEOPLE.items():
            signed_in(database, name, role)
        with database.transaction("tests") as connection:
            connection.execute(sa.update(UserRow).where(UserRow.name.in_(PEOPLE)).values(password=password))
        yield database


@pytest.fixture(scope="module")
def service(district: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(district, home=tmp_path_factory.mktemp("files")) as address:
        yield address


Desk = Callable[..., Page]


@pytest.fixture
def desk(browser: Browser, service: str) -> Iterator[Desk]:
    """Open a page as somebody who signed in on the page for it (or as nobody); none may have faults of its own."""
    contexts, faults = [], list[str]()

    def opened(path: str, who: str = "", size: dict[str, int] = DESKTOP) -> Page:
        context = browser.new_context(viewport=size, base_url=service)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        # the browser says of every answer from 400 on that it failed to load; that is what is tested here
        page.on(
            "console",
            lambda said: (
                faults.append(said.text)
                if said.type == "error" and not re.search(r"status of 4\d\d", said.text)
                else None
            ),
        )
        if who:
            page.goto(f"/login?next={path}")
            page.fill("[name=name]", who)
            page.fill("[name=password]", PASSWORD)
            page.click(".card-form [type=submit]")
            page.wait_for_url(f"**{path}")
        else:
            page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def _photo() -> dict[str, Any]:
    content = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(content, "JPEG")
    return {"name": "现场.jpg", "mimeType": "image/jpeg", "buffer": content.getvalue()}


def _step(page: Page, label: str, **fields: str) -> Any:
    """Open the form of a step, fill it in, and send it; return the form."""
    form = page.locator("details.step", has=page.locator("summary b", has_text=re.compile(f"^{label}$")))
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    form.locator("[type=submit]").click()
    return form


def _state(page: Page, state: str) -> None:
    expect(page.locator("header .state")).to_have_text(state)


def test_a_hazard_is_recorded_issued_rectified_verified_and_closed_on_its_pages(desk: Desk) -> None:
    page = desk("/hazards/new", "陈工")
    page.select_option("[name=subject_layer]", "bridges")
    page.fill("[name=subject_code]", "QL-001")
    expect(page.locator("output")).not_to_be_empty()
    page.fill("[name=name]", "栏杆松动")
    page.select_option("[name=kind]", "结构")
    page.fill("[name=description]", HOSTILE)
    page.set_input_files("[name=files]", [_photo()])
    page.click("#new [type=submit]")
    page.wait_for_url("**/hazards/YH-*")
    _state(page, "登记")
    expect(page.locator(".facts + .photos img")).to_have_count(1)
    assert HOSTILE in page.locator("main header").inner_text()
    assert page.evaluate("window.hacked") is None

    refused = _step(page, "交办", deadline="2023-10-31")
    expect(refused.locator(".refusal")).to_have_text("整改期限: 期限须晚于 2023-10-31")
    expect(refused.locator("[name=deadline]")).to_have_attribute("aria-invalid", "true")
    _step(page, "交办", deadline=SOON, note="请桥管所处理")
    _state(page, "交办")

    refused = _step(page, "整改完成")
    expect(refused.locator(".refusal")).to_contain_text("请以文字说明或照片为凭")
    refused.locator("[name=attachments]").set_input_files([_photo() | {"name": "整改后.jpg", "buffer": _other()}])
    refused.locator("[type=submit]").click()
    _state(page, "整改完成")
    assert page.locator("details.step").count() == 0, "who rectified does not verify"
    expect(page.locator(".now")).to_contain_text("现在没有应由您办理的步骤")

    verifier = desk(page.url.removeprefix(page.evaluate("location.origin")).partition("?")[0], "林工")
    assert verifier.locator("details.step summary b").all_inner_texts() == ["复查合格", "退回整改"]
    _step(verifier, "复查合格", note="现场看过")
    _state(verifier, "复查")
    _step(verifier, "销号")
    _state(verifier, "销号")
    told = verifier.locator(".timeline > li")
    assert told.locator("p > b").all_inner_texts() == ["登记", "交办", SOON, "整改完成", "复查合格", "销号"]
    assert "请桥管所处理" in told.nth(1).inner_text()
    assert told.nth(2).locator("img").count() == 1
    assert "林工" in told.nth(3).inner_text()
    assert told.first.locator("time").get_attribute("datetime") == "2023-10-31"
    verifier.click("a.language")
    expect(verifier.locator("#events")).to_have_text("What has been done")
    assert "Issue" in told.nth(1).inner_text()


def _other() -> bytes:
    content = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(content, "PNG")
    return content.getvalue()


def test_a_hazard_at_a_place_is_recorded_by_a_click_on_the_map(desk: Desk, service: str) -> None:
    page = desk("/hazards/new?lang=en", "陈工")
    page.check("[value=place]")
    box = page.locator(".place")
    expect(box.locator("canvas").first).to_be_visible()
    _rested(page)
    box.click()
    longitude = float(page.input_value("[name=longitude]"))
    assert 119.2 < longitude < 119.5
    page.fill("[name=name]", "Sunken cover")
    page.select_option("[name=kind]", label="other")
    page.click("#new [type=submit]")
    page.wait_for_url("**/hazards/YH-*")
    expect(page.locator("header .state")).to_have_text("found")
    code = page.url.rpartition("/")[2].partition("?")[0]
    made = httpx.get(f"{service}/api/hazards/{code}").json()
    assert made["geometry"]["coordinates"][0] == pytest.approx(longitude, abs=1e-6)
    assert made["properties"]["area_name"] in page.locator(".facts").inner_text()


def _rested(page: Page) -> None:
    """Wait until the map has drawn what it read: its page forbids what a waiting function would need."""
    expect(page.locator("body.busy")).to_have_count(0)


def test_what_the_record_lacks_is_said_beside_the_form_and_nothing_is_lost(desk: Desk) -> None:
    page = desk("/hazards/new", "陈工")
    page.fill("[name=subject_code]", "没有这条河")
    page.fill("[name=name]", "护栏缺失")
    page.select_option("[name=kind]", "护岸")
    page.click("#new [type=submit]")
    expect(page.locator("#new > .refusal")).to_contain_text("编号或名称")
    assert page.input_value("[name=name]") == "护栏缺失"
    page.select_option("[name=subject_layer]", "rivers")
    page.fill("[name=subject_code]", "流花溪")
    expect(page.locator("output")).to_contain_text("HD-006")
    page.click("#new [type=submit]")
    page.wait_for_url("**/hazards/YH-*")
    expect(page.locator(".facts")).to_contain_text("HD-006")


def test_the_ledger_is_filtered_paged_and_marked_as_the_api_says(desk: Desk, service: str) -> None:
    page = desk("/hazards?status=销号")
    rows = page.locator(".ledger tbody tr")
    assert rows.count() == 50
    first = set(page.locator(".ledger tbody a").all_inner_texts())
    page.click("a[rel=next]")
    page.wait_for_url("**after=**")
    assert "status=" in page.url
    assert not first & set(page.locator(".ledger tbody th small").all_inner_texts())
    page.goto("/hazards")
    page.check("[name=overdue]")
    page.select_option("[name=area]", "350104103")
    page.click("form.query [type=submit]")
    page.wait_for_url("**overdue=true**")
    late = httpx.get(f"{service}/api/hazards?overdue=true&area=350104103").json()["features"]
    assert rows.count() == len(late) > 0
    for row, feature in zip(rows.all(), late, strict=True):
        assert f"逾期 {feature['properties']['days_overdue']} 天" in row.inner_text()
    told = httpx.get(f"{service}/api/hazards/rates?area=350104103").json()["total"]["rates"][0]
    assert f"{told['numerator']} / {told['denominator']}" in page.locator(".figures").inner_text()


def test_who_has_not_signed_in_reads_and_is_asked_to_sign_in_before_acting(desk: Desk) -> None:
    page = desk("/hazards?lang=en")
    assert page.locator("a[href^='/hazards/new']").count() == 0
    page.locator(".ledger tbody a").first.click()
    expect(page.locator(".now")).to_contain_text("Sign in to take the steps that are yours.")
    page.goto("/hazards/new")
    expect(page).to_have_url(re.compile("/login"))


def test_the_daily_list_says_what_each_area_has_to_do_and_prints_without_the_menu(desk: Desk, service: str) -> None:
    page = desk("/hazards/daily")
    told = httpx.get(f"{service}/api/hazards/daily").json()
    assert page.locator("section h2").all_inner_texts() == [area["area"] for area in told["areas"]]
    for area in told["areas"]:
        listed = page.locator(f"section[aria-labelledby='area-{area['area_code']}'] tbody tr:not(.section)")
        assert listed.count() == sum(len(area[section]) for section in told["sections"])
    page.emulate_media(media="print")
    assert not page.locator(".masthead").is_visible()
    assert page.locator("th.print-only").first.is_visible()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", ["/hazards", "/hazards/daily", "/hazards/YH-154"])
def test_a_phone_needs_no_sideways_scrolling(path: str, language: str, desk: Desk) -> None:
    page = desk(f"{path}?lang={language}", size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shown = page.locator(".masthead nav [aria-current]").bounding_box()
    assert shown is not None
    assert shown["x"] + shown["width"] <= PHONE["width"], "the menu shows where one is"


def test_an_inspector_records_on_a_phone(desk: Desk) -> None:
    page = desk("/hazards/new", "陈工", size=PHONE)
    page.check("[value=place]")
    _rested(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_past_day_is_shown_and_not_acted_on(desk: Desk) -> None:
    page = desk("/hazards/YH-154?as_of=2023-08-19", "王处")
    _state(page, "交办")
    assert page.locator(".timeline > li").count() == 2
    assert page.locator(".now").count() == 0


def test_a_hazards_popup_on_the_map_leads_to_its_page(desk: Desk) -> None:
    page = desk("/maps/status")
    _rested(page)
    page.evaluate(
        """() => {
            const { gis: state } = Object.values(window).find((one) => one && one.gis && one.gis.painter);
            const layer = state.layers.find((one) => one.name === "hazards" && one.opens && !one.quiet);
            const found = (layer.source.list || layer.shown).find((one) => one.code === "YH-154");
            const [x, y] = found.parts[0];
            state.map.setView([gis.latitude(y), gis.longitude(x)], 17, { animate: false });
        }"""
    )
    _rested(page)
    page.locator(".folium-map").focus()
    page.keyboard.press("Enter")
    link = page.locator(".leaflet-popup-content a", has_text="台账与办理")
    link.first.wait_for()
    for _ in range(6):
        if "YH-154" in (link.get_attribute("href") or ""):
            break
        page.locator(".pager button").last.click()
    page.wait_for_load_state("networkidle")  # the popup grows while its photos and its history are read
    link.click()
    page.wait_for_url("**/hazards/YH-154**")
