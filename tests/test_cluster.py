"""The embedded cluster survives what happens to it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gis_service.database.cluster import SERVICE, Cluster
from gis_service.database.programs import Account, find_programs
from gis_service.database.tuning import Machine, tuned
from gis_service.errors import ClusterError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the cluster as another account")


@pytest.fixture
def home(open_folder: Path) -> Iterator[Path]:
    """A home of one test, whose server does not outlive it."""
    with tempfile.TemporaryDirectory(dir=open_folder) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "home"
        Cluster(Path(folder) / "home").stop()


def ask(url: sa.URL, statement: str) -> object:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.execute(sa.text(statement))
        return result.scalar() if result.returns_rows else None


def in_another_process(home: Path, body: str) -> subprocess.Popen[str]:
    """Start Python with `cluster` at hand, in a process group of its own, as a terminal would."""
    program = (
        "import signal, sys, time; from pathlib import Path; import psycopg2\n"
        # whoever runs the tests in the background has told them to ignore Ctrl-C, and they their children
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from gis_service.database.cluster import Cluster\n"
        f"cluster = Cluster(Path({str(home)!r}))\n" + body
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_database_has_postgis_and_belongs_to_an_ordinary_role(database_url: sa.URL) -> None:
    assert ask(database_url, "SELECT postgis_lib_version()") >= "3.3"  # type: ignore[operator]
    assert ask(database_url, "SELECT current_user") == SERVICE
    assert ask(database_url, "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user") is False
    ask(database_url, "CREATE SCHEMA own")


def test_making_a_database_again_keeps_what_is_in_it(cluster: Cluster) -> None:
    cluster.create_database("twice")
    ask(cluster.url("twice"), "CREATE TABLE kept AS SELECT 1 AS n")
    cluster.create_database("twice")
    assert ask(cluster.url("twice"), "SELECT n FROM kept") == 1
    cluster.drop_database("twice")


def test_a_copy_of_a_template_holds_what_the_template_holds(cluster: Cluster) -> None:
    cluster.create_database("original")
    ask(cluster.url("original"), "CREATE TABLE copied AS SELECT 1 AS n")
    cluster.create_database("copy", template="original")
    assert ask(cluster.url("copy"), "INSERT INTO copied VALUES (2) RETURNING n") == 2
    cluster.drop_database("copy")
    cluster.drop_database("original")


def test_letters_are_those_of_unicode(database_url: sa.URL) -> None:
    assert ask(database_url, "SELECT lower('Ä') = 'ä' AND '闵' ~ '[[:alpha:]]'") is True


@pytest.mark.parametrize("door", ["socket", "port"])
def test_both_doors_ask_for_the_password(cluster: Cluster, database_url: sa.URL, door: str) -> None:
    status = cluster.status()
    host = str(status.socket_directory) if door == "socket" else "127.0.0.1"
    known = {"host": host, "port": status.port, "dbname": database_url.database, "user": SERVICE}
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**known, password="guess")
    psycopg2.connect(**known, password=database_url.password).close()


def test_passwords_are_readable_by_their_owner_only(home: Path) -> None:
    Cluster(home, durable=False).start()
    for key in (home / "keys").iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700


def test_the_last_holder_stops_it(home: Path) -> None:
    one, other = Cluster(home, durable=False), Cluster(home, durable=False)
    with one.held():
        with other.held():
            assert one.status().running
        assert one.status().running
    assert not one.status().running


def test_once_started_it_stays_until_it_is_stopped(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    with cluster.held():
        cluster.start()
    assert cluster.status().running
    cluster.stop()
    assert not cluster.status().running
    with cluster.held():
        pass
    assert not cluster.status().running


def test_two_first_starts_at_one_moment_make_one_server(home: Path) -> None:
    body = "cluster.start(); cluster.create_database(); print(cluster.status().pid, flush=True)"
    processes = [in_another_process(home, body) for _ in range(4)]
    pids = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert pids == {f"{Cluster(home).status().pid}\n"}


def test_committed_work_is_there_after_the_server_was_killed(home: Path) -> None:
    cluster = Cluster(home)
    cluster.start()
    cluster.create_database()
    ask(cluster.url(), "CREATE TABLE kept AS SELECT 42 AS n")
    # A backend at work outlives its postmaster: the next server has to wait for it.
    busy = psycopg2.connect(cluster.url().render_as_string(hide_password=False).replace("+psycopg2", ""), async_=True)
    wait_until_usable(busy)
    busy.cursor().execute("SELECT sum(sqrt(n)) FROM generate_series(1, 20000000) AS n")
    pid = cluster.status().pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    while cluster.status().running:
        time.sleep(0.01)
    cluster.start()
    assert cluster.status().pid != pid
    assert ask(cluster.url(), "SELECT n FROM kept") == 42
    busy.close()


def wait_until_usable(connection: psycopg2.extensions.connection) -> None:
    while connection.poll() != psycopg2.extensions.POLL_OK:
        time.sleep(0.01)


def test_a_stale_pid_that_is_somebody_elses_by_now_is_no_obstacle(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    cluster.start()
    status = cluster.status()
    assert status.pid
    assert status.data_directory
    assert status.socket_directory
    pid_file = status.data_directory / "postmaster.pid"
    left_behind = pid_file.read_text()
    cluster.stop()
    owner = status.data_directory.stat()
    stranger = (
        subprocess.Popen(["sleep", "60"], user=owner.st_uid) if os.geteuid() == 0 else subprocess.Popen(["sleep", "60"])
    )
    try:
        pid_file.write_text(left_behind.replace(str(status.pid), str(stranger.pid), 1))
        (status.socket_directory / f".s.PGSQL.{status.port}.lock").write_text(f"{stranger.pid}\n")
        assert not cluster.status().running
        cluster.start()
        assert cluster.status().running
    finally:
        stranger.kill()
        stranger.wait()


def test_a_first_start_that_was_cut_off_is_done_again(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    cluster.start()
    data = cluster.status().data_directory
    assert data
    cluster.stop()
    data.rename(data.with_name("data.new"))
    (data.with_name("data.new") / "PG_VERSION").unlink()
    cluster.start()
    assert cluster.status().running
    assert not data.with_name("data.new").exists()


def test_with_its_files_moved_aside_it_begins_anew(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    cluster.start()
    cluster.stop()
    (home / "database").rename(home / "database.old")
    assert not cluster.status().running
    with cluster.held():
        cluster.create_database()
        assert ask(cluster.url(), "SELECT 1") == 1


def test_the_port_is_kept_and_given_up_only_to_somebody_who_has_it(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    cluster.start()
    port = cluster.status().port
    cluster.stop()
    cluster.start()
    assert cluster.status().port == port
    cluster.stop()
    with socket.create_server(("127.0.0.1", port or 0)):
        cluster.start()
        assert cluster.status().port != port
        cluster.create_database()
        assert ask(cluster.url(), "SHOW port") == str(cluster.status().port)


@pytest.mark.parametrize("name", ["路 径, with 'words'", "long" * 30])
def test_any_path_will_do(home: Path, name: str) -> None:
    cluster = Cluster(home.with_name(name), durable=False)
    with cluster.held():
        cluster.create_database()
        assert ask(cluster.url(), "SELECT 1") == 1
        sockets = cluster.status().socket_directory
        assert sockets
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert len(os.fsencode(sockets / ".s.PGSQL.15432")) <= 107
    if not sockets.is_relative_to(home.parent):
        shutil.rmtree(sockets)


@needs_root
def test_a_home_closed_to_the_servers_account_holds_a_pointer_to_files_elsewhere(home: Path) -> None:
    home.parent.chmod(0o700)
    cluster = Cluster(home, durable=False)
    with cluster.held():
        data = cluster.status().data_directory
    assert data
    assert not data.is_relative_to(home)
    assert (data.parent / "belongs-to").read_text().strip() == str(home)
    with Cluster(home, durable=False).held():
        assert cluster.status().data_directory == data
    shutil.rmtree(data.parent)


@needs_root
def test_root_runs_it_as_somebody_else(cluster: Cluster) -> None:
    pid = cluster.status().pid
    owner = Path(f"/proc/{pid}").stat().st_uid
    assert owner != 0
    assert pwd.getpwuid(owner).pw_name == Account.for_new_cluster().name


def test_ctrl_c_leaves_the_server_to_the_service(home: Path) -> None:
    body = """
