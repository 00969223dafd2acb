"""Signing in and out by a browser's form, against a real service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from serving import serving

from gis_service import passwords
from gis_service.database import Database
from gis_service.database.accounts import TokenRow, UserRow

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}


@pytest.fixture
def district(empty_district: Database) -> Database:
    """A district with an editor who has a password, and a viewer with another."""
    with empty_district.transaction() as connection:
        for name, role in (("lin", "editor"), ("chen", "viewer"), ("root", "admin")):
            row = {"name": name, "title": name.title(), "role": role, "password": passwords.hashed(PASSWORD + name)}
            connection.execute(sa.insert(UserRow).values(**row))
    return empty_district


@pytest.fixture
def service(district: Database) -> Iterator[str]:
    with serving(district) as address:
        yield address


@pytest.fixture
def browser(service: str) -> Iterator[Any]:
    """Make browsers: clients with cookies of their own that ask for pages."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(httpx.Client(base_url=service, headers=HTML, timeout=30))


def sign_in(client: httpx.Client, name: str = "lin", password: str | None = None, query: str = "") -> httpx.Response:
    form = {"name": name, "password": PASSWORD + name if password is None else password}
    return client.post(f"/login{query}", data=form)


def csrf(client: httpx.Client) -> str:
    page = client.get("/").text
    return page.split('name="csrf-token" content="')[1].split('"')[0]


def test_who_knows_the_password_is_signed_in_and_the_page_says_so(browser: Any) -> None:
    client = browser()
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "<summary>Lin</summary>" in client.get("/").text


def test_the_cookie_is_for_this_service_alone_and_no_script_reads_it(browser: Any) -> None:
    cookie = sign_in(browser()).headers["set-cookie"].lower()
    assert {"httponly", "path=/", "samesite=lax", "max-age=43200"} <= {part.strip() for part in cookie.split(";")}
    assert "secure" not in cookie
    behind = browser()
    behind.headers["X-Forwarded-Proto"] = "https"
    assert "; secure" in sign_in(behind).headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("name", "password"), [("lin", "wrong"), ("nobody", "wrong"), ("lin", ""), ("anonymous", ""), ("l\0n", "x")]
)
def test_a_wrong_name_or_password_is_refused_in_the_same_words(browser: Any, name: str, password: str) -> None:
    answer = sign_in(browser(), name, password)
    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text
    assert "set-cookie" not in answer.headers


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(browser: Any, service: str) -> None:
    client = browser()
    sign_in(client)
    kept = dict(client.cookies)
    assert client.post("/logout", data={"csrf_token": csrf(client)}).status_code == 303
    assert "gis_session" not in client.cookies
    late = httpx.get(f"{service}/", cookies=kept, headers=HTML)
    assert "<summary>" not in late.text
    assert 'gis_session=""' in late.headers["set-cookie"]


@pytest.mark.parametrize("given", ["none", "wrong", "another session's"])
def test_a_write_without_the_token_of_the_sessions_own_page_is_refused(browser: Any, given: str) -> None:
    client, other = browser(), browser()
    sign_in(client)
    sign_in(other, "chen")
    token = {"none": "", "wrong": "0" * 64, "another session's": csrf(other)}[given]
    assert client.post("/logout", data={"csrf_token": token}).status_code == 403
    assert client.post("/logout", headers={"X-CSRF-Token": token}).status_code == 403
    assert "<summary>Lin</summary>" in client.get("/").text
    assert client.post("/logout", headers={"X-CSRF-Token": csrf(client)}).status_code == 303


@pytest.mark.parametrize(
    "header", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_page_of_another_site_can_neither_write_nor_sign_in(browser: Any, header: dict[str, str]) -> None:
    client = browser()
    form = {"name": "lin", "password": PASSWORD + "lin"}
    assert client.post("/login", data=form, headers=header).status_code == 403
    sign_in(client)
    assert client.post("/logout", headers={"X-CSRF-Token": csrf(client), **header}).status_code == 403


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/maps/status?area=1", "/maps/status?area=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\\b", "/"),
    ],
)
def test_after_signing_in_one_is_led_on_within_this_service_only(browser: Any, asked: str, led: str) -> None:
    client = browser()
    answer = client.post("/login", params={"next": asked}, data={"name": "lin", "password": PASSWORD + "lin"})
    assert answer.headers["location"] == led


def test_a_session_that_has_expired_is_that_of_nobody(browser: Any, district: Database) -> None:
    client = browser()
    sign_in(client)
    with district.transaction() as connection:
        connection.execute(sa.update(TokenRow).values(expires_at=sa.func.now()))
    assert "<summary>" not in client.get("/").text
    assert "gis_session" not in client.cookies


def test_a_user_who_is_disabled_is_out_at_once(browser: Any, district: Database) -> None:
    client = browser()
    sign_in(client)
    with district.transaction() as connection:
        connection.execute(sa.update(UserRow).where(UserRow.name == "lin").values(active=False))
    assert "<summary>" not in client.get("/").text
    assert sign_in(client).status_code == 401


def test_a_token_that_is_nobodys_is_an_error_and_not_an_anonymous_reader(service: str) -> None:
    answer = httpx.get(f"{service}/api/layers", headers={"Authorization": "Bearer nobody"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_where_nobody_reads_anonymously_programs_are_refused_and_browsers_led_to_sign_in(district: Database) -> None:
    with serving(district, anonymous=False) as address, httpx.Client(base_url=address, headers=HTML) as client:
        answer = client.get("/api/layers")
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        answer = client.get("/maps/status?area=350104101&lang=en")
        assert answer.status_code == 303
        sign_in_page = client.get(answer.headers["location"])
        assert "/maps/status%3Farea%3D350104101%26lang%3Den" in sign_in_page.text
        sign_in(client)
        assert client.get("/").status_code == 200
        assert client.get("/api/layers").status_code == 200


def test_what_is_hers_is_not_kept_by_caches_for_others(browser: Any) -> None:
    client = browser()
    assert client.get("/api/layers").headers.get("cache-control") is None
    sign_in(client)
    for address in ("/", "/api/layers", "/nowhere"):
        answer = client.get(address)
        assert answer.headers["cache-control"] == "private, no-store"
        assert {"cookie", "authorization"} <= {v.strip().lower() for v in answer.headers["vary"].split(",")}
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
