"""Bring a district's schema to the version of the program: migrations, then everything made from declarations."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import ProgrammingError

from gis_service.database import Database, objects
from gis_service.database.accounts import UserRow
from gis_service.database.district import DistrictRow
from gis_service.database.risk_configs import RiskConfigRow
from gis_service.database.service_role import LEAKPROOF, service_login
from gis_service.duties import ANONYMOUS
from gis_service.errors import DatabaseError, NotUpgraded
from layers import RiskConfig

log = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Create or upgrade the district's schema, in one transaction; safe to repeat, and for two to do at once."""
    with database.transaction() as connection:
        _lock(connection, database.schema)
        _extension(connection)
        _leakproof(connection)
        connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{database.schema}"')
        command.upgrade(_config(connection), "head")
        objects.make(connection, database.schema, _service_role(connection, database))
        _seed(connection, database)


def revision(database: Database, message: str) -> Path:
    """Generate the migration from the stored schema to the declarations; return its file."""
    with database.transaction() as connection:
        _lock(connection, database.schema)
        script = command.revision(_config(connection), message, autogenerate=True)
    if script is None or isinstance(script, list):
        raise TypeError("one migration was expected")
    return Path(script.path)


def require(connection: Connection) -> None:
    """Refuse to work on tables of another version.

    Raises
    ------
    NotUpgraded
        Where `gis db upgrade` has to be run first.
    """
    stored = MigrationContext.configure(connection).get_current_revision()
    if stored != ScriptDirectory(str(_MIGRATIONS)).get_current_head():
        raise NotUpgraded(
            "数据库结构与程序版本不一致，请先运行 gis db upgrade。",
            "The database is of another version of the program. Run gis db upgrade first.",
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _lock(connection: Connection, schema: str) -> None:
    key = int.from_bytes(hashlib.sha256(schema.encode()).digest()[:8], signed=True)
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (key,))


def _leakproof(connection: Connection) -> None:
    """Let boxes use their index under row policies, where this user may say so."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(LEAKPROOF)
    except ProgrammingError:
        log.debug("geometry_overlaps stays as it is: this user is no superuser")


def _extension(connection: Connection) -> None:
    if connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").first():
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION postgis SCHEMA public")
    except ProgrammingError as error:
        raise DatabaseError(
            "数据库缺少 PostGIS，且当前用户无权安装。请管理员执行：CREATE EXTENSION postgis。",
            "The database has no PostGIS and this user may not add it. Ask its administrator for: "
            "CREATE EXTENSION postgis.",
        ) from error


def _service_role(connection: Connection, database: Database) -> str:
    """Return the role that serves requests, made where it is missing, unless whoever administers the server has to."""
    login = service_login(database.engine.url)
    if connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (login.username,)).first() is None:
        create = f'CREATE ROLE "{login.username}" LOGIN NOINHERIT'
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"{create} PASSWORD '{login.password}'" if login.password else create)
        except ProgrammingError as error:
            raise DatabaseError(
                f"缺少服务角色 {login.username}，且当前用户无权创建。请管理员执行：{create} PASSWORD '…'。",
                f"The role {login.username} that serves requests is missing and this user may not make it. Ask the "
                f"server's administrator for: {create} PASSWORD '…'.",
            ) from error
    return str(login.username)


def _seed(connection: Connection, database: Database) -> None:
    if connection.execute(select(DistrictRow.key)).first() is None:
        name = database.settings.district_name or database.schema
        connection.execute(
            insert(DistrictRow).values(key=database.schema, name_zh=name, name_en=name, illustrative=False)
        )
    if connection.execute(select(UserRow.name)).first() is None:
        connection.execute(insert(UserRow).values(name=ANONYMOUS, title="访客", role="viewer"))
    if connection.execute(select(RiskConfigRow.version)).first() is None:
        connection.execute(insert(RiskConfigRow).values(config=RiskConfig().to_json(), note="初始版本"))