with cluster.held():
    cluster.create_database()
    try:
        print("serving", flush=True)
        while True:
            time.sleep(0.05)  # a signal just before signal.pause() would be slept through
    except KeyboardInterrupt:
        time.sleep(0.3)  # a server in our process group would be gone by now
        cluster.create_database("work_on_the_way_out")
        print("closed in order", flush=True)
"""
    service = in_another_process(home, body)
    assert said(service) == "serving"
    os.killpg(service.pid, signal.SIGINT)
    assert service.communicate(timeout=30)[0].strip() == "closed in order"
    assert service.returncode == 0
    assert not Cluster(home).status().running


def test_a_holder_that_is_killed_lets_go(home: Path) -> None:
    service = in_another_process(home, "with cluster.held():\n    print('serving', flush=True)\n    signal.pause()")
    assert said(service) == "serving"
    service.kill()
    service.communicate()
    cluster = Cluster(home)
    assert cluster.status().running
    with cluster.held():
        pass
    assert not cluster.status().running


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    cluster.start()
    data = cluster.status().data_directory
    assert data
    cluster.stop()
    with (data / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(ClusterError, match="no_such_setting"):
        cluster.start()


def test_without_postgis_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ClusterError, match=r"apt-get install postgresql-postgis.*dnf.*brew.*GIS_DATABASE_URL"):
        find_programs(Account.for_new_cluster(), places=())


def test_files_of_another_version_say_which_is_needed() -> None:
    with pytest.raises(ClusterError, match="PostgreSQL 99"):
        find_programs(Account.for_new_cluster(), major=99)


@given(
    st.builds(
        Machine,
        memory=st.integers(2**30, 2**42),
        cores=st.integers(1, 512),
        disk=st.integers(0, 2**50),
    )
)
def test_the_server_never_asks_for_most_of_the_machine(machine: Machine) -> None:
    settings = tuned(machine)
    megabytes = {name: int(value[:-2]) for name, value in settings.items() if value.endswith("MB")}
    assert megabytes["shared_buffers"] * 2**20 <= machine.memory / 4
    assert 20 * megabytes["work_mem"] * 2**20 <= machine.memory / 2
    assert int(settings["max_parallel_workers"]) <= machine.cores


def test_the_server_runs_with_the_machines_settings(database_url: sa.URL) -> None:
    expected = tuned(Machine.here(Path("/")), durable=False)
    for name in ("work_mem", "effective_cache_size", "random_page_cost", "jit", "fsync"):
        assert ask(database_url, f"SHOW {name}") == expected[name]


def test_a_full_disk_keeps_nobody_from_stopping(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(open_folder / "full disk", durable=False)
    cluster.start()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gis_service.database.home.ClusterHome.remember", full)
    cluster.stop()
    assert not cluster.status().running
