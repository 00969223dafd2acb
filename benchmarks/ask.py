"""The ways to ask a target once: requests by wrk, statements by pgbench, one download, one program, one SQL."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg2

from benchmarks.measure import Sample
from benchmarks.servers import Server
from benchmarks.stand import Stand

CONNECTIONS = 8
_TIMEOUT = 600.0
_MOST_SCRIPTS = 100  # pgbench takes 128


def requests(server: Server, paths: Sequence[str], seconds: float) -> Callable[[], Sample]:
    """Ask a server for these paths in turn: first one at a time, for the latency, then eight at a time."""

    def turn() -> Sample:
        one = _wrk(server.base, paths, 1, max(1.0, seconds / 3))
        many = _wrk(server.base, paths, CONNECTIONS, seconds)
        if one["failed"] or many["failed"]:
            raise RuntimeError(f"{one['failed'] + many['failed']} of {many['requests']} requests failed")
        facts = {"ms": one["p50"], "p99_ms": many["p99"], "bytes": many["bytes"] / max(many["requests"], 1)}
        return Sample(many["requests"] / many["seconds"], facts)

    return turn


def _wrk(base: str, paths: Sequence[str], connections: int, seconds: float) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        script = Path(__file__).with_name("paths.lua")
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{round(seconds)}s",
            "--timeout",
            "60s",
            "-s",
            str(script),
            base,
        ]
        said = run(command, env={"WRK_PATHS": file.name})
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def statements(stand: Stand, queries: Sequence[str], seconds: float) -> Callable[[], Sample]:
    """Run these statements on eight connections, planned as a service plans small requests."""

    def turn() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            scripts: list[str] = []
            for at, query in enumerate(queries[:_MOST_SCRIPTS]):
                file = Path(folder) / f"{at}.sql"
                file.write_text(f"{query};\n", "utf-8")
                scripts += ["-f", str(file)]
            often = ["-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1", "-T", str(round(seconds))]
            options = "-c jit=off -c max_parallel_workers_per_gather=0"
            said = run(["pgbench", *often, *scripts], env=stand.environment(options))
        found = re.search(r"latency average = ([\d.]+) ms.*?tps = ([\d.]+)", said, re.DOTALL)
        assert found, said
        return Sample(float(found[2]), {"ms": float(found[1]) / CONNECTIONS})

    return turn


def download(server: Server, path: str, target: Path) -> Callable[[], Sample]:
    """Read an answer into a file: how long, when its first byte came, how much memory the server took at most."""

    def turn() -> Sample:
        server.forget_peak()
        begun, first = time.perf_counter(), 0.0
        with urlopen(Request(server.base + path), timeout=_TIMEOUT) as answer, target.open("wb") as file:  # noqa: S310
            while piece := answer.read1(1 << 20):
                first = first or time.perf_counter() - begun
                file.write(piece)
        seconds = time.perf_counter() - begun
        facts = {"first_byte_ms": first * 1000, "peak_mib": server.peak_mib(), "bytes": target.stat().st_size}
        target.unlink()
        return Sample(seconds, facts)

    return turn


def _answer(address: str) -> Sample:
    begun = time.perf_counter()
    with urlopen(address, timeout=_TIMEOUT) as said:  # noqa: S310
        first = said.read(1)
        waited = time.perf_counter() - begun
        size = len(first + said.read())
    return Sample(time.perf_counter() - begun, {"first_byte_ms": waited * 1000, "bytes": size})


def answer(server: Server, path: str, times: int = 3) -> Callable[[], Sample]:
    """Ask a server so many times: how long until all of the answer was there, at the median."""

    def turn() -> Sample:
        return sorted((_answer(server.base + path) for _ in range(times)), key=lambda sample: sample.value)[times // 2]

    return turn


def program(command: Sequence[str], target: Path | None = None, **environment: str) -> Callable[[], Sample]:
    """Run a program: how long, its peak of memory, and the size of the file that it wrote.

    A program that prints `{"seconds": ...}` tells itself how long it took, its start left out.
    """

    def turn() -> Sample:
        if target:
            target.unlink(missing_ok=True)
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as wrong:
            begun = time.perf_counter()
            child = subprocess.Popen(command, stdout=said, stderr=wrong, env=os.environ | environment)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - begun
            child.returncode = os.waitstatus_to_exitcode(status)
            wrong.seek(0)
            said.seek(0)
            if child.returncode:
                raise RuntimeError(wrong.read().decode(errors="replace").strip()[-300:])
            told = said.read().decode(errors="replace").strip().rpartition("\n")[2]
        facts = {"peak_mib": usage.ru_maxrss / 1024}
        if told.startswith('{"seconds"'):
            seconds = json.loads(told)["seconds"]
        if target:
            facts["bytes"] = target.stat().st_size
        return Sample(seconds, facts)

    return turn


def query(stand: Stand, statement: str, *, fetch: bool = True) -> Callable[[], Sample]:
    """Run a statement once on a connection of its own, parallel workers allowed."""

    def turn() -> Sample:
        connected = psycopg2.connect(stand.url, options=stand.search_path)
        with closing(connected) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT ST_Transform(ST_SetSRID(ST_MakePoint(119, 26), 4490), 4549)")  # loads PROJ
            begun = time.perf_counter()
            cursor.execute(statement)
            rows = len(cursor.fetchall()) if fetch else cursor.rowcount
            seconds = time.perf_counter() - begun
            connection.commit()
        return Sample(seconds, {"rows": rows})

    return turn


def call(work: Callable[[], int], counts: str = "rows") -> Callable[[], Sample]:
    """Call a function that runs in this process; it returns how many rows, or bytes, came out."""

    def turn() -> Sample:
        begun = time.perf_counter()
        number = work()
        return Sample(time.perf_counter() - begun, {counts: number})

    return turn


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it printed.

    Raises
    ------
    RuntimeError
        With its last words, where it failed.
    """
    done = subprocess.run(command, env=os.environ | (env or {}), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
