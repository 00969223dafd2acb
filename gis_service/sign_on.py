"""Single sign-on by OpenID Connect: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).

The provider says who somebody is; whether there is such a user, and what she may do, is said here alone. Nothing of the
provider is kept: a sign-on asks for its metadata and keys anew, so that changed keys need no restart.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import secrets
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from gis_service.errors import NotSignedIn
from gis_service.settings import Settings

log = logging.getLogger(__name__)

MINUTES = 10
"""How long one may take to sign in at the provider."""
_TIMEOUT = 10.0
_LEEWAY = 60
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a key pair: a provider's public key must never serve as a shared secret."""


@dataclass(frozen=True)
class Departure:
    """Where a browser is sent to sign in, and the cookie with which it comes back."""

    address: str
    cookie: str


class SignOn:
    """The provider that the settings name. State is signed into a cookie; nonce and PKCE's verifier follow from it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = sha256((settings.oidc_client_secret or secrets.token_hex()).encode() + b"gis sign-on").digest()

    @property
    def is_on(self) -> bool:
        """Say whether there is a provider."""
        return bool(self._settings.oidc_issuer)

    def start(self, redirect_uri: str, next_: str) -> Departure:
        """Return where to send a browser that shall come back to `redirect_uri`, and then be led on to `next_`.

        Raises
        ------
        NotSignedIn
            Where the provider cannot be reached.
        """
        state = secrets.token_urlsafe(24)
        challenge = _base64(sha256(self._derived("verifier", state).encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile email",
            "state": state,
            "nonce": self._derived("nonce", state),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        there: str = self._metadata()["authorization_endpoint"]
        claims = {"state": state, "next": next_, "exp": int(time.time()) + MINUTES * 60}
        cookie = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(self._key))
        return Departure(there + ("&" if "?" in there else "?") + urlencode(asked), cookie)

    def finish(self, redirect_uri: str, cookie: str, answer: Mapping[str, str]) -> tuple[str, str]:
        """Return who comes back from the provider with an answer, by the claim of the settings, and where she goes on.

        Raises
        ------
        NotSignedIn
            Where the answer is not to what this browser asked, the provider refuses, or its token is not good.
        """
        state, next_ = self._asked(cookie)
        if not hmac.compare_digest(state.encode(), answer.get("state", "").encode()):
            raise _again()
        if "error" in answer or "code" not in answer:
            log.warning("the provider refused: %r", answer.get("error", "")[:200])
            raise NotSignedIn("统一身份认证未完成登录。", "The single sign-on did not sign you in.")
        metadata = self._metadata()
        if answer.get("iss", metadata["issuer"]) != metadata["issuer"]:  # RFC 9207
            raise _again()
        tokens = self._exchange(metadata, redirect_uri, answer["code"], self._derived("verifier", state))
        claims = self._verified(metadata, tokens, self._derived("nonce", state))
        return self._name(metadata, tokens, claims), next_

    def _asked(self, cookie: str) -> tuple[str, str]:
        """Return state and next of a cookie of ours that has not expired."""
        try:
            token = jwt.decode(cookie, OctKey.import_key(self._key), algorithms=["HS256"])
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(token.claims)
        except (JoseError, ValueError) as error:
            raise _again() from error
        return token.claims["state"], token.claims["next"]

    def _metadata(self) -> dict[str, Any]:
        issuer = self._settings.oidc_issuer
        found = _fetch(Request(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))  # noqa: S310 - settings check it
        wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if found.get("issuer") != issuer or not all(_is_http(found.get(name)) for name in wanted):
            raise _failed(f"the metadata of {issuer} are not its own")
        return found

    def _exchange(self, metadata: Mapping[str, Any], redirect_uri: str, code: str, verifier: str) -> dict[str, Any]:
        """Return the tokens for a code."""
        chosen, headers = self._settings, {}
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": chosen.oidc_client_id,
            "code_verifier": verifier,
        }
        if chosen.oidc_client_secret:
            pair = f"{quote(chosen.oidc_client_id, safe='')}:{quote(chosen.oidc_client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        endpoint: str = metadata["token_endpoint"]
        return _fetch(Request(endpoint, urlencode(form).encode(), headers))  # noqa: S310 - checked with the metadata

    def _verified(self, metadata: Mapping[str, Any], tokens: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of the ID token (Core 3.1.3.7)."""
        chosen = self._settings
        keys = _fetch(Request(metadata["jwks_uri"]))  # noqa: S310 - checked with the metadata
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": chosen.oidc_issuer},
            aud={"essential": True, "value": chosen.oidc_client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
            azp={"value": chosen.oidc_client_id},
        )
        try:
            usable = [key for key in keys["keys"] if key.get("use", "sig") == "sig"]
            known = KeySet.import_key_set({"keys": usable})
            token = jwt.decode(tokens["id_token"], known, algorithms=list(_ALGORITHMS))
            rules.validate(token.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _failed(f"the ID token is not good: {error}") from error
        return dict(token.claims)

    def _name(self, metadata: Mapping[str, Any], tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Return the claim that names the user; some providers tell it of the person only, not in the token."""
        wanted = self._settings.oidc_claim
        if wanted not in claims and _is_http(metadata.get("userinfo_endpoint")) and tokens.get("access_token"):
            bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
            person = _fetch(Request(metadata["userinfo_endpoint"], headers=bearer))  # noqa: S310 - checked just now
            claims = person if person.get("sub") == claims["sub"] else {}
        name = claims.get(wanted)
        if not isinstance(name, str) or not name or (wanted == "email" and claims.get("email_verified") is False):
            raise _failed(f"nothing good is said of {wanted}")
        return unicodedata.normalize("NFKC", name)

    def _derived(self, purpose: str, state: str) -> str:
        return _base64(hmac.digest(self._key, f"{purpose} {state}".encode(), "sha256"))


def _fetch(request: Request) -> dict[str, Any]:
    """Return the JSON object at an address of the provider."""
    request.add_header("Accept", "application/json")
    try:
        with urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - addresses are checked where they come from
            document = json.load(answer)
    except (OSError, ValueError) as error:
        raise _failed(f"{request.full_url}: {error}") from error
    if not isinstance(document, dict):
        raise _failed(f"{request.full_url}: no JSON object")
    return document


def _is_http(address: object) -> bool:
    return isinstance(address, str) and address.startswith(("https://", "http://"))


def _base64(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).decode().rstrip("=")


def _again() -> NotSignedIn:
    return NotSignedIn(
        "登录已超时，或不是从本页发起。请重新登录。", "The sign-in took too long or did not start here. Try again."
    )


def _failed(reason: str) -> NotSignedIn:
    log.warning("single sign-on failed: %s", reason)
    return NotSignedIn(
        "统一身份认证服务暂时不可用，请稍后再试，或联系管理员。",
        "The single sign-on is not available at the moment. Try again later, or ask your administrator.",
    )
