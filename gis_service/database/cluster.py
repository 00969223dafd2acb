"""The embedded cluster: a private PostgreSQL with PostGIS, kept under GIS_HOME.

It listens on a unix socket for the service and on one loopback port for GIS clients, and asks both for a password.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql

from gis_service.database.home import ClusterHome, is_free, lock_at_once, not_ours
from gis_service.database.programs import Account, Programs, find_programs
from gis_service.database.service_role import LEAKPROOF, service_login
from gis_service.database.tuning import Machine, tuned
from gis_service.errors import ClusterError

SUPERUSER = "postgres"  # only Cluster acts as it
SERVICE = "gis"  # owns the databases; an ordinary role
START_SECONDS = 600  # recovery after a crash reads up to max_wal_size of log


@dataclass(frozen=True)
class ClusterStatus:
    """Whether a cluster runs, and where it is; the port is on 127.0.0.1. All but `running` may be None."""

    running: bool
    pid: int | None = None
    version: str | None = None
    data_directory: Path | None = None
    socket_directory: Path | None = None
    port: int | None = None


class Cluster:
    """A private PostgreSQL under `home`. Without `durable` it trades safety for speed, for tests."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._home = ClusterHome(home)
        self._durable = durable

    def start(self) -> None:
        """Start the cluster, making it first where there is none; it then runs until `stop`.

        Raises
        ------
        ClusterError
            PostgreSQL or PostGIS is missing, the files belong to somebody else, or the server does not come up.
        """
        with self._home.alone():
            self._ensure_running()
            self._home.remember(keep=True)

    def stop(self) -> None:
        """Stop the cluster cleanly, whoever holds it. Nothing happens where none runs."""
        with self._home.alone():
            self._shut_down()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the cluster while it is in use: start it when it is down; the last holder to leave stops it.

        A cluster started by `start` stays. A holder that is killed lets go, as the lock is the kernel's.
        """
        with self._home.lock("users") as users:
            with self._home.alone():
                fcntl.flock(users, fcntl.LOCK_SH)
                self._ensure_running()
            try:
                yield
            finally:
                with self._home.alone():
                    if lock_at_once(users) and not self._home.place().keep:
                        self._shut_down()

    def status(self) -> ClusterStatus:
        """Return whether the cluster runs, and where it is."""
        running = self._is_ready()
        data, place = self._home.data, self._home.place()
        if not (place.sockets and data.exists()):
            return ClusterStatus(running)
        version = (data / "PG_VERSION").read_text().strip()
        pid = int((data / "postmaster.pid").read_text().split()[0]) if running else None
        return ClusterStatus(running, pid, version, data, Path(place.sockets), place.port)

    def url(self, database: str = SERVICE) -> sa.URL:
        """Return how the service reaches a database: over the unix socket, as the service's own role.

        Raises
        ------
        ClusterError
            The cluster has not been started yet.
        """
        place = self._home.place()
        if not place.sockets:
            raise ClusterError(
                f"{self._home.path} 中尚无数据库：请用 gis db start 启动。",
                f"There is no database in {self._home.path} yet: start it with 'gis db start'.",
            )
        where = {"host": place.sockets, "port": str(place.port)}
        password = self._home.password(SERVICE)
        return sa.URL.create("postgresql+psycopg2", SERVICE, password, database=database, query=where)

    def create_database(self, name: str = SERVICE, *, template: str | None = None) -> None:
        """Make a database with PostGIS, owned by the service's role; leave one that is there as it is.

        With `template` it is a copy of that database, which nobody may be connected to.
        """
        # Files copied as they are: ten times as quick as by the log, but a crash in the middle may leave them behind.
        how = "" if self._durable or not template else " STRATEGY file_copy"
        with self._superuser() as cursor:
            # One at a time: two copies of one template disturb each other.
            cursor.execute("SELECT pg_advisory_lock(hashtext('create_database'))")
            self._create_roles(cursor)
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is None:
                names = (sql.Identifier(part) for part in (name, SERVICE, template or "template1"))
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}" + how).format(*names))
            with self._superuser(name) as inside:  # an extension written in C needs a superuser
                inside.execute("CREATE EXTENSION IF NOT EXISTS postgis")
                inside.execute("ALTER EXTENSION postgis UPDATE")  # the system may have brought a newer one
                inside.execute(LEAKPROOF)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it; nothing happens where there is none."""
        with self._superuser() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create_roles(self, cursor: Any) -> None:  # noqa: ANN401 - psycopg2 publishes no types
        """Make the owner of the databases and the role that serves requests; both are ordinary roles."""
        owner = self.url()
        for login, options in ((owner, ""), (service_login(owner), " NOINHERIT")):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login.username])
            if cursor.fetchone() is None:
                role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}" + options)
                cursor.execute(role.format(sql.Identifier(login.username), sql.Literal(login.password)))

    @contextmanager
    def _superuser(self, database: str = "postgres") -> Iterator[Any]:
        place = self._home.place()
        where = {"host": place.sockets, "port": place.port, "dbname": database}
        password = self._home.password(SUPERUSER)
        with closing(psycopg2.connect(user=SUPERUSER, password=password, **where)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def _ensure_running(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            with self._home.lock("server") as lock:
                # The server and each of its backends inherit this lock, and keep it as long as one of them lives: what
                # a killed server left behind is only touched when the last of them is gone.
                if lock_at_once(lock):
                    self._launch(lock.fileno())
                    return
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"旧服务器的进程仍在使用 {self._home.data}：请结束这些进程。",
                    f"Processes of a former server still use {self._home.data}: end them.",
                )
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        """Tell whether our server lives, accepts connections, and has finished recovery."""
        try:
            lines = (self._home.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        except PermissionError:
            raise not_ours(self._home.data) from None
        with self._home.lock("server") as lock:
            if lock_at_once(lock):
                return False
        return len(lines) > 7 and lines[7].strip() == "ready" and self._answers()  # noqa: PLR2004  # pidfile.h

    def _answers(self) -> bool:
        place = self._home.place()
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{place.sockets}/.s.PGSQL.{place.port}") == 0

    def _launch(self, lock: int) -> None:
        home = self._home
        account = self._account()
        home.settle(account)
        if home.place().sockets and self._answers():
            raise ClusterError(
                f"非本系统启动的服务器正在使用 {home.data}：请先停止它。",
                f"A server that was not started from here uses {home.data}: stop it first.",
            )
        if not (home.data / "PG_VERSION").exists():
            self._initialise(account, find_programs(account))
        programs = find_programs(account, int((home.data / "PG_VERSION").read_text()))
        lz4 = programs.take(account, "wal_compression", "lz4")
        log = home.base / "log"
        sockets = home.sockets(account)
        # They name processes of a server that is gone; PostgreSQL gives up where a number is somebody else's by now.
        account.do('rm -f "$1"/postmaster.pid "$2"/.s.PGSQL.*; mkdir -p "$3"', home.data, sockets, log)
        for _ in range(3):
            port = home.port()
            home.remember(sockets=str(sockets), port=port, keep=False)
            account.do('cat > "$1"', home.data / "gis.conf", stdin=self._configuration(sockets, port, lz4=lz4))
            # pg_ctl gives the server a session of its own: Ctrl-C reaches the service and not the server.
            arguments = ("-w", "-s", "-t", str(START_SECONDS), "-D", home.data, "-l", log / "start.log")
            result = account.run(programs / "pg_ctl", "start", *arguments, pass_fds=(lock,))
            if result.returncode == 0:
                return
            if is_free(port):  # else somebody took it meanwhile: try another
                break
        reason = _last_words(log) or result.stderr.strip()
        raise ClusterError(
            f"数据库无法启动：{reason}（详见 {log}）。",
            f"The database does not start: {reason} (more in {log}).",
        )

    def _shut_down(self) -> None:
        home = self._home
        with suppress(OSError):  # a full disk keeps nobody from stopping
            home.remember(keep=False)
        if self._is_ready():
            account = self._account()
            programs = find_programs(account, int((home.data / "PG_VERSION").read_text()))
            arguments = ("-w", "-s", "-t", str(START_SECONDS), "-D", home.data, "-m", "fast")
            result = account.run(programs / "pg_ctl", "stop", *arguments)
            if result.returncode != 0 and self._is_ready():
                reason = result.stderr.strip()
                raise ClusterError(f"数据库无法停止：{reason}", f"The database does not stop: {reason}")

    def _account(self) -> Account:
        base = self._home.base
        owner = base.stat().st_uid if base.exists() else 0
        return Account.of(owner) if owner else Account.for_new_cluster()

    def _initialise(self, account: Account, programs: Programs) -> None:
        """Make the cluster's files beside their place, and move them there when they are whole."""
        data = self._home.data
        fresh, key = data.with_name("data.new"), data.with_name("key.new")
        account.do('rm -rf "$1"; cat > "$2"', fresh, key, stdin=self._home.password(SUPERUSER))
        # Names sort by code point, the same on every machine; letters are Unicode's, for lower() and trigrams.
        letters = "C.UTF-8" if os.uname().sysname == "Linux" else "en_US.UTF-8"
        options = ["--encoding=UTF8", "--locale=C", f"--lc-ctype={letters}", "--data-checksums", "--auth=scram-sha-256"]
        if not self._durable:
            options.append("--no-sync")
        result = account.run(programs / "initdb", *options, "--username", SUPERUSER, "--pwfile", key, "--pgdata", fresh)
        if result.returncode != 0:
            reason = result.stderr.strip()
            raise ClusterError(f"无法创建数据库：{reason}", f"The database cannot be made: {reason}")
        account.do('rm "$1"; echo "include \'gis.conf\'" >> "$2"/postgresql.conf; mv "$2" "$3"', key, fresh, data)

    def _configuration(self, sockets: Path, port: int, *, lz4: bool) -> str:
        """Return gis.conf, written anew at every start; ALTER SYSTEM overrides it."""
        quoted = str(sockets).replace('"', '""').replace("'", "''")
        settings = {
            "listen_addresses": "'127.0.0.1'",
            "port": str(port),
            "unix_socket_directories": f"'\"{quoted}\"'",
            "unix_socket_permissions": "0700",
            "logging_collector": "on",  # one file for each day of the week, written over a week later
            "log_directory": "'../log'",
            "log_filename": "'%a.log'",
            "log_truncate_on_rotation": "on",
            "log_rotation_age": "1d",
            "log_rotation_size": "0",
            "log_checkpoints": "off",
            "log_line_prefix": "'%m [%p] %q%u@%d '",
            "cluster_name": "'gis'",
        } | tuned(Machine.here(self._home.data), durable=self._durable, lz4=lz4)
        return "".join(f"{name} = {value}\n" for name, value in settings.items())


def _last_words(log: Path) -> str:
    """Return the last lines of the newest of a folder's logs."""
    files = sorted(log.glob("*.log"), key=lambda file: file.stat().st_mtime)
    return "; ".join(files[-1].read_text(errors="replace").splitlines()[-3:]) if files else ""
