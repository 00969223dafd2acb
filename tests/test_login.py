"""Signing in and out by a browser's form, against a real service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from conftest import copied
from serving import running, serving

from gis_service import passwords, users
from gis_service.api.app import create_app
from gis_service.database import Database
from gis_service.database.accounts import TokenRow, UserRow
from gis_service.sessions import Tries
from gis_service.settings import Settings

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}


@cache
def stored(password: str) -> str:
    return passwords.hashed(password)


def peopled(database: Database) -> Database:
    """Add an editor, a viewer and an administrator, each with a password of her own."""
    with database.transaction() as connection:
        for name, role in (("lin", "editor"), ("chen", "viewer"), ("root", "admin")):
            row = {"name": name, "title": name.title(), "role": role, "password": stored(PASSWORD + name)}
            connection.execute(sa.insert(UserRow).values(**row))
    return database


@pytest.fixture
def district(empty_district: Database) -> Database:
    return peopled(empty_district)


@pytest.fixture(scope="module")
def steady(cluster: Any, upgraded_template: str) -> Iterator[str]:
    """A service whose users stay as they are, for tests that change nothing."""
    for database in copied(cluster, upgraded_template, "steady_users"):
        with serving(peopled(database)) as address:
            yield address


@pytest.fixture
def visitor(steady: str) -> Iterator[Any]:
    """Make browsers at the steady service."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(httpx.Client(base_url=steady, headers=HTML, timeout=30))


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


def test_who_knows_the_password_is_signed_in_and_the_page_says_so(visitor: Any) -> None:
    client = visitor()
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "<summary>Lin</summary>" in client.get("/").text


def test_the_cookie_is_for_this_service_alone_and_no_script_reads_it(visitor: Any) -> None:
    cookie = sign_in(visitor()).headers["set-cookie"].lower()
    assert {"httponly", "path=/", "samesite=lax", "max-age=43200"} <= {part.strip() for part in cookie.split(";")}
    assert "secure" not in cookie
    behind = visitor()
    behind.headers["X-Forwarded-Proto"] = "https"
    assert "; secure" in sign_in(behind).headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("name", "password"), [("lin", "wrong"), ("nobody", "wrong"), ("lin", ""), ("anonymous", ""), ("l\0n", "x")]
)
def test_a_wrong_name_or_password_is_refused_in_the_same_words(visitor: Any, name: str, password: str) -> None:
    answer = sign_in(visitor(), name, password)
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
    assert "<summary>Lin</summary>" not in late.text
    assert 'gis_session=""' in late.headers["set-cookie"]


@pytest.mark.parametrize("given", ["none", "wrong", "another session's"])
def test_a_write_without_the_token_of_the_sessions_own_page_is_refused(visitor: Any, given: str) -> None:
    client, other = visitor(), visitor()
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
def test_a_page_of_another_site_can_neither_write_nor_sign_in(visitor: Any, header: dict[str, str]) -> None:
    client = visitor()
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
def test_after_signing_in_one_is_led_on_within_this_service_only(visitor: Any, asked: str, led: str) -> None:
    client = visitor()
    answer = client.post("/login", params={"next": asked}, data={"name": "lin", "password": PASSWORD + "lin"})
    assert answer.headers["location"] == led


def test_a_session_that_has_expired_is_that_of_nobody(browser: Any, district: Database) -> None:
    client = browser()
    sign_in(client)
    with district.transaction() as connection:
        connection.execute(sa.update(TokenRow).values(expires_at=sa.func.now()))
    assert "<summary>Lin</summary>" not in client.get("/").text
    assert "gis_session" not in client.cookies


def test_a_user_who_is_disabled_is_out_at_once(browser: Any, district: Database) -> None:
    client = browser()
    sign_in(client)
    with district.transaction() as connection:
        connection.execute(sa.update(UserRow).where(UserRow.name == "lin").values(active=False))
    assert "<summary>Lin</summary>" not in client.get("/").text
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


def test_who_is_led_to_sign_in_is_led_back_whatever_the_address_holds(district: Database) -> None:
    asked = "/ogc/collections/hazards/items/%E9%9A%90%E6%82%A3%20100%25%2F%23%3F"
    with serving(district, anonymous=False) as address, httpx.Client(base_url=address, headers=HTML) as client:
        there = httpx.URL(client.get(asked).headers["location"])
        answer = sign_in(client, query=f"?{there.query.decode()}")
        led = client.get(answer.headers["location"], headers={"Accept": "*/*"}).json()
        assert (led["name"], led["instance"]) == ("隐患 100%/#?", asked.replace("%2F", "/"))


