"""Everybody sees only what is hers, on every door: the database itself holds her to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
import sqlalchemy as sa
from conftest import copied
from contents import content
from people import bearing, signed_in
from serving import serving

from gis_service.api.app import create_app
from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.duties import RoleName
from gis_service.errors import Forbidden
from gis_service.exports import FORMATS
from gis_service.settings import Settings
from layers import Layer, Ledger, Role, Subjected, own_columns, registry, with_role
from maps import registry as map_registry

HERS, OTHERS = "350104001", "350104002"
"""Two sub-districts, side by side; who is asked about has the first."""
SECRET = "乙区机密"
WEST = {HERS: 119.0, OTHERS: 119.1}
AREAS = with_role(Role.AREAS)
RECORDED = [layer for layer in registry().values() if layer is not AREAS]
ABOUT = next(name for name, layer in registry().items() if layer is not AREAS and not issubclass(layer, Subjected))


def _code(layer: type[Layer], area: str) -> str:
    return f"{area}-{layer.__tablename__}"


def _shape(layer: type[Layer], area: str) -> str:
    west = WEST[area] + 0.03
    shapes = {
        "Point": shapely.Point(west, 26.02),
        "MultiLineString": shapely.MultiLineString([[(west, 26.02), (west + 0.03, 26.03)]]),
        "MultiPolygon": shapely.MultiPolygon([shapely.box(west, 26.02, west + 0.01, 26.03)]),
    }
    return shapes[layer.geometry[0]].wkt


def _put(connection: sa.Connection, layer: type[Layer], area: str, name: str) -> None:
    values = {"code": _code(layer, area), "name": name, "shape": _shape(layer, area)}
    values |= {c.name: SECRET for c in own_columns(layer) if c.info["field"].kind == "text" and area == OTHERS}
    if issubclass(layer, Subjected):
        values |= {"subject_layer": ABOUT, "subject_code": f"{area}-{ABOUT}"}
    names = [name for name in values if name != "shape"]
    connection.execute(
        sa.text(
            f"INSERT INTO {layer.__tablename__} ({', '.join(names)}, geom) "
            f"VALUES ({', '.join(f':{name}' for name in names)}, ST_GeomFromText(:shape, 4490))"
        ),
        values,
    )


def _settle(database: Database, home: Path, *, both: bool) -> None:
    """Put two sub-districts into an empty district, and into each, or only into hers, a life of records."""
    with database.transaction("创建者") as connection:
        for code, west in WEST.items():
            shape = f"ST_Multi(ST_MakeEnvelope({west}, 26, {west + 0.1}, 26.1, 4490))"
            connection.exec_driver_sql(
                f"INSERT INTO areas (code, name, level, geom) VALUES ('{code}', '{code}', '街道', {shape})"
            )
    for area in (HERS, OTHERS) if both else (HERS,):
        name = "甲" if area == HERS else SECRET
        with database.transaction(name, reason=f"{name}建账") as connection:
            for layer in sorted(RECORDED, key=lambda layer: issubclass(layer, Subjected)):
                _put(connection, layer, area, name)
        with database.transaction(name, reason=f"{name}更正") as connection:
            for layer in RECORDED:
                table, code = layer.__tablename__, _code(layer, area)
                connection.exec_driver_sql(f"UPDATE {table} SET name = name || '改' WHERE code = '{code}'")
    headers = bearing(signed_in(database, "all", "manager"))
    with serving(database, home=home) as root, httpx.Client(base_url=root, headers=headers, timeout=60) as client:
        for area in (HERS, OTHERS) if both else (HERS,):
            for layer in RECORDED:
                address = f"/api/layers/{layer.__tablename__}/features/{_code(layer, area)}/attachments"
                sent = {"file": (f"{area}.txt", f"{SECRET if area == OTHERS else '甲'} {layer.__tablename__}".encode())}
                assert client.post(address, files=sent, data={"note": SECRET if area == OTHERS else ""}).is_success


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the attachments."""
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def both(cluster: Cluster, upgraded_template: str, home: Path) -> Iterator[Database]:
    """A district of two sub-districts with records."""
    for database in copied(cluster, upgraded_template, "access_both"):
        _settle(database, home / "both", both=True)
        yield database


