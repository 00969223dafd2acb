"""Single sign-on, against an OpenID provider over HTTP."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from conftest import copied
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from provider import CLIENT, SECRET, Provider, providing
from serving import serving

from gis_service import users
from gis_service.database import Database

CHINESE = {"Accept": "text/html", "Accept-Language": "zh"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def district(cluster: Any, upgraded_template: str) -> Iterator[Database]:
    for database in copied(cluster, upgraded_template, "single_sign_on"):
        with database.transaction() as connection:
            users.add(connection, "lin", role="editor", title="林工")
            users.add(connection, "gone", role="editor")
            users.change(connection, "gone", {"active": False})
        yield database


@pytest.fixture
def service(district: Database, provider: Provider) -> Iterator[str]:
    named = {"oidc_issuer": provider.address, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with serving(district, **named) as address:
        provider.callback = f"{address}/login/oidc/callback"
        yield address


@pytest.fixture
def browser(service: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service, headers=CHINESE, follow_redirects=True, timeout=30) as client:
        yield client


def signed_in(browser: httpx.Client) -> str | None:
    me = browser.get("/api/me").json()
    return None if me["anonymous"] else me["name"]


def test_who_is_known_to_the_provider_is_signed_in_and_led_on(browser: httpx.Client) -> None:
    page = browser.get("/login", params={"next": "/account"})
    link = re.search(r'href="(/login/oidc[^"]*)"', page.text)
    assert link
    arrived = browser.get(link[1])
    assert arrived.url.path == "/account"
    assert "林工" in arrived.text
    assert signed_in(browser) == "lin"
    assert "gis_sign_on" not in browser.cookies


def test_a_claim_that_the_token_lacks_is_asked_of_the_provider(browser: httpx.Client, provider: Provider) -> None:
    provider.told_in_token = False
    browser.get("/login/oidc")
    assert signed_in(browser) == "lin"


@pytest.mark.parametrize("name", ["stranger", "gone", "anonymous", "LIN"])
def test_who_has_no_active_account_is_told_so_and_none_is_made(
    name: str, browser: httpx.Client, provider: Provider, district: Database
) -> None:
    provider.person["preferred_username"] = name
    page = browser.get("/login/oidc")
    assert page.status_code == 401
    assert f"“{name}”在本系统没有可用的账号" in page.text
    assert signed_in(browser) is None
    with district.reading() as connection:
        assert [user["name"] for user in users.users(connection)] == ["anonymous", "gone", "lin"]


def encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}."


STRANGER = RSAKey.generate_key(2048, {"kid": "1"})
FAULTS: dict[str, Callable[[Provider], None]] = {
    "another's nonce": lambda p: setattr(p, "twist", lambda c: c.update(nonce="another's")),
    "no nonce": lambda p: setattr(p, "twist", lambda c: c.pop("nonce")),
    "for another client": lambda p: setattr(p, "twist", lambda c: c.update(aud="another")),
    "authorized for another": lambda p: setattr(p, "twist", lambda c: c.update(aud=[CLIENT, "b"], azp="b")),
    "of another issuer": lambda p: setattr(p, "twist", lambda c: c.update(iss="https://other.example")),
    "expired": lambda p: setattr(p, "twist", lambda c: c.update(exp=int(time.time()) - 120)),
    "without an end": lambda p: setattr(p, "twist", lambda c: c.pop("exp")),
    "nobody": lambda p: setattr(p, "twist", lambda c: c.update(preferred_username=["lin"])),
    "not signed": lambda p: setattr(p, "sign", unsigned),
    "signed by a stranger": lambda p: setattr(
        p, "sign", lambda c: jwt.encode({"alg": "RS256", "kid": "1"}, c, STRANGER)
    ),
    "signed with the public key as a secret": lambda p: setattr(
        p, "sign", lambda c: jwt.encode({"alg": "HS256"}, c, OctKey.import_key(p.key.as_pem(private=False)))
    ),
}


@pytest.mark.filterwarnings("ignore:.*")  # joserfc warns of a public key as a secret: that is the attack
@pytest.mark.parametrize("fault", FAULTS)
def test_a_token_that_is_not_good_signs_nobody_in(fault: str, browser: httpx.Client, provider: Provider) -> None:
    FAULTS[fault](provider)
    page = browser.get("/login/oidc")
    assert page.status_code == 401
    assert "统一身份认证服务暂时不可用" in page.text
    assert signed_in(browser) is None


def away(browser: httpx.Client) -> str:
    """Go to the provider, and stop before coming back: the address at which one would."""
    there = browser.get("/login/oidc", follow_redirects=False).headers["location"]
    return httpx.get(there).headers["location"]


def test_an_answer_counts_for_the_browser_that_asked_and_once(browser: httpx.Client, service: str) -> None:
    back = away(browser)
    with httpx.Client(base_url=service, headers=CHINESE, follow_redirects=True) as victim:
        assert victim.get(back).status_code == 401
        victim.get("/login/oidc", follow_redirects=False)
        assert victim.get(back).status_code == 401
        assert signed_in(victim) is None
    kept = dict(browser.cookies)
    browser.get(back)
    assert signed_in(browser) == "lin"
    with httpx.Client(base_url=service, headers=CHINESE, cookies=kept) as again:
        assert again.get(back).status_code == 401


@pytest.mark.parametrize("query", ["", "error=access_denied", "code=x&state=y", "code=x", "iss=https://other.example"])
def test_what_is_no_answer_of_the_provider_is_a_page_to_sign_in_on(query: str, browser: httpx.Client) -> None:
    state = parse_qs(urlsplit(away(browser)).query)["state"][0]
    page = browser.get(f"/login/oidc/callback?{query}" + ("" if "state" in query else f"&state={state}"))
    assert page.status_code == 401
    assert 'role="alert"' in page.text
    assert signed_in(browser) is None


@pytest.mark.parametrize("cookie", ["", "x.y.z", unsigned({"state": "s", "next": "/", "exp": 4_000_000_000})])
def test_a_cookie_that_is_not_ours_is_refused(cookie: str, service: str) -> None:
    back = httpx.get(f"{service}/login/oidc/callback?code=x&state=s", cookies={"gis_sign_on": cookie}, headers=CHINESE)
    assert back.status_code == 401


@pytest.mark.parametrize("next_", ["https://evil.example", "//evil.example"])
def test_one_is_led_on_within_this_service_only(next_: str, browser: httpx.Client) -> None:
    assert browser.get("/login/oidc", params={"next": next_}).url.path == "/"
    assert signed_in(browser) == "lin"


def test_a_provider_that_is_away_is_said_so(district: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    with serving(district, oidc_issuer=nowhere, oidc_client_id="gis") as address:
        page = httpx.get(f"{address}/login/oidc", headers=CHINESE)
        assert page.status_code == 401
        assert "统一身份认证服务暂时不可用" in page.text


def test_without_a_provider_there_is_no_button_and_no_way(district: Database) -> None:
    with serving(district) as address:
        assert "/login/oidc" not in httpx.get(f"{address}/login").text
        assert httpx.get(f"{address}/login/oidc").status_code == 404


def test_a_provider_that_others_have_written_understands_us(district: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    person = json.dumps({"sub": "4711", "preferred_username": "lin"})
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--user-claims", person]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
    try:
        issuer = f"http://localhost:{port}"
        while running.poll() is None:
            try:
                issuer = httpx.get(f"{issuer}/.well-known/openid-configuration").json()["issuer"]
                break
            except httpx.TransportError:
                time.sleep(0.1)
        with (
            serving(district, oidc_issuer=issuer, oidc_client_id="gis", oidc_client_secret="x") as address,
            httpx.Client(base_url=address, headers=CHINESE, follow_redirects=True, timeout=30) as browser,
        ):
            asked = browser.get("/login/oidc")
            assert asked.url.port == port
            browser.post(str(asked.url), data={"sub": "4711"})
            assert signed_in(browser) == "lin"
    finally:
        running.terminate()
        running.wait()
