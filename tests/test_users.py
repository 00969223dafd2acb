"""Accounts: whom there is, what narrows them, their passwords and tokens, by the command line and in the database."""

from __future__ import annotations

import json
import time
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from people import signed_in
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from gis_service import passwords, sessions, users
from gis_service.access import known_by, who_acts
from gis_service.cli import app
from gis_service.database import Database
from gis_service.duties import ROLES
from gis_service.errors import AlreadyThere, Forbidden, GisError, NotSignedIn, TooManyTries, UsageError
from gis_service.sessions import Tries

PASSWORD = "correct horse battery"


class Shell:
    """The operator's shell, without starting Python anew for each command."""

    def __init__(self, database: Database) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        self._environment = {"GIS_DATABASE_URL": url, "GIS_LANGUAGE": "en"}

    def __call__(self, *words: str, expect: int = 0, typed: str = "") -> str:
        done = CliRunner().invoke(app, ["user", *words], input=typed, env=self._environment)
        if isinstance(done.exception, GisError):
            assert done.exception.exit_code == expect, done.exception
            return done.exception.sentence("en")
        assert done.exit_code == expect, done.output
        return done.stdout


def listed(shell: Shell, name: str) -> Any:
    return next(user for user in json.loads(shell("list", "--json"))["users"] if user["name"] == name)


def test_an_operator_adds_a_user_narrows_her_and_shuts_her_out(own_sample: Database) -> None:
    shell = Shell(own_sample)
    limits = ("--area", "盖山镇", "--area", "350104103", "--layer", "rivers", "--layer", "bridges", "--column", "name")
    shell("add", "lin", "--role", "editor", "--title", "林工", "--password-stdin", *limits, typed=PASSWORD + "\n")
    lin = listed(shell, "lin")
    assert (lin["title"], lin["role"], lin["has_password"], lin["active"]) == ("林工", "editor", True, True)
    assert (lin["areas"], lin["layers"], lin["columns"]) == (
        ["350104102", "350104103"],
        ["rivers", "bridges"],
        ["name"],
    )

    secret = shell("token", "lin", "--label", "QGIS", "--days", "30").strip()
    assert known_by(own_sample, secret) == ("lin", "program")
    shell("set", "lin", "--role", "inspector", "--layer", "all")
    lin = listed(shell, "lin")
    assert (lin["role"], lin["layers"], lin["columns"]) == ("inspector", None, ["name"])

    shell("disable", "lin")
    assert known_by(own_sample, secret) is None
    shell("enable", "lin")
    assert known_by(own_sample, secret) is None, "a token comes back to life"
    assert "林工" in shell("list")

    unknown = shell("set", "lin", "--area", "盖山", expect=3)
    assert "350104102 盖山镇" in unknown
    assert "heritage_buildings" in shell("set", "lin", "--layer", "river", expect=3)
    assert "address" in shell("set", "lin", "--column", "colour", expect=3)
    assert "verifier" in shell("set", "lin", "--role", "boss", expect=2)


def test_a_token_is_listed_without_its_secret_and_revoked_by_its_number(empty_district: Database) -> None:
    shell = Shell(empty_district)
    shell("add", "lin")
    secret = shell("token", "lin", "--label", "nightly report").strip()
    [token] = json.loads(shell("tokens", "lin", "--json"))["tokens"]
    assert secret not in json.dumps(token)
    assert "nightly report" in shell("tokens", "lin")
    shell("revoke", "lin", str(token["id"]))
    assert known_by(empty_district, secret) is None
    assert "There is no token" in shell("revoke", "lin", str(token["id"]), expect=3)
    shell("password", "lin", typed=PASSWORD)
    assert listed(shell, "lin")["has_password"]


def add(database: Database, name: str, **given_: Any) -> dict[str, Any]:
    with database.transaction() as connection:
        return users.add(connection, name, **given_)


def change(database: Database, name: str, **given_: Any) -> dict[str, Any]:
    with database.transaction() as connection:
        return users.change(connection, name, given_)