@pytest.fixture(scope="module")
def alone(cluster: Cluster, upgraded_template: str, home: Path) -> Iterator[Database]:
    """The same district, in which the other sub-district never had a record."""
    for database in copied(cluster, upgraded_template, "access_alone"):
        _settle(database, home / "alone", both=False)
        yield database


FILLED = {
    "layer": list(registry()),
    "code": None,  # by the layer; hers and the others'
    "name": list(map_registry()),
    "format": list(FORMATS),
    "tile": ["0/0/0", "7/106/54", "8/212/108"],  # both sub-districts lie on these
    "row_first": ["0/0/0", "7/54/106", "8/108/212"],
    "scheme": ["WebMercatorQuad"],
    "id": [str(number) for number in range(1, 2 * len(RECORDED) + 1)],
}


def _addresses(method: str) -> Iterator[str]:
    """Yield every address of the service that takes a method, filled in with every layer, and codes of both."""
    for path, methods in _routes():
        if method not in methods:
            continue
        filled = path.replace("{z}/{x}/{y}", "{tile}").replace("{z}/{row}/{col}", "{row_first}").replace(":path}", "}")
        names = re.findall(r"{(\w+)}", filled)
        choices = [FILLED[name] or ["hers", "others"] for name in names]
        for chosen in product(*choices):
            values = dict(zip(names, chosen, strict=True))
            layer = registry()[values.get("layer", "hazards")]
            if "code" in values:
                values["code"] = _code(layer, HERS if values["code"] == "hers" else OTHERS)
            yield filled.format(**values)


def _routes() -> Iterator[tuple[str, set[str]]]:
    """Yield every route of the service with its methods, from the application itself."""
    app = create_app(Database("postgresql+psycopg2://nobody@127.0.0.1/none", Settings()), Settings())
    yield from _of(app.routes)


def _of(routes: list[Any]) -> Iterator[tuple[str, set[str]]]:
    for route in routes:
        if router := getattr(route, "original_router", None):
            yield from _of(router.routes)
        elif methods := getattr(route, "methods", None):
            yield route.path, methods


_VOLATILE = re.compile(rb"\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-][\d:]+)?|nonce=\"[^\"]+\"|127\.0\.0\.1:\d+|[0-9a-f]{32}")


def _asked(client: httpx.Client, address: str) -> tuple[int, bytes]:
    """Ask, and return what the answer holds, without moments and nonces."""
    answer = client.get(address)
    return answer.status_code, _VOLATILE.sub(b"", content(answer))


@pytest.mark.parametrize(
    "query", ["", "?as_of=2999-01-01", f"?area={OTHERS}", f"?code={_code(registry()['rivers'], OTHERS)}"]
)
def test_whatever_she_asks_the_answer_is_as_if_the_other_sub_district_held_nothing(
    both: Database, alone: Database, home: Path, query: str
) -> None:
    secrets = [signed_in(database, "she", "manager", areas=[HERS]) for database in (both, alone)]
    with (
        serving(both, home=home / "both") as full,
        serving(alone, home=home / "alone") as bare,
        httpx.Client(base_url=full, headers=bearing(secrets[0]), timeout=60) as here,
        httpx.Client(base_url=bare, headers=bearing(secrets[1]), timeout=60) as there,
    ):
        seen = 0
        for address in _addresses("GET"):
            status, answer = _asked(here, address + query)
            assert SECRET.encode() not in answer, address
            assert (status, answer) == _asked(there, address + query), address
            seen += status == 200
        assert seen >= (60 if not query else 5)


def test_who_is_narrowed_to_nothing_sees_everything_and_so_the_comparison_can_fail(both: Database) -> None:
    secret = signed_in(both, "all", "viewer")
    with serving(both) as root, httpx.Client(base_url=root, headers=bearing(secret), timeout=60) as client:
        told = [address for address in _addresses("GET") if SECRET.encode() in _asked(client, address)[1]]
    for layer in RECORDED:
        assert f"/api/layers/{layer.__tablename__}/features" in told
        assert f"/ogc/collections/{layer.__tablename__}/items" in told
        assert f"/ogc/collections/{layer.__tablename__}/items/{_code(layer, OTHERS)}" in told
        for part in ("history", "attachments"):
            assert f"/api/layers/{layer.__tablename__}/features/{_code(layer, OTHERS)}/{part}" in told
        for suffix in FORMATS.keys() - {"json"}:  # which holds no record
            assert f"/api/exports/{layer.__tablename__}.{suffix}" in told


