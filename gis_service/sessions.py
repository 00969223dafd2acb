"""Signing in by name and password: a session is a token of a browser, and failures are slowed down."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection, text

from gis_service import passwords
from gis_service.access import User, hashed
from gis_service.database import Database
from gis_service.duties import ANONYMOUS
from gis_service.errors import Forbidden, NotSignedIn, TooManyTries

log = logging.getLogger(__name__)

_FORGOTTEN = 3600.0
"""Seconds without a failure after which none is held against a name or an address."""
_LONGEST = 300.0
_MOST_KEPT = 10_000


class Tries:
    """Failures to sign in, by name and by address: past a few, each next one has to wait twice as long.

    Many people may come from one address, so more is allowed to it. A success forgives the name, never the address.
    """

    def __init__(self, *, by_name: int = 5, by_address: int = 25, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = {"name": by_name, "address": by_address}
        self._clock = clock
        self._failed: dict[tuple[str, str], tuple[int, float]] = {}
        self._lock = Lock()

    @contextmanager
    def attempt(self, name: str, address: str) -> Iterator[None]:
        """Let one attempt be made: it counts as a failure until it has succeeded, so many at once gain nothing.

        Raises
        ------
        TooManyTries
            With the seconds to wait in `retry_after`.
        """
        keys = (("name", name.casefold()), ("address", address))
        with self._lock:
            now = self._clock()
            self._forget(now)
            if (wait := max(self._wait(key, now) for key in keys)) > 0:
                seconds = int(wait) + 1
                raise TooManyTries(
                    f"登录失败次数过多，请 {seconds} 秒后再试。",
                    f"Too many failures to sign in. Try again in {seconds} seconds.",
                    retry_after=seconds,
                )
            for key in keys:
                self._failed[key] = (self._failed.get(key, (0, now))[0] + 1, now)
        yield
        with self._lock:
            self._failed.pop(keys[0], None)
            count, since = self._failed.get(keys[1], (1, now))
            self._failed[keys[1]] = (count - 1, since)

    def _wait(self, key: tuple[str, str], now: float) -> float:
        count, last = self._failed.get(key, (0, now))
        over = count - self._free[key[0]]
        return last + min(2.0 ** min(over, 20), _LONGEST) - now if over >= 0 else 0.0

    def _forget(self, now: float) -> None:
        if len(self._failed) >= _MOST_KEPT:
            oldest = sorted(self._failed, key=lambda key: self._failed[key][1])
            for key in oldest[: _MOST_KEPT // 2]:
                del self._failed[key]
        self._failed = {key: failed for key, failed in self._failed.items() if now - failed[1] < _FORGOTTEN}


def sign_in(database: Database, tries: Tries, name: str, password: str, *, address: str, hours: float) -> str:
    """Begin a session of so many hours for who knows the password; return its secret.

    Raises
    ------
    NotSignedIn
        Where name or password are wrong, or the user is not active; it is not said which.
    TooManyTries
        After too many failures.
    """
    with tries.attempt(name, address):
        if not _knows(database, name, password):
            log.warning("%r failed to sign in from %s", name[:100], address)
            raise NotSignedIn("用户名或密码不正确。", "The name or the password is wrong.")
    return enter(database, name, address=address, hours=hours)


def enter(database: Database, name: str, *, address: str, hours: float) -> str:
    """Begin a session of so many hours for a user who is known; return its secret.

    Raises
    ------
    NotSignedIn
        Where there is no active user of this name.
    """
    with database.acting(name).transaction() as connection:
        there = connection.execute(text("SELECT u.name FROM gis_user() u")).scalar()
        if there is None or there == ANONYMOUS:
            log.warning("%r is nobody here, and asked from %s", name[:100], address)
            raise NotSignedIn(
                f"“{name}”在本系统没有可用的账号，请联系管理员。",
                f"There is no active account {name!r} here. Ask your administrator.",
            )
        secret = begin(connection, name, hours)
    log.info("%r signed in from %s", name, address)
    return secret


def change_password(database: Database, tries: Tries, user: User, present: str, fresh: str, *, address: str) -> None:
    """Let a user change her own password; all her sessions end.

    Raises
    ------
    Forbidden
        Where the present password is wrong.
    UsageError
        Where the new one is soon guessed.
    """
    passwords.require_good(fresh, user.name, user.title)
    with tries.attempt(user.name, address):
        if not _knows(database, user.name, present):
            log.warning("%r gave a wrong password from %s", user.name, address)
            raise Forbidden("现用密码不正确。", "The present password is wrong.", field="present")
    hash_ = passwords.hashed(fresh)
    with database.acting(user.name).transaction() as connection:
        connection.execute(text("SELECT gis_set_own_password(:hash)"), {"hash": hash_})
        connection.execute(text("DELETE FROM tokens WHERE user_name = :name AND kind = 'session'"), {"name": user.name})
    log.info("%r changed her password from %s", user.name, address)


def _knows(database: Database, name: str, password: str) -> bool:
    """Say whether this is an active user's password; a hash of older parameters is made anew."""
    stored = None
    if "\0" not in name:
        with database.reading() as connection:
            stored = connection.execute(text("SELECT gis_password_of(:name)"), {"name": name}).scalar()
    if not passwords.fits(password[: passwords.MOST + 1], stored):
        return False
    if passwords.is_outdated(str(stored)):
        with database.acting(name).transaction() as connection:
            connection.execute(text("SELECT gis_set_own_password(:hash)"), {"hash": passwords.hashed(password)})
    return True


def begin(connection: Connection, name: str, hours: float) -> str:
    """Begin a session of the user who acts, and clear away those of hers that have expired; return its secret."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        text("DELETE FROM tokens WHERE user_name = :name AND kind = 'session' AND expires_at < now()"), {"name": name}
    )
    connection.execute(
        text(
            "INSERT INTO tokens (user_name, kind, hash, expires_at)"
            " VALUES (:name, 'session', :hash, now() + make_interval(secs => :seconds))"
        ),
        {"name": name, "hash": hashed(secret), "seconds": hours * 3600},
    )
    return secret


def end(database: Database, name: str, secret: str) -> None:
    """End a session: its secret is nobody's from now on."""
    with database.acting(name).transaction() as connection:
        connection.execute(text("DELETE FROM tokens WHERE hash = :hash"), {"hash": hashed(secret)})
    log.info("%r signed out", name)
