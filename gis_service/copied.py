"""What PostgreSQL writes itself, streamed: COPY pushes, we pull; from several connections by turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from math import inf
from queue import Queue
from threading import Lock, Thread
from typing import Any

import psycopg2
from sqlalchemy import ClauseElement, Connection

from gis_service.database import Database
from gis_service.errors import GisError

Told = Callable[[BaseException], GisError]
"""Says in words what an error of the database means."""
Asked = Sequence[tuple[Connection, ClauseElement]]
"""Queries, each with the connection that answers it."""
_FIRST, _BYTES = 1 << 16, 1 << 19
"""What goes on together: little at first, so that it is there soon, and then twice as much each time up to the most."""
_WAITING = 2
"""Pieces that wait at most until they are read: PostgreSQL waits as long."""
_HEADER = 19
_LENGTHS = 6  # 2 bytes for the number of columns, 4 for the length of the only one


def rows(asked: Asked, told: Told, turn: float = inf) -> Generator[list[memoryview]]:
    """Stream the one text that each row of some queries has, none of them null, some rows at a time.

    Queries run side by side, each on a connection of its own, and are read by turns, of so many rows or up to one whose
    text is empty. COPY's binary format gives texts as they are: its text format would double the backslashes of JSON,
    and looks at every byte for what it has to quote.

    Raises
    ------
    GisError
        What `told` makes of an error of the database.
    """
    with closing(_in_turns(asked, "FORMAT binary", told, turn)) as parts:
        for part in parts:
            yield [memoryview(row)[_LENGTHS:] for row in part]  # no copies: they are large


def csv(asked: Asked, told: Told, turn: float = inf) -> Generator[bytes]:
    """Stream queries as CSV, whole rows at a time; they are read by turns, and raise, as those of `rows`."""
    with closing(_in_turns(asked, "FORMAT csv", told, turn)) as parts:
        for part in parts:
            yield b"".join(part)


def _in_turns(asked: Asked, options: str, told: Told, turn: float) -> Generator[list[bytes]]:
    """Yield what COPY writes for queries, some rows at a time; a reader that stops early cancels all of them."""
    with ExitStack() as held:
        copies = deque(held.enter_context(closing(_Copy(*one, options, turn))) for one in asked)
        while copies:
            yield from copies[0].rows(told)
            if copies[0].over:
                copies.popleft()
            else:
                copies.rotate(-1)


class _Copy:
    """What COPY writes for a query on one connection, a turn at a time.

    psycopg2 pushes COPY into a file while we want to pull: a thread pushes into a queue, whose size bounds the memory.
    """

    def __init__(self, connection: Connection, query: ClauseElement, options: str, turn: float) -> None:
        self.over = False
        self._connection, self._turn = connection, turn
        self._driver: Any = connection.connection.driver_connection
        self._header, self._bare = (_HEADER, _LENGTHS) if "binary" in options else (0, 0)
        self._queue: Queue[list[bytes] | None] = Queue(_WAITING)
        self._failed: list[psycopg2.Error] = []
        statement = f"COPY ({_literal_sql(connection, query)}) TO STDOUT WITH ({options})"
        self._pusher = Thread(target=self._push, args=(statement,), name="export", daemon=True)
        self._pusher.start()

    def _push(self, statement: str) -> None:
        rows = _Rows(self._queue, self._turn, self._header, self._bare)
        try:
            with self._driver.cursor() as cursor:
                cursor.copy_expert(statement, rows)
            rows.pass_on()
        except psycopg2.Error as error:
            self._failed.append(error)
        finally:
            self._queue.put(None)

    def rows(self, told: Told) -> Iterator[list[bytes]]:
        """Yield the rows of a turn, some at a time; when there are no more of them, it is `over`."""
        left = self._turn
        while left > 0:
            part = self._queue.get()
            if part is None:
                self.over = True
                if self._failed:
                    raise told(self._failed[0]) from self._failed[0]
                return
            left -= len(part)
            if len(part[-1]) <= self._bare:  # no text, or the end
                part.pop()
                left = 0
            if part:
                yield part

    def close(self) -> None:
        """Stop it where it is not over: its connection stands in the middle of a COPY, and is given up."""
        while not self.over:
            with suppress(psycopg2.Error):  # the database may be gone
                self._driver.cancel()  # again and again: it may not have begun
            if self._queue.get() is None:
                self.over = True
                self._connection.invalidate()
        self._pusher.join()


class Brake:
    """Stops a stream from another thread: its queries are cancelled, and no further rows come."""

    def __init__(self) -> None:
        self._lock, self._drivers, self.pulled = Lock(), list[Any](), False

    def pull(self) -> None:
        """Stop it, now or as soon as it begins."""
        with self._lock:
            self.pulled = True
            for driver in self._drivers:
                with suppress(psycopg2.Error):  # the database may be gone
                    driver.cancel()

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Act on this connection too, and on it only as long as it is ours."""
        driver = connection.connection.driver_connection
        with self._lock:
            self._drivers.append(driver)
        try:
            yield
        finally:
            with self._lock:
                self._drivers.remove(driver)


@contextmanager
def together(database: Database, connection: Connection, brake: Brake) -> Iterator[list[Connection]]:
    """Yield a streaming connection, and where one is free a second that sees the same; the brake acts on both."""
    with database.beside(connection) as other, ExitStack() as held:
        if other is not None:
            held.enter_context(brake.on(other))
        yield [connection] if other is None else [connection, other]


class _Rows:
    """A file for psycopg2, which writes row by row as PostgreSQL sends them; some go on together, those of one turn.

    Before the first row there is a header; a turn ends with so many rows, or with one that is `bare`.
    """

    def __init__(self, queue: Queue[list[bytes] | None], turn: float, header: int, bare: int) -> None:
        self._queue, self._turn, self._left = queue, turn, turn
        self._header, self._bare = header, bare
        self._rows, self._size, self._most = list[bytes](), 0, _FIRST

    def write(self, row: bytes) -> None:
        if self._header:
            row, self._header = row[self._header :], 0
        self._rows.append(row)
        self._size += len(row)
        self._left -= 1
        if self._size >= self._most or not self._left or len(row) <= self._bare:
            self.pass_on()

    def pass_on(self) -> None:
        if self._rows:
            self._queue.put(self._rows)
            self._most = min(2 * self._most, _BYTES)
        self._rows, self._size, self._left = [], 0, self._left or self._turn


def _literal_sql(connection: Connection, query: ClauseElement) -> str:
    """Return a query as SQL with its values quoted by the driver: COPY takes no parameters."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    with closing(connection.connection.cursor()) as cursor:
        return str(cursor.mogrify(str(compiled), compiled.params).decode())