def test_no_table_goes_without_a_policy_and_none_without_a_history(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        assert list(_unprotected(connection)) == []


def test_a_table_that_was_forgotten_is_found(own_sample: Database) -> None:
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE forgotten (id int)")
        connection.exec_driver_sql("DROP TRIGGER gis_4_updated ON bridges")
        connection.exec_driver_sql("ALTER TABLE rivers_history DISABLE ROW LEVEL SECURITY")
        assert set(_unprotected(connection)) == {
            "forgotten has no row policy",
            "forgotten has no history",
            "bridges has no history",
            "rivers_history has no row policy",
        }


def _unprotected(connection: sa.Connection) -> Iterator[str]:
    """Yield the tables of the district without row policies, and those whose changes leave no history."""
    rows = connection.exec_driver_sql(
        """
        SELECT c.relname AS name,
            c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS held,
            (SELECT coalesce(bit_or(t.tgtype::int), 0) FROM pg_trigger t
             WHERE t.tgrelid = c.oid AND t.tgname LIKE 'gis\\_4\\_%%' AND t.tgenabled = 'O') AS triggers
        FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        """
    )
    on_delete, on_update = 8, 16
    for name, held, triggers in rows:
        if not held:
            yield f"{name} has no row policy"
        kept = triggers & on_delete and triggers & on_update
        follows = name.endswith(("_history", "_tallies", "_grid", "_scored", "_unscored", "_basis"))
        if not kept and not follows and name != "alembic_version":
            yield f"{name} has no history"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE bridges DISABLE ROW LEVEL SECURITY",
        "DROP POLICY gis_read ON bridges",
        "ALTER TABLE bridges DISABLE TRIGGER ALL",
        "DELETE FROM bridges_history",
        "UPDATE events SET recorded_by = 'somebody'",
        "INSERT INTO changes (reason) VALUES ('x')",
        "TRUNCATE bridges",
        "SET ROLE gis",
        "CREATE TABLE own (id int)",
        "SET session_replication_role = replica",
    ],
)
def test_the_services_own_role_cannot_bypass_the_policies(sample_district: Database, statement: str) -> None:
    service = sample_district.for_service().acting("anonymous")
    with pytest.raises((Forbidden, sa.exc.DBAPIError)), service.transaction() as connection:
        connection.exec_driver_sql(statement)
    service.engine.dispose()


def test_where_nobody_is_named_nothing_is_seen(sample_district: Database) -> None:
    service = sample_district.for_service()
    with service.reading() as connection:
        connection.exec_driver_sql("SET LOCAL row_security = on")
        for name in registry():
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() == 0
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {name}_history").scalar_one() == 0
    service.engine.dispose()


FEATURES = "/api/layers/{layer}/features"
FEATURE = FEATURES + "/{code:path}"
ITEMS = "/ogc/collections/{layer}/items"
ITEM = ITEMS + "/{code:path}"
HERSELF = ("/login", "/logout", "/api/me/password", "/api/me/tokens", "/api/me/tokens/{token}")
"""What reaches nobody but who asks."""


