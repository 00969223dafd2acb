"""gis db: the database, embedded or another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from gis_service.cli.shared import Json, out, print_json, print_table, say, settings
from gis_service.database import upgrade as upgrades
from gis_service.database.cluster import Cluster
from gis_service.database.kept import count_anew, wrong
from gis_service.database.objects import kept_of
from gis_service.database.opened import opened
from gis_service.errors import UsageError
from gis_service.risk import keep, model
from gis_service.risk import wrong as wrong_risk
from layers import registry

app = typer.Typer()
db = typer.Typer(no_args_is_help=True)
app.add_typer(db, name="db", help="数据库 · The database: start, stop, status, upgrade, check, rebuild, revision.")


def _cluster() -> Cluster:
    """Return the embedded cluster.

    Raises
    ------
    UsageError
        Where the settings name another database, which is not ours to start or stop.
    """
    chosen = settings()
    if chosen.database_url:
        raise UsageError(
            "已设置 GIS_DATABASE_URL，使用的是外部数据库，不由本程序启停。",
            "GIS_DATABASE_URL names another database; it is not started or stopped here.",
        )
    return Cluster(chosen.home)


@db.command()
def start() -> None:
    """Start the embedded database and let it run until `gis db stop`."""
    cluster = _cluster()
    cluster.start()
    cluster.create_database()
    out.print(say("数据库已启动。", "The database runs."), f"127.0.0.1:{cluster.status().port}")


@db.command()
def stop() -> None:
    """Stop the embedded database cleanly."""
    _cluster().stop()
    out.print(say("数据库已停止。", "The database has stopped."))


@db.command()
def status(*, json: Json = False) -> None:
    """Say whether the embedded database runs, and where it is."""
    found = asdict(_cluster().status())
    if json:
        print_json({key: str(value) if key.endswith("directory") and value else value for key, value in found.items()})
        return
    print_table(["", ""], [[key, str(value)] for key, value in found.items()])


@db.command()
def upgrade() -> None:
    """Create or upgrade the district's tables, functions, triggers and checks."""
    with opened(settings()) as database:
        upgrades.upgrade(database)
        out.print(say("数据库结构已是最新。", "The tables are of this version."), database.schema)


@db.command()
def check(*, json: Json = False) -> None:
    """Count and score all anew and compare with what statistics and risk read; the exit code is 1 where they differ."""
    with opened(settings()) as database, database.reading() as connection:
        found = [cell for layer in registry().values() for kept in kept_of(layer) for cell in wrong(connection, kept)]
        found += wrong_risk(connection, model(connection, database.district(connection).today))
    if json:
        print_json([asdict(cell) for cell in found])
    elif found:
        heads = [say("表", "Table"), say("来源", "Side"), say("单元", "Cell")]
        print_table(heads, [[cell.table, cell.side, str(dict(cell.cell))] for cell in found])
        out.print(say("统计与记录不一致，请运行 gis db rebuild。", "Tallies differ from records. Run gis db rebuild."))
    else:
        out.print(say("统计与记录一致。", "Tallies are as the records say."))
    if found:
        raise typer.Exit(1)


@db.command()
def rebuild() -> None:
    """Count and score everything anew and keep what is found; who writes to a layer waits meanwhile."""
    with opened(settings()) as database:
        for layer in registry().values():
            with database.transaction() as connection:
                for kept in kept_of(layer):
                    count_anew(connection, kept)
        keep(database, anew=True)
        out.print(say("统计已重建。", "The tallies were counted anew."), database.schema)


@db.command()
def revision(message: Annotated[str, typer.Option("-m", "--message", help="What changes.")]) -> None:
    """Generate the migration for a new or changed layer; read it, then run `gis db upgrade`."""
    with opened(settings()) as database:
        out.print(str(upgrades.revision(database, message)))
