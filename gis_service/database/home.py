"""What the embedded cluster keeps under GIS_HOME: passwords, locks, and where its files, socket and port are."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from gis_service.database.programs import Account
from gis_service.errors import ClusterError

_LONGEST_SOCKET = 103  # bytes that macOS takes for a socket's path; Linux takes 107
_PORTS = range(15432, 16432)  # below the range that systems hand out to clients


@dataclass(frozen=True)
class Place:
    """What `cluster.json` remembers from one start to the next."""

    base: str = ""  # empty: home/database, so that a home can be moved
    sockets: str = ""
    port: int = 0
    keep: bool = False  # started by start(): runs until stop()


class ClusterHome:
    """The folder of one embedded cluster.

    `keys/` has one password file per role, `cluster.json` a `Place`, `cluster.*` three lock files, and `database/` the
    server's own files, unless its account may not enter this folder: then `cluster.json` says where they are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @property
    def base(self) -> Path:
        """The folder of the server's files: data, log, and as a rule the socket."""
        return Path(self.place().base or self.path / "database")

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.base / "data"

    def place(self) -> Place:
        """Return what is remembered, or an empty Place."""
        try:
            return Place(**json.loads((self.path / "cluster.json").read_text()))
        except FileNotFoundError:
            return Place()

    def remember(self, **changes: str | int | bool) -> None:
        """Change what is remembered."""
        fresh = self.path / "cluster.json.new"
        place = replace(self.place(), **changes)  # type: ignore[arg-type]
        with fresh.open("w") as file:
            json.dump(asdict(place), file, indent=2)
            file.flush()
            os.fsync(file.fileno())  # without it nobody finds files that lie elsewhere
        fresh.replace(self.path / "cluster.json")

    @contextmanager
    def lock(self, name: str) -> Iterator[IO[bytes]]:
        """Open one of the lock files; leaving lets go of it.

        Raises
        ------
        ClusterError
            The folder belongs to somebody else.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / f"cluster.{name}").open("ab")
        except PermissionError:
            raise not_ours(self.path) from None
        with file:
            yield file

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who starts or stops the cluster."""
        with self.lock("lock") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def password(self, role: str) -> str:
        """Return a role's password, made when first asked for, readable by the owner of this folder only."""
        keys = self.path / "keys"
        keys.mkdir(mode=0o700, exist_ok=True)
        key = keys / role
        if not key.exists():
            fresh = keys / f"{role}.new"
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(24))
            fresh.rename(key)
        return key.read_text()

    def settle(self, account: Account) -> None:
        """Make the folder for the server's files: here, or where the account can reach it.

        Raises
        ------
        ClusterError
            The files belong to somebody else.
        """
        if self.base.exists():
            if os.geteuid() not in (0, self.base.stat().st_uid):
                raise not_ours(self.base)
            return
        if account.may_enter(self.path):
            base = self.path / "database"
            base.mkdir(mode=0o700)
            self.remember(base="")
        else:
            base = Path(tempfile.mkdtemp(prefix="gis-service-", dir="/var/lib"))
            (base / "belongs-to").write_text(f"{self.path}\n")
            self.remember(base=str(base))
        _give(base, account)

    def sockets(self, account: Account) -> Path:
        """Return a folder for the socket that only the account and root may enter, with a path that clients take."""
        inside = self.base / "run"
        # libpq takes a comma for the start of a second host
        if len(os.fsencode(inside / f".s.PGSQL.{_PORTS.stop}")) <= _LONGEST_SOCKET and "," not in str(inside):
            account.do('mkdir -p "$1"', inside)
            return inside
        known = Path(self.place().sockets or inside)
        if known.is_dir() and known != inside:
            seen = known.lstat()
            if stat.S_ISDIR(seen.st_mode) and seen.st_uid == account.uid and stat.S_IMODE(seen.st_mode) == 0o700:  # noqa: PLR2004
                return known
        short = Path("/run") if os.geteuid() == 0 and Path("/run").is_dir() else Path("/tmp")  # noqa: S108  # mkdtemp's are safe
        fresh = Path(tempfile.mkdtemp(prefix="gis-", dir=short))
        _give(fresh, account)
        return fresh

    def port(self) -> int:
        """Return the loopback port, chosen once and kept unless somebody else has taken it."""
        port = self.place().port
        while not (port and is_free(port)):
            port = secrets.choice(_PORTS)
        return port


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def lock_at_once(file: IO[bytes]) -> bool:
    """Take a lock file for oneself, or tell that somebody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def not_ours(path: Path) -> ClusterError:
    """Return the error about files of somebody else."""
    return ClusterError(
        f"{path} 属于其他用户：请以该用户或 root 运行，或将 GIS_HOME 设为您自己的目录。",
        f"{path} belongs to another user: run as that user or as root, or set GIS_HOME to a folder of your own.",
    )


def _give(folder: Path, account: Account) -> None:
    if os.geteuid() == 0:
        os.chown(folder, account.uid, account.gid)