def _sent(layer: type[Layer]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is sent to each address that writes, so that it would be taken if it were hers to send."""
    shape = shapely.geometry.mapping(shapely.from_wkt(_shape(layer, OTHERS)))
    record = {"type": "Feature", "geometry": shape, "properties": {"name": "新"}}
    return {
        ("POST", FEATURES): {"json": record},
        ("PUT", FEATURE): {"json": record},
        ("PATCH", FEATURE): {"json": {"properties": {"name": "新"}}},
        ("DELETE", FEATURE): {},
        ("POST", ITEMS): {"json": record},
        ("PUT", ITEM): {"json": record},
        ("PATCH", ITEM): {"json": {"properties": {"name": "新"}}},
        ("DELETE", ITEM): {},
        ("POST", FEATURE + "/attachments"): {"files": {"file": ("新.txt", b"new")}},
        ("POST", FEATURE + "/restore"): {"params": {"version": 1, "reason": "误改"}},
        ("POST", "/api/changes/{id}/undo"): {"params": {"reason": "误改"}},
        ("DELETE", "/api/attachments/{id}"): {},
        ("POST", "/api/attachments/{id}/restore"): {},
        ("POST", "/api/hazards/{code:path}/transitions"): {"json": {"transition": "issue", "deadline": "2999-01-01"}},
        ("POST", "/api/users"): {"json": {"name": "new", "role": "viewer"}},
        ("PATCH", "/api/users/{name}"): {"json": {"role": "viewer"}},
        ("DELETE", "/api/users/{name}"): {},
    }


def test_every_address_that_writes_is_asked_below() -> None:
    writing = {(method, path) for path, methods in _routes() for method in methods - {"GET", "HEAD"}}
    known = set(_sent(RECORDED[0])) | {(method, path) for method in ("POST", "DELETE") for path in HERSELF}
    assert writing <= known


@pytest.mark.parametrize("layer", RECORDED, ids=lambda layer: layer.__tablename__)
def test_no_address_lets_her_write_what_is_not_hers(both: Database, home: Path, layer: type[Layer]) -> None:
    headers = bearing(signed_in(both, "she", "manager", areas=[HERS]))
    before = _of_others(both)
    with serving(both, home=home / "both") as root, httpx.Client(base_url=root, headers=headers) as client:
        for (method, path), sent in _sent(layer).items():
            of_others = {"layer": layer.__tablename__, "code": _code(layer, OTHERS), "name": "others"}
            # of the changes all, none of them is by her; of the attachments those behind hers
            first, last = (1, 5) if "changes" in path else (len(RECORDED) + 1, 2 * len(RECORDED))
            for id_ in range(first, last + 1):
                address = path.replace(":path", "").format(**of_others, id=id_)
                answer = client.request(method, address, **sent)
                assert answer.status_code in (403, 404), (method, address, answer.text)
                if "{id}" not in path:
                    break
    assert _of_others(both) == before


@pytest.fixture
def she(both: Database) -> Iterator[Database]:
    """The database as the service reaches it for her, who may do everything in her sub-district."""
    signed_in(both, "she", "manager", areas=[HERS])
    service = both.for_service()
    yield service.acting("she")
    service.engine.dispose()


def _of_others(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row that lies in the other sub-district or is about it, past ones too, and the accounts."""
    about = {"events": "code", "attachments": "code", "attachments_history": "code"}
    clauses = {table: f"{column} LIKE '{OTHERS}%%'" for table, column in about.items()} | {"users": "name <> 'she'"}
    with database.reading() as connection:
        return {
            table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} WHERE {clause}")]
            for table, clause in clauses.items()
        } | {
            table: [
                tuple(row)
                for row in connection.exec_driver_sql(
                    f"SELECT * FROM {table} WHERE area_code = '{OTHERS}' ORDER BY id, version"
                )
            ]
            for layer in RECORDED
            for table in (layer.__tablename__, f"{layer.__tablename__}_history")
        }


class _TakenBack(Exception):
    """Ends a transaction that has gone through without keeping it."""


