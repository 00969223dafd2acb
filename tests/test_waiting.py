"""Hot reads wait for the database in the event loop: nobody else waits for it, nobody gets what was another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from gis_service.database import Database
from gis_service.database.known import known
from gis_service.database.waiting import NotHere, run_in_loop
from gis_service.errors import DatabaseError
from gis_service.settings import Settings

_ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> {but}"
_MINE, _AT = "SELECT pg_backend_pid()", "SHOW transaction_isolation"


@pytest.fixture
def lean(empty_district: Database) -> Iterator[Database]:
    """A district with two connections for the loop."""
    url = empty_district.engine.url.render_as_string(hide_password=False)
    database = Database(url, Settings(pool_size=4))
    yield database
    database.dispose()


def _asked(database: Database, statement: str) -> Any:
    with database.answering() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


async def _wherever(call: Callable[..., Any], *given: Any) -> Any:
    """Call in the loop, or anew in a thread, as the service does."""
    try:
        return await run_in_loop(call, *given)
    except NotHere:
        return await asyncio.to_thread(call, *given)


def _in_loop(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    async def all_() -> list[Any]:
        return list(await asyncio.gather(*(call() for call in calls)))

    return asyncio.run(all_())


def test_who_asks_little_does_not_wait_for_who_asks_much(lean: Database) -> None:
    order: list[str] = []

    async def ask(name: str, statement: str) -> None:
        await run_in_loop(_asked, lean, statement)
        order.append(name)

    _in_loop(lambda: ask("much", "SELECT 1 FROM pg_sleep(1)"), lambda: ask("little", "SELECT 1"))
    assert order == ["little", "much"]


def test_more_may_ask_than_there_are_connections_and_each_gets_what_she_asked_for(lean: Database) -> None:
    found = _in_loop(
        *(
            lambda number=number: run_in_loop(_asked, lean, f"SELECT {number} FROM pg_sleep(0.01)")
            for number in range(40)
        )
    )
    assert found == list(range(40))


def test_each_is_who_she_is_on_whatever_connection(lean: Database) -> None:
    def acting(name: str) -> str:
        with lean.acting(name).answering() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(0.005)")
            return str(known(connection).acting)

    names = [f"user{number}" for number in range(20)] * 2
    assert _in_loop(*(lambda name=name: run_in_loop(acting, name) for name in names)) == names


def test_words_of_any_kind_go_with_the_first_question_and_with_no_other(lean: Database) -> None:
    def twice() -> tuple[str, str]:
        with lean.acting("李 50%s 'x'").answering() as connection:
            first, second = (
                connection.exec_driver_sql("SELECT current_setting('gis.user_name') || %s", (n,)) for n in "12"
            )
            return first.scalar_one(), second.scalar_one()

    assert _in_loop(lambda: run_in_loop(twice)) == [("李 50%s 'x'1", "李 50%s 'x'2")]


def test_who_asks_nothing_leaves_the_connection_as_it_was(lean: Database) -> None:
    def nothing() -> None:
        with lean.answering():
            pass

    async def around() -> Any:
        before = await run_in_loop(_asked, lean, _MINE)
        await run_in_loop(nothing)
        return before, await run_in_loop(_asked, lean, _MINE), await run_in_loop(_asked, lean, _AT)

    [(before, after, state)] = _in_loop(around)
    assert (before, state) == (after, "repeatable read")


def test_who_finds_no_connection_for_long_is_told_to_come_again(lean: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr(lean._loops.pool, "_timeout", 0.1)  # noqa: SLF001 - five seconds are long in a test

    async def ask() -> str:
        try:
            await run_in_loop(_asked, lean, "SELECT 1 FROM pg_sleep(1)")
        except Exception as error:  # noqa: BLE001 - which one is asked below
            return type(error).__name__
        return "answered"

    found = _in_loop(ask, ask, ask)
    assert sorted(found) == ["TimeoutError", "answered", "answered"]


def test_a_connection_that_the_server_has_ended_is_replaced(lean: Database) -> None:
    async def twice() -> Any:
        await asyncio.gather(*(run_in_loop(_asked, lean, "SELECT pg_sleep(0.05)") for _ in range(2)))
        await run_in_loop(_asked, lean, _ENDED.format(but="pg_backend_pid()"))
        await asyncio.sleep(0.1)  # it ends when it comes to it
        found = await asyncio.gather(*(_wherever(_asked, lean, "SELECT 1") for _ in range(4)))
        return found, await asyncio.gather(*(run_in_loop(_asked, lean, "SELECT 2") for _ in range(4)))

    assert _in_loop(twice) == [([1, 1, 1, 1], [2, 2, 2, 2])]


def test_a_server_that_ends_amid_a_question_is_told_and_asked_again_by_the_next(lean: Database) -> None:
    async def cut() -> Any:
        pid = asyncio.get_running_loop().create_future()

        def long() -> None:
            with lean.answering() as connection:
                pid.set_result(connection.exec_driver_sql(_MINE).scalar_one())
                connection.exec_driver_sql("SELECT pg_sleep(30)")

        asking = asyncio.create_task(run_in_loop(long))
        await run_in_loop(_asked, lean, f"SELECT pg_terminate_backend({await pid})")
        with pytest.raises(DBAPIError):
            await asking
        return await asyncio.gather(*(run_in_loop(_asked, lean, "SELECT 2") for _ in range(4)))

    assert _in_loop(cut) == [[2, 2, 2, 2]]


def test_what_was_given_up_is_not_what_the_next_one_gets(lean: Database) -> None:
    async def given_up() -> Any:
        asking = asyncio.create_task(run_in_loop(_asked, lean, "SELECT 1 FROM pg_sleep(30)"))
        await run_in_loop(_asked, lean, "SELECT pg_sleep(0.2)")
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        return await asyncio.gather(*(run_in_loop(_asked, lean, "SELECT 3") for _ in range(4)))

    assert _in_loop(given_up) == [[3, 3, 3, 3]]


def test_a_database_that_is_away_is_told_as_one() -> None:
    away = Database("postgresql+psycopg2://nobody@127.0.0.1:1/none", Settings())
    with pytest.raises(DatabaseError):
        asyncio.run(run_in_loop(_asked, away, "SELECT 1"))


@pytest.mark.parametrize("way", ["transaction", "reading", "streaming"])
def test_what_writes_or_streams_is_not_done_in_the_loop(lean: Database, way: str) -> None:
    def begun() -> None:
        held: AbstractContextManager[Any] = getattr(lean, way)()
        with held:
            pass

    begun()
    with pytest.raises(NotHere):
        asyncio.run(run_in_loop(begun))
    begun()