def test_whoever_has_not_signed_in_stays_a_reader_who_can_be_narrowed_and_shut_out(own_sample: Database) -> None:
    for role in set(ROLES) - {"viewer"}:
        with pytest.raises(UsageError):
            change(own_sample, "anonymous", role=role)
    for refused in (
        lambda connection: users.set_password(connection, "anonymous", PASSWORD),
        lambda connection: users.add_token(connection, "anonymous", "mine"),
    ):
        with pytest.raises(UsageError), own_sample.transaction() as connection:
            refused(connection)
    change(own_sample, "anonymous", areas=["350104102"], layers=["rivers"])
    service = own_sample.for_service().acting("anonymous")
    with service.reading() as connection:
        assert set(connection.scalars(sa.text("SELECT unnest(array_agg(area_code)) FROM bridges"))) == set()
        assert connection.scalar(sa.text("SELECT count(*) FROM rivers")) > 0
    change(own_sample, "anonymous", active=False)
    with pytest.raises(NotSignedIn), service.reading() as connection:
        who_acts(connection)
    service.engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET role = 'editor' WHERE name = 'anonymous'",
        "UPDATE users SET password = 'x' WHERE name = 'anonymous'",
        "INSERT INTO tokens (user_name, kind, hash) VALUES ('anonymous', 'session', 'x')",
        "INSERT INTO users (name, role) VALUES ('lin', 'boss')",
    ],
)
def test_the_database_itself_refuses_what_the_anonymous_user_may_not_be(
    statement: str, empty_district: Database
) -> None:
    with pytest.raises(IntegrityError), empty_district.transaction() as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../root", "l\0n", "a" * 65, "<script>", "名\n字"])
def test_a_name_is_one_word(name: str, empty_district: Database) -> None:
    with pytest.raises(UsageError):
        add(empty_district, name)


def test_a_name_that_looks_like_anothers_is_taken(empty_district: Database) -> None:
    add(empty_district, "林工")
    add(empty_district, "lin")
    for same in ("lin", "LIN", "\uff4c\uff49\uff4e"):
        with pytest.raises(AlreadyThere):
            add(empty_district, same)


@pytest.mark.parametrize(
    "password",
    ["short", "1234567890", "PASSWORD123", "aaaaaaaaaaaa", "linlinlinlin", "gnoaix.nil", "lin.xiaong1", "x" * 257, ""],
)
def test_a_password_that_is_soon_guessed_is_refused(password: str) -> None:
    with pytest.raises(UsageError):
        passwords.require_good(password, "lin.xiaong", "林工")


@pytest.mark.parametrize(
    "password", [PASSWORD, "三 条 安静 的 河 流过", "lin wrote nine short notes", "x7#kQ!vv2m", "密码" * 10 + "一二三"]
)
def test_a_password_needs_no_mixture_of_signs(password: str) -> None:
    passwords.require_good(password, "lin", "林工")


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_password_fits_its_own_hash_only(one: str, other: str) -> None:
    stored = quick(one)
    assert passwords.fits(one, stored)
    assert passwords.fits(other, stored) == (passwords.normal(one) == passwords.normal(other))


def test_nobodys_password_takes_as_long_to_be_refused() -> None:
    stored = passwords.hashed(PASSWORD)

    def seconds(hash_: str | None) -> float:
        start = time.process_time()
        assert not passwords.fits("wrong", hash_)
        return time.process_time() - start

    known, unknown = (min(seconds(hash_) for _ in range(5)) for hash_ in (stored, None))
    assert 0.5 < known / unknown < 2


