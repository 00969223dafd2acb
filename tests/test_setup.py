"""From a clean clone to running: locks, assets, scripts and containers say the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import psycopg2
import pytest
import yaml
from packaging.requirements import Requirement

from gis_service.database.cluster import Cluster
from gis_service.database.home import ClusterHome

PROJECT = Path(__file__).parents[1]
WEB = PROJECT / "gis_service" / "web"
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
PACKAGE = json.loads((WEB / "package.json").read_text())
LOCKS = [*sorted((PROJECT / "requirements").glob("*.lock")), PROJECT / "benchmarks/requirements.lock"]
SCRIPTS = [*sorted((PROJECT / "scripts").glob("*.sh")), PROJECT / ".ci" / "run"]
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()


def pinned(lock: str) -> dict[str, str]:
    text = (PROJECT / "requirements" / f"{lock}.lock").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def asked_for(lock: str) -> list[Requirement]:
    groups = PYPROJECT["dependency-groups"]
    lines = {
        "service": PYPROJECT["project"]["dependencies"] + groups["build"],
        "dev": PYPROJECT["project"]["dependencies"] + groups["build"] + groups["dev"],
        "node": groups["node"],
    }
    return [Requirement(line) for line in lines[lock]]


@pytest.mark.parametrize("lock", ["service", "dev", "node"])
def test_a_lock_has_what_the_project_asks_for(lock: str) -> None:
    versions = pinned(lock)
    for requirement in asked_for(lock):
        assert requirement.specifier.contains(versions[requirement.name.lower()]), requirement


def test_service_and_tests_run_the_same_versions() -> None:
    assert pinned("service").items() <= pinned("dev").items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_its_hashes(lock: Path) -> None:
    entries = re.split(r"^(?=\S)", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+( ;.*)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+$", entry), entry


@pytest.mark.parametrize("lock", [*LOCKS, WEB / "package-lock.json"], ids=lambda lock: lock.name)
def test_no_lock_names_a_host(lock: Path) -> None:
    assert "://" not in lock.read_text()


def test_browser_packages_are_pinned_exactly() -> None:
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    for name, version in PACKAGE["dependencies"].items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in entry for path, entry in locked.items() if path)


def test_every_browser_asset_is_in_its_place_with_its_licence() -> None:
    for target in PACKAGE["vendor"].values():
        asset = WEB / "vendor" / target
        assert asset.exists(), f"{target}: run make setup"
        if asset.suffix in (".js", ".css"):
            assert "sourceMappingURL=" not in asset.read_text()[-200:]
    licences = {licence.stem for licence in (WEB / "vendor" / "licences").iterdir()}
    assert licences == {name.replace("/", "-") for name in PACKAGE["dependencies"]}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_parse_and_can_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK)
    shell = script.read_text().splitlines()[0].rsplit("/", 1)[1].split()[-1]
    subprocess.run([shell, "-n", script], check=True)


def test_make_lists_its_targets() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert {"run", "test", "check", "lock"} <= set(re.findall(r"^  make (\w+)", said, re.MULTILINE))


def test_without_rights_to_install_it_says_what_to_install_on_each_system(open_folder: Path) -> None:
    clone = open_folder / "clone"
    shutil.copytree(PROJECT / "scripts", clone / "scripts")
    tools = clone / "bin"  # a system without Python, sudo and apt-get
    tools.mkdir()
    for tool in ("sh", "cat", "date", "dirname", "grep", "id", "mkdir", "sed", "tail", "tr", "uname", "fc-list"):
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    home = clone / "home"
    home.mkdir()
    home.chmod(0o777)
    environment = {"PATH": str(tools), "GIS_HOME": str(home), "GIS_DATABASE_URL": "postgresql://elsewhere/gis"}
    result = subprocess.run(
        [clone / "scripts" / "setup.sh", "system"], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert re.search(r"Debian/Ubuntu +sudo apt-get install .*\bpython3-venv\b", result.stderr)
    assert re.search(r"Fedora +sudo dnf install .*\bpython3\b", result.stderr)
    assert re.search(r"macOS +brew install .*\bpython@3", result.stderr)
    assert "postgis" not in result.stderr.lower().replace("postgis elsewhere", "").replace("其他 postgis", "")


def test_the_image_installs_by_the_set_up_script_and_nothing_else() -> None:
    final = DOCKERFILE.split("FROM ")[-1]
    for call in ("scripts/setup.sh system", "scripts/setup.sh packages service", "scripts/setup.sh project service"):
        assert call in final
    assert not re.search(r"apt-get install|apt install|pip3? install", DOCKERFILE)
    assert "npm ci" in DOCKERFILE


def test_nothing_in_a_container_runs_as_root() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001"]
    for name, service in COMPOSE.items():
        assert service["user"] not in ("root", "0"), name
        assert service["cap_drop"] == ["ALL"], name


@pytest.mark.parametrize("name", ["database", "service"])
def test_containers_are_watched_and_come_back(name: str) -> None:
    assert COMPOSE[name]["healthcheck"]["test"]
    assert COMPOSE[name]["restart"] == "unless-stopped"


def test_the_service_is_well_when_it_is_ready() -> None:
    assert "/readyz" in " ".join(COMPOSE["service"]["healthcheck"]["test"])
    assert COMPOSE["service"]["depends_on"]["database"]["condition"] == "service_healthy"


def test_what_must_last_is_in_volumes() -> None:
    volumes = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["volumes"]
    mounted = {line.split(":")[0]: line.split(":")[1] for name in COMPOSE for line in COMPOSE[name]["volumes"]}
    assert mounted["database"] == "/var/lib/postgresql/data"
    assert mounted["home"] == COMPOSE["service"]["environment"]["GIS_HOME"]
    assert {"database", "home", "keys"} == set(volumes)


def test_the_containers_database_belongs_to_an_ordinary_role(open_folder: Path, tmp_path: Path) -> None:
    subprocess.run([PROJECT / "scripts" / "compose-keys.sh"], env=os.environ | {"KEYS": str(tmp_path)}, check=True)
    home = open_folder / "compose"
    with (cluster := Cluster(home, durable=False)).held():
        where = {"PGHOST": str(cluster.status().socket_directory), "PGPORT": str(cluster.status().port)}
        superuser = {"PGPASSWORD": ClusterHome(home).password("postgres")}
        environment = os.environ | where | superuser | {"POSTGRES_DB": "template1", "KEYS": str(tmp_path)}
        subprocess.run([PROJECT / "scripts" / "compose-database.sh"], env=environment, check=True)
        connection = psycopg2.connect(
            host="127.0.0.1", port=where["PGPORT"], dbname="template1", user="gis", passfile=str(tmp_path / "pgpass")
        )
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA own")
            cursor.execute(
                "SELECT postgis_lib_version() IS NOT NULL AND NOT rolsuper FROM pg_roles WHERE rolname = 'gis'"
            )
            assert cursor.fetchone() == (True,)
        connection.close()