@contextmanager
def _taken_back(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection in a transaction that is rolled back."""
    with suppress(_TakenBack), database.transaction() as connection:
        yield connection
        raise _TakenBack


@pytest.mark.parametrize("layer", RECORDED, ids=lambda layer: layer.__tablename__)
@pytest.mark.parametrize("statement", ["UPDATE {table} SET name = 'x'", "DELETE FROM {table}"])
def test_a_statement_over_the_whole_layer_reaches_only_hers(she: Database, layer: type[Layer], statement: str) -> None:
    with _taken_back(she) as connection:
        written = connection.exec_driver_sql(statement.format(table=layer.__tablename__) + " RETURNING area_code")
        assert {row.area_code for row in written} == {HERS}


@pytest.mark.parametrize("layer", RECORDED, ids=lambda layer: layer.__tablename__)
def test_nothing_is_moved_or_put_into_the_other_sub_district(both: Database, she: Database, layer: type[Layer]) -> None:
    before, table = _of_others(both), layer.__tablename__
    with pytest.raises(Forbidden), she.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE {table} SET geom = ST_GeomFromText('{_shape(layer, OTHERS)}', 4490)")
    column, value = ("status", layer.first) if issubclass(layer, Ledger) else ("name", "新")
    with pytest.raises(Forbidden), she.transaction() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO {table} (code, {column}, geom) "
            f"VALUES ('new', '{value}', ST_GeomFromText('{_shape(layer, OTHERS)}', 4490))"
        )
    if issubclass(layer, Subjected):
        with pytest.raises(Forbidden), she.transaction() as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET subject_code = '{OTHERS}-{ABOUT}'")
    assert _of_others(both) == before


def test_what_also_lies_elsewhere_is_read_and_not_written(own_sample: Database) -> None:
    signed_in(own_sample, "she", "manager", areas=["350104101"])
    service = own_sample.for_service()
    with service.acting("she").transaction() as connection:
        crossing = "shares ? '350104101' AND (SELECT count(*) FROM jsonb_object_keys(shares)) > 1"
        seen = {row.code for row in connection.exec_driver_sql(f"SELECT code FROM rivers WHERE {crossing}")}
        written = {row.code for row in connection.exec_driver_sql("UPDATE rivers SET name = 'x' RETURNING code")}
    service.engine.dispose()
    assert seen
    assert written
    assert not seen & written


def test_who_is_narrowed_to_a_layer_sees_it_and_what_is_about_its_features(own_sample: Database) -> None:
    signed_in(own_sample, "gas", "inspector", layers=["gas_stations"])
    service = own_sample.for_service()
    with service.acting("gas").reading() as connection:
        counts = {name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in registry()}
        subjects = connection.exec_driver_sql("SELECT DISTINCT subject_layer FROM hazards").scalars().all()
    service.engine.dispose()
    assert subjects == ["gas_stations"]
    assert counts["gas_stations"]
    assert counts["areas"]
    assert not any(
        counts[layer.__tablename__]
        for layer in RECORDED
        if layer.__tablename__ != "gas_stations" and not issubclass(layer, Subjected)
    )


def test_who_is_narrowed_to_columns_sets_those_and_neither_moves_creates_nor_deletes(own_sample: Database) -> None:
    signed_in(own_sample, "clerk", "editor", columns=["name", "owner"])
    service = own_sample.for_service()
    clerk = service.acting("clerk")
    with clerk.transaction() as connection:
        assert connection.exec_driver_sql("UPDATE bridges SET name = 'x' WHERE code = 'QL-001'").rowcount == 1
    for statement in (
        "UPDATE bridges SET geom = ST_Translate(geom, 0.001, 0) WHERE code = 'QL-001'",
        "UPDATE bridges SET bci = 50 WHERE code = 'QL-001'",
        "INSERT INTO bridges (code, geom) SELECT 'new', geom FROM bridges LIMIT 1",
    ):
        with pytest.raises(Forbidden), clerk.transaction() as connection:
            connection.exec_driver_sql(statement)
    with clerk.transaction() as connection:
        assert connection.exec_driver_sql("DELETE FROM bridges").rowcount == 0
    service.engine.dispose()


@pytest.mark.parametrize("role", ["viewer", "verifier"])
def test_who_has_no_duty_to_write_writes_nothing(own_sample: Database, role: RoleName) -> None:
    signed_in(own_sample, "she", role)
    service = own_sample.for_service()
    for layer in RECORDED:
        if role == "verifier" and issubclass(layer, Subjected):
            continue
        with service.acting("she").transaction() as connection:
            assert connection.exec_driver_sql(f"UPDATE {layer.__tablename__} SET name = 'x'").rowcount == 0
            assert connection.exec_driver_sql(f"DELETE FROM {layer.__tablename__}").rowcount == 0
    service.engine.dispose()


def test_an_earlier_day_needs_the_duty_to_backdate(own_sample: Database) -> None:
    service = own_sample.for_service()
    day = date(2023, 10, 30)
    for role, allowed in (("editor", False), ("manager", True)):
        signed_in(own_sample, "she", role)
        with (
            nullcontext() if allowed else pytest.raises(Forbidden, match="earlier day"),
            service.acting("she").transaction(valid_from=day) as connection,
        ):
            connection.exec_driver_sql("UPDATE areas SET office = 'x'")
    service.engine.dispose()


def test_a_user_who_is_no_longer_active_sees_nothing(own_sample: Database) -> None:
    signed_in(own_sample, "she", "admin")
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("UPDATE users SET active = false WHERE name = 'she'")
    service = own_sample.for_service()
    with service.acting("she").reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM bridges").scalar_one() == 0
    service.engine.dispose()


def test_another_role_of_the_database_learns_no_password_and_no_token(own_sample: Database) -> None:
    with own_sample.reading() as connection:
        asked = "SELECT has_function_privilege('public', '{}(text)', 'execute')"
        for function in ("gis_password_of", "gis_known_by"):
            assert connection.exec_driver_sql(asked.format(function)).scalar_one() is False