def test_what_is_hers_is_not_kept_by_caches_for_others(visitor: Any) -> None:
    client = visitor()
    assert client.get("/api/layers").headers.get("cache-control") is None
    sign_in(client)
    for address in ("/", "/api/layers", "/nowhere"):
        answer = client.get(address)
        assert answer.headers["cache-control"] == "private, no-store"
        assert {"cookie", "authorization"} <= {v.strip().lower() for v in answer.headers["vary"].split(",")}
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def write(client: httpx.Client, method: str, address: str, document: Any = None) -> httpx.Response:
    """Send as a page of the client's session does."""
    headers = {"X-CSRF-Token": csrf(client), "Content-Type": "application/json"}
    return client.request(method, address, content=None if document is None else json.dumps(document), headers=headers)


def test_after_too_many_failures_even_the_right_password_has_to_wait(district: Database) -> None:
    app, now = create_app(district, Settings()), [0.0]
    app.state.tries = Tries(clock=lambda: now[0])
    with running(app) as address, httpx.Client(base_url=address, headers=HTML, timeout=30) as client:
        assert [sign_in(client, "lin", "wrong").status_code for _ in range(6)] == [401] * 5 + [429]
        refused = sign_in(client)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 3
        assert "登录失败次数过多" in refused.text
        with httpx.Client(base_url=address, headers=HTML, timeout=30) as other:
            assert sign_in(other, "chen").status_code == 303
        assert sign_in(client).status_code == 429
        now[0] += int(refused.headers["retry-after"])
        assert sign_in(client).status_code == 303


def test_signing_in_anew_ends_the_session_that_was(browser: Any, service: str) -> None:
    client = browser()
    sign_in(client)
    kept = dict(client.cookies)
    sign_in(client, "chen")
    assert "<summary>Chen</summary>" in client.get("/").text
    assert httpx.get(f"{service}/api/me", cookies=kept).json()["anonymous"]


def test_one_learns_who_one_is_and_what_one_may_do(visitor: Any) -> None:
    client = visitor()
    assert client.get("/api/me").json()["anonymous"]
    sign_in(client)
    me = client.get("/api/me", params={"lang": "en"}).json()
    assert (me["name"], me["role"], me["areas"]) == ("lin", {"name": "editor", "label": "editor"}, None)
    rivers = next(layer for layer in me["may"] if layer["layer"] == "rivers")
    assert rivers["write"]
    assert {"name", "geom"} <= set(rivers["fields"])
    assert "administer" not in {duty["name"] for duty in me["duties"]}


def test_a_token_is_the_password_of_clients_that_know_no_other_way(browser: Any, service: str) -> None:
    client = browser()
    sign_in(client)
    secret = write(client, "POST", "/api/me/tokens", {}).json()["secret"]

    def known(name: str, password: str) -> int:
        return httpx.get(f"{service}/api/me", auth=(name, password)).status_code

    assert known("lin", secret) == known("", secret) == 200
    assert known("chen", secret) == known("lin", client.cookies["gis_session"]) == known("lin", PASSWORD) == 401
    assert httpx.get(f"{service}/api/me", headers={"Authorization": "Basic ?"}).status_code == 401


def test_a_token_works_until_it_is_revoked_and_makes_no_other(browser: Any, service: str) -> None:
    client = browser()
    sign_in(client)
    made = write(client, "POST", "/api/me/tokens", {"label": "QGIS", "days": 30})
    assert made.status_code == 201
    bearer = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert httpx.get(f"{service}/api/me", headers=bearer).json()["name"] == "lin"
    more = httpx.post(f"{service}/api/me/tokens", json={"label": "more"}, headers=bearer)
    assert (more.status_code, more.json()["type"]) == (403, "/docs/problems#forbidden")
    [listed] = client.get("/api/me/tokens").json()["tokens"]
    assert made.json()["secret"] not in str(listed)
    assert write(client, "DELETE", f"/api/me/tokens/{listed['id']}").status_code == 204
    assert httpx.get(f"{service}/api/me", headers=bearer).status_code == 401
    assert write(client, "DELETE", f"/api/me/tokens/{listed['id']}").status_code == 404


def test_the_secret_of_a_session_is_no_token_and_that_of_a_token_no_session(browser: Any, service: str) -> None:
    client = browser()
    sign_in(client)
    secret = write(client, "POST", "/api/me/tokens", {}).json()["secret"]
    assert httpx.get(f"{service}/api/me", cookies={"gis_session": secret}).json()["anonymous"]
    session = {"Authorization": f"Bearer {client.cookies['gis_session']}"}
    assert httpx.get(f"{service}/api/me", headers=session).status_code == 401


def test_nobodys_token_is_anothers_to_see_or_revoke(browser: Any) -> None:
    lin, chen = browser(), browser()
    sign_in(lin)
    sign_in(chen, "chen")
    token = write(lin, "POST", "/api/me/tokens", {}).json()["id"]
    assert chen.get("/api/me/tokens").json() == {"tokens": []}
    assert write(chen, "DELETE", f"/api/me/tokens/{token}").status_code == 404
    assert len(lin.get("/api/me/tokens").json()["tokens"]) == 1


