"""PostgreSQL's own programs: where they are, and the account they run under."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis_service.errors import ClusterError

OLDEST_MAJOR = 15


# Where Debian and Ubuntu, the PostgreSQL project's own packages, Fedora, Homebrew (Apple silicon, Intel) and
# Postgres.app keep a server.
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)

_HOW_TO_INSTALL = (
    "Debian/Ubuntu: apt-get install postgresql-postgis; Fedora: dnf install postgresql-server postgis; "
    "macOS: brew install postgis"
)


@dataclass(frozen=True)
class Account:
    """A user of the operating system that owns a cluster's files and runs its server."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, uid: int) -> Account:
        """Return the account with this number.

        Raises
        ------
        ClusterError
            The system knows no such user.
        """
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            raise ClusterError(
                f"数据库文件归编号为 {uid} 的用户所有，而系统中没有该用户：请添加。",
                f"The database's files belong to user number {uid}, whom this system does not know: add that user.",
            ) from None
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def for_new_cluster(cls) -> Account:
        """Return who runs a new cluster: oneself, or, as PostgreSQL refuses root, an unprivileged user."""
        if os.geteuid() != 0:
            return cls.of(os.geteuid())
        known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
        for name in ("postgres", "_postgres", "nobody"):
            if name in known:
                return cls.of(known[name])
        raise ClusterError(
            "PostgreSQL 不能以 root 运行，而系统中没有 postgres 或 nobody 用户：请添加 postgres。",
            "PostgreSQL refuses to run as root, and this system has no user postgres or nobody: add postgres.",
        )

    def run(
        self, *command: str | Path, stdin: str = "", pass_fds: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and return what it said; a failure is the caller's to judge."""
        other: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": ()} if os.geteuid() == 0 else {}
        return subprocess.run(  # noqa: S603  # programs are found by us, arguments are never a shell line
            [os.fspath(part) for part in command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=pass_fds,
            cwd="/",  # the account may not be able to enter ours
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},  # no PG* of ours may lead it elsewhere
            **other,
        )

    def do(self, script: str, *arguments: str | Path, stdin: str = "") -> None:
        """Run a line of shell as this account: whatever lies in its folders is made and removed by itself.

        Raises
        ------
        ClusterError
            The line failed; carries its last words.
        """
        result = self.run("/bin/sh", "-c", f"set -e; umask 077; {script}", "sh", *arguments, stdin=stdin)
        if result.returncode != 0:
            reason = result.stderr.strip()
            raise ClusterError(
                f"无法以用户 {self.name} 准备数据库文件：{reason}",
                f"The database's files cannot be prepared as user {self.name}: {reason}",
            )

    def may_enter(self, folder: Path) -> bool:
        """Tell whether the account can reach a folder."""
        return self.run("/bin/sh", "-c", 'cd "$1"', "sh", folder).returncode == 0


@dataclass(frozen=True)
class Programs:
    """A server's programs, of one version, with PostGIS beside them."""

    directory: Path
    version: str

    @property
    def major(self) -> int:
        """The version that a cluster's files depend on."""
        return int(self.version.split(".")[0])

    def __truediv__(self, program: str) -> Path:
        return self.directory / program

    def take(self, account: Account, setting: str, value: str) -> bool:
        """Tell whether the server takes a value of a setting: some depend on how it was built."""
        nothing = ("-c", "config_file=/dev/null", "-D", "/")
        return account.run(self / "postgres", "-C", setting, "-c", f"{setting}={value}", *nothing).returncode == 0


def find_programs(account: Account, major: int | None = None, places: Sequence[str] = _PLACES) -> Programs:
    """Return the newest PostgreSQL with PostGIS on this machine, or that of one major version.

    Raises
    ------
    ClusterError
        There is none; says what to install.
    """
    found = [programs for programs in _installed(account, places) if major in (None, programs.major)]
    if not found:
        wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_MAJOR}+"
        raise ClusterError(
            f"本机没有带 PostGIS 的 {wanted}。请安装：{_HOW_TO_INSTALL}；或将 GIS_DATABASE_URL 设为别处的 PostGIS。",
            f"There is no {wanted} with PostGIS on this machine. Install it ({_HOW_TO_INSTALL}), "
            "or set GIS_DATABASE_URL to a PostGIS elsewhere.",
        )
    return max(found, key=lambda programs: [int(part) for part in programs.version.split(".")])


def _installed(account: Account, places: Sequence[str]) -> Iterator[Programs]:
    directories = [found for place in places for found in Path("/").glob(place.lstrip("/"))]
    if on_path := shutil.which("postgres"):
        directories.append(Path(on_path).resolve().parent)
    for directory in dict.fromkeys(directories):
        if not all((directory / program).exists() for program in ("initdb", "pg_ctl", "postgres")):
            continue
        # initdb tells where this build looks for extensions; distributions each have their own place.
        shown = account.run(directory / "initdb", "--show", "--pgdata", "/nonexistent").stderr
        version = re.search(r"^VERSION=(\d+(?:\.\d+)*)", shown, re.MULTILINE)
        share = re.search(r"^share_path=(.+)$", shown, re.MULTILINE)
        if not version or not share or not (Path(share[1]) / "extension" / "postgis.control").exists():
            continue
        programs = Programs(directory, version[1])
        if programs.major >= OLDEST_MAJOR:
            yield programs
