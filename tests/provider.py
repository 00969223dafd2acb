"""A strict OpenID provider, for the tests of single sign-on: it checks all that the standards ask of a client."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from serving import running

CLIENT, SECRET = "gis", "s3cret: of/ours"


@dataclass
class Provider:
    """Who is signed in at the provider, and in which way it is at fault."""

    person: dict[str, Any] = field(default_factory=lambda: {"sub": "4711", "preferred_username": "lin"})
    address: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    twist: Callable[[dict[str, Any]], None] = lambda _: None
    sign: Callable[[dict[str, Any]], str] | None = None
    told_in_token: bool = True
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    callback: str = ""

    def token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": self.person["sub"], "iat": now, "exp": now + 300}
        claims |= {"nonce": asked["nonce"]} | (self.person if self.told_in_token else {})
        self.twist(claims)
        return self.sign(claims) if self.sign else jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)


def require(*conditions: bool) -> None:
    if not all(conditions):
        raise HTTPException(400, "the client is at fault")


@contextmanager
def providing() -> Iterator[Provider]:
    """Run a provider."""
    provider, app = Provider(), FastAPI()

    @app.get("/.well-known/openid-configuration")
    def metadata() -> dict[str, Any]:
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        there = {f"{name}_endpoint": f"{provider.address}/{path}" for name, path in ends.items()}
        return {"issuer": provider.address, "jwks_uri": f"{provider.address}/keys", **there}

    @app.get("/keys")
    def keys() -> Any:
        return KeySet([provider.key]).as_dict(private=False)

    @app.get("/authorize")
    def authorize(request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        require(asked["client_id"] == CLIENT, asked["response_type"] == "code", "openid" in asked["scope"].split())
        require(asked["code_challenge_method"] == "S256", len(asked["state"]) > 20, len(asked["nonce"]) > 20)
        require(asked["redirect_uri"] == provider.callback)
        code = secrets.token_urlsafe()
        provider.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": provider.address, "session_state": "its own"}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

    @app.post("/token")
    async def token(request: Request) -> dict[str, Any]:
        form = await request.form()
        pair = base64.b64encode(b"gis:s3cret%3A%20of%2Fours").decode()
        require(request.headers.get("authorization") == f"Basic {pair}")
        asked = provider.codes.pop(str(form["code"]), {})  # once
        digest = sha256(str(form["code_verifier"]).encode()).digest()
        require(form["grant_type"] == "authorization_code", form["redirect_uri"] == asked.get("redirect_uri"))
        require(base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked.get("code_challenge"))
        return {"access_token": "opens userinfo", "token_type": "Bearer", "id_token": provider.token(asked)}

    @app.get("/userinfo")
    def userinfo(request: Request) -> dict[str, Any]:
        require(request.headers.get("authorization") == "Bearer opens userinfo")
        return provider.person

    with running(app) as address:
        provider.address = address
        yield provider