def test_a_new_password_keeps_this_browser_and_ends_the_others(browser: Any) -> None:
    here, there = browser(), browser()
    sign_in(here)
    sign_in(there)
    wrong = write(here, "POST", "/api/me/password", {"present": "wrong", "password": "seven quiet rivers run"})
    assert (wrong.status_code, wrong.json()["field"]) == (403, "present")
    weak = write(here, "POST", "/api/me/password", {"present": PASSWORD + "lin", "password": "1234567890"})
    assert (weak.status_code, weak.json()["field"]) == (400, "password")
    done = write(here, "POST", "/api/me/password", {"present": PASSWORD + "lin", "password": "seven quiet rivers run"})
    assert done.status_code == 204
    assert here.get("/api/me").json()["name"] == "lin"
    assert there.get("/api/me").json()["anonymous"]
    assert sign_in(browser()).status_code == 401
    assert sign_in(browser(), "lin", "seven quiet rivers run").status_code == 303


def test_an_administrator_keeps_the_users_and_nobody_else_does(browser: Any) -> None:
    admin, lin = browser(), browser()
    sign_in(admin, "root")
    sign_in(lin)
    assert lin.get("/api/users").status_code == 403
    assert lin.get("/users").status_code == 403
    assert browser().get("/users").headers["location"] == "/login?next=/users"
    assert write(lin, "PATCH", "/api/users/lin", {"role": "admin"}).status_code == 403
    made = write(admin, "POST", "/api/users", {"name": "王敏", "role": "inspector", "password": PASSWORD})
    assert (made.status_code, made.json()["layers"]) == (201, None)
    assert admin.get("/api/users").json()["users"][-1]["name"] == "王敏"
    assert "password" not in made.json()
    wang = browser()
    assert sign_in(wang, "王敏", PASSWORD).status_code == 303
    changed = write(admin, "PATCH", made.headers["location"], {"layers": ["rivers"], "title": "王工"})
    assert (changed.json()["layers"], changed.json()["role"]) == (["rivers"], "inspector")
    assert write(admin, "PATCH", made.headers["location"], {"layers": None}).json()["layers"] is None
    assert write(admin, "DELETE", made.headers["location"]).status_code == 204
    assert wang.get("/api/me").json()["anonymous"]


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"role": "boss"}, 400),
        ({"layers": ["lakes"]}, 404),
        ({"areas": ["nowhere"]}, 404),
        ({"columns": ["colour"]}, 404),
        ({"colour": "red"}, 400),
        ({"password": "short"}, 400),
        ({"title": "a\0b"}, 400),
        ({"name": "x"}, 400),
        ({"areas": ["half \ud800"]}, 400),
        ({"password": "half a character \ud800"}, 400),
    ],
)
def test_what_is_no_user_is_refused_in_words(visitor: Any, document: dict[str, Any], status: int) -> None:
    admin = visitor()
    sign_in(admin, "root")
    answer = write(admin, "PATCH", "/api/users/lin", document)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_the_last_administrator_stays_one(browser: Any) -> None:
    admin = browser()
    sign_in(admin, "root")
    for refused in ({"active": False}, {"role": "viewer"}):
        answer = write(admin, "PATCH", "/api/users/root", refused)
        assert (answer.status_code, answer.json()["type"]) == (409, "/docs/problems#not-now")
    assert write(admin, "DELETE", "/api/users/root").status_code == 409
    write(admin, "PATCH", "/api/users/lin", {"role": "admin"})
    assert write(admin, "PATCH", "/api/users/root", {"role": "viewer"}).status_code == 200


def test_who_signs_in_and_who_fails_is_on_record_without_secrets(
    browser: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="gis_service.sessions"):
        sign_in(browser(), "lin", "a secret that is wrong")
        sign_in(browser())
    said = [record.getMessage() for record in caplog.records if record.name == "gis_service.sessions"]
    assert said == ["'lin' failed to sign in from 127.0.0.1", "'lin' signed in from 127.0.0.1"]


def test_one_connection_is_all_that_a_page_takes(own_sample: Database) -> None:
    lean = Database(own_sample.engine.url.render_as_string(hide_password=False), Settings(pool_size=1))
    with own_sample.transaction() as connection:
        users.add(connection, "lin", role="admin", password=PASSWORD)
    with serving(lean) as address, httpx.Client(base_url=address, headers=HTML, timeout=30) as client:
        sign_in(client, "lin", PASSWORD)
        for page in ("/", "/account", "/users", "/statistics/rivers", "/maps/status", "/nowhere", "/api/me"):
            assert client.get(page).status_code in (200, 404), page
        assert write(client, "POST", "/api/me/tokens", {}).status_code == 201
    lean.engine.dispose()


def test_a_map_says_who_is_signed_in_as_every_page_does(own_sample: Database) -> None:
    with serving(peopled(own_sample)) as address, httpx.Client(base_url=address, headers=HTML, timeout=30) as client:
        assert 'href="/login?lang=zh&amp;next=/maps/status"' in client.get("/maps/status").text
        sign_in(client)
        page = client.get("/maps/status").text
        assert "<summary>Lin</summary>" in page
        assert csrf(client) in page