def quick(password: str) -> str:
    """A hash of weaker parameters, as an older version might have made."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(passwords.normal(password))


def test_a_hash_of_older_parameters_is_made_anew_when_its_user_signs_in(empty_district: Database) -> None:
    add(empty_district, "lin")
    with empty_district.transaction() as connection:
        connection.execute(sa.text("UPDATE users SET password = :hash WHERE name = 'lin'"), {"hash": quick(PASSWORD)})
    service = empty_district.for_service()
    for _ in range(2):
        assert known_by(service, sessions.sign_in(service, Tries(), "lin", PASSWORD, address="", hours=1)) == (
            "lin",
            "session",
        )
        with empty_district.reading() as connection:
            stored = connection.scalar(sa.text("SELECT password FROM users WHERE name = 'lin'"))
        assert not passwords.is_outdated(stored)
    service.engine.dispose()


def test_a_new_password_ends_the_sessions_and_not_the_programs(empty_district: Database) -> None:
    add(empty_district, "lin", password=PASSWORD)
    with empty_district.transaction() as connection:
        token = users.add_token(connection, "lin", "QGIS")["secret"]
    session = sessions.sign_in(empty_district, Tries(), "lin", PASSWORD, address="", hours=1)
    with empty_district.transaction() as connection:
        users.set_password(connection, "lin", PASSWORD + " staple")
    assert known_by(empty_district, session) is None
    assert known_by(empty_district, token) == ("lin", "program")
    with pytest.raises(NotSignedIn):
        sessions.sign_in(empty_district, Tries(), "lin", PASSWORD, address="", hours=1)


def test_what_a_user_was_is_kept_with_who_changed_it(empty_district: Database) -> None:
    add(empty_district, "lin", role="editor")
    with empty_district.transaction("root") as connection:
        users.change(connection, "lin", {"role": "viewer"})
    with empty_district.reading() as connection:
        was = connection.execute(sa.text("SELECT role, ended_by FROM users_history WHERE name = 'lin'")).one()
    assert tuple(was) == ("editor", "root")


def test_of_two_administrators_who_disable_each_other_at_once_one_stays(empty_district: Database) -> None:
    service = empty_district.for_service()
    for name in ("one", "two"):
        signed_in(empty_district, name, "admin")
    start, refused = Barrier(2), []

    def disable(by: str, whom: str) -> None:
        start.wait()
        try:
            with service.acting(by).transaction() as connection:
                who_acts(connection).require("administer")
                users.require_another_administrator(connection, whom)
                users.change(connection, whom, {"active": False})
        except GisError as error:
            refused.append(error)

    threads = [Thread(target=disable, args=pair) for pair in (("one", "two"), ("two", "one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with empty_district.reading() as connection:
        assert sum(user["active"] for user in users.users(connection) if user["role"] == "admin") == 1
    service.engine.dispose()


def test_who_does_not_administer_can_neither_raise_herself_nor_read_of_others(empty_district: Database) -> None:
    service = empty_district.for_service()
    signed_in(empty_district, "lin", "manager")
    signed_in(empty_district, "chen", "admin")
    with service.acting("lin").reading() as connection:
        assert [user["name"] for user in users.users(connection)] == ["lin"]
    with service.acting("lin").transaction() as connection:
        assert connection.execute(sa.text("UPDATE users SET role = 'admin' WHERE name = 'lin'")).rowcount == 0
    for statement in (
        "INSERT INTO users (name, role) VALUES ('mine', 'admin')",
        "INSERT INTO tokens (user_name, kind, hash) VALUES ('chen', 'program', 'x')",
    ):
        with pytest.raises(Forbidden), service.acting("lin").transaction() as connection:
            connection.execute(sa.text(statement))
    service.engine.dispose()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failing(tries: Tries, name: str, address: str) -> bool:
    """Fail to sign in; say whether one was let try."""
    try:
        with tries.attempt(name, address):
            raise NotSignedIn("", "")
    except TooManyTries:
        return False
    except NotSignedIn:
        return True


def test_failures_of_a_name_have_to_wait_longer_and_longer() -> None:
    clock = Clock()
    tries = Tries(clock=clock)
    assert [failing(tries, "lin", str(n)) for n in range(6)] == [True] * 5 + [False]
    waits = []
    for n in range(12):
        with pytest.raises(TooManyTries) as refused, tries.attempt("LIN", f"other {n}"):
            pass
        waits.append(refused.value.members["retry_after"])
        clock.now += waits[-1]
        assert failing(tries, "lin", f"next {n}")
    assert waits == sorted(waits)
    assert waits[-1] > 250
    clock.now += 3601
    assert failing(tries, "lin", "")


def test_a_success_forgives_its_own_name_and_never_the_address() -> None:
    tries = Tries(by_name=5, by_address=10, clock=Clock())
    for n in range(10):
        assert failing(tries, f"guess {n}", "here")
    with pytest.raises(TooManyTries), tries.attempt("lin", "here"):
        pass
    for _ in range(4):
        failing(tries, "chen", "there")
    with tries.attempt("lin", "there"):
        pass
    assert [failing(tries, "chen", "there") for _ in range(2)] == [True, False]
    for _ in range(30):
        with tries.attempt("lin", "elsewhere"):
            pass


def test_many_attempts_at_once_gain_nothing() -> None:
    tries, start, let = Tries(), Barrier(20), []

    def attempt() -> None:
        start.wait()
        let.append(failing(tries, "lin", "here"))

    threads = [Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let) == 5
