"""Signing in, one's own account and the users, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import copied
from playwright.sync_api import Browser, Dialog, Page, expect
from serving import serving

from gis_service import users
from gis_service.database import Database

PASSWORD = "correct horse battery"
DESKTOP, PHONE = {"width": 1280, "height": 820}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def district(cluster: Any, sample_template: str) -> Iterator[Database]:
    for database in copied(cluster, sample_template, "login_pages"):
        with database.transaction() as connection:
            users.add(connection, "root", role="admin", title="系统管理员", password=PASSWORD)
            users.add(connection, "lin", role="editor", title="林工", areas=["城门镇"], password=PASSWORD)
        yield database


@pytest.fixture(scope="module")
def service(district: Database) -> Iterator[str]:
    with serving(district) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, service: str) -> Iterator[Any]:
    """Open a browser of one's own at a page; there must be no fault in it when it is left."""
    faults: list[str] = []
    contexts = []

    def opened(path: str, size: Any = DESKTOP) -> Page:
        contexts.append(browser.new_context(viewport=size, base_url=service))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        # a refusal is an answer, which the console reports as well
        refused = ("401", "403", "400", "409", "404")
        page.on(
            "console",
            lambda said: (
                faults.append(said.text) if said.type == "error" and not any(r in said.text for r in refused) else None
            ),
        )
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.fill("[name=name]", name)
    page.fill("[name=password]", password)
    page.locator(".card-form .primary").click()


@pytest.mark.parametrize(
    ("language", "wrong", "out"),
    [("zh", "用户名或密码不正确", "退出登录"), ("en", "name or the password is wrong", "Sign out")],
)
def test_one_signs_in_where_one_was_and_out_again(language: str, wrong: str, out: str, visit: Any) -> None:
    page = visit(f"/statistics/rivers?lang={language}")
    page.locator("a.account").click()
    sign_in(page, "lin", "not this one")
    expect(page.get_by_role("alert")).to_contain_text(wrong)
    sign_in(page, "lin")
    expect(page).to_have_url(re.compile("/statistics/rivers"))
    page.locator("details.account summary").click()
    page.get_by_role("button", name=out).click()
    expect(page.locator("a.account")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize(("language", "heading"), [("zh", "我可以做什么"), ("en", "What I may do")])
def test_the_account_says_in_words_what_one_may_do(
    language: str, heading: str, size: dict[str, int], visit: Any
) -> None:
    page = visit(f"/account?lang={language}", size)
    sign_in(page, "lin")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator(".limits")).to_contain_text("城门镇")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "the page is wider than the screen"


def test_a_token_made_on_the_page_works_until_it_is_revoked_there(visit: Any, service: str) -> None:
    page = visit("/account?lang=en")
    sign_in(page, "lin")
    page.fill("[name=label]", "QGIS")
    page.get_by_role("button", name="Make a token").click()
    shown = page.locator(".secret code")
    expect(shown).to_contain_text("gis_")
    secret = shown.inner_text()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{service}/api/me", headers=bearer).json()["name"] == "lin"
    page.get_by_role("link", name="I have kept it").click()
    expect(page.locator("#tokens + p + .table")).to_contain_text("QGIS")
    assert secret not in page.content()
    page.on("dialog", accept)
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
    assert httpx.get(f"{service}/api/me", headers=bearer).status_code == 401


def accept(dialog: Dialog) -> None:
    dialog.accept()


def test_an_administrator_adds_a_user_who_signs_in_changes_her_password_and_is_shut_out(visit: Any) -> None:
    admin = visit("/users?lang=zh")
    sign_in(admin, "root")
    admin.get_by_role("button", name="添加用户").click()
    editor = admin.locator("#editor")
    editor.locator("[name=name]").fill("王敏")
    editor.locator("[name=title]").fill("王工")
    editor.locator("[name=role]").select_option("inspector")
    editor.locator("[name=password]").fill("1234567890")
    editor.get_by_label("全区").uncheck()
    editor.get_by_label("盖山镇").check()
    editor.get_by_role("button", name="保存").click()
    expect(editor.get_by_role("alert")).to_contain_text("太常见")
    editor.locator("[name=password]").fill(PASSWORD)
    editor.get_by_role("button", name="保存").click()
    row = admin.locator("tr", has_text="王敏")
    expect(row).to_contain_text("检查")
    expect(row).to_contain_text("盖山镇")

    wang = visit("/account?lang=zh", PHONE)
    sign_in(wang, "王敏")
    expect(wang.locator(".limits")).to_contain_text("盖山镇")
    form = wang.locator("form[data-send*=password]")
    for field, typed in (("present", PASSWORD), ("password", "seven quiet rivers run")):
        form.locator(f"[name={field}]").fill(typed)
    form.locator("[data-same]").fill("seven quiet rivers run")
    form.get_by_role("button", name="更改").click()
    expect(form.locator("output")).to_contain_text("密码已更改")
    wang.fill("[name=label]", "after the change")  # the page's token is that of the new session
    wang.get_by_role("button", name="建立令牌").click()
    expect(wang.locator(".secret code")).to_contain_text("gis_")

    row.get_by_role("button", name="编辑").click()
    editor.get_by_label("启用").uncheck()
    editor.get_by_role("button", name="保存").click()
    expect(row).to_contain_text("已停用")
    wang.goto("/account")
    expect(wang.locator(".card-form h1")).to_be_visible()
    sign_in(wang, "王敏", "seven quiet rivers run")
    expect(wang.get_by_role("alert")).to_be_visible()


def test_the_public_is_narrowed_as_a_user_is(visit: Any, service: str, district: Database) -> None:
    admin = visit("/users?lang=en", PHONE)
    sign_in(admin, "root")
    admin.locator("tr", has_text="anonymous").get_by_role("button", name="Edit").click()
    editor = admin.locator("#editor")
    editor.get_by_label("all layers").uncheck()
    editor.get_by_label("Rivers").check()
    editor.get_by_role("button", name="Save").click()
    expect(admin.locator("tr", has_text="anonymous").locator("td").nth(2)).to_have_text("Rivers")
    assert httpx.get(f"{service}/api/layers/bridges/features").json()["features"] == []
    assert httpx.get(f"{service}/api/layers/rivers/features").json()["features"]
    with district.transaction() as connection:
        users.change(connection, "anonymous", {"layers": None})
