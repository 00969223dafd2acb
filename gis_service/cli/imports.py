"""gis import, gis sample load: files and the sample in."""

from __future__ import annotations

import getpass
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import TaskID

from gis_service.cli.shared import Json, day, err, language, print_json, print_table, progressing, ready, say, settings
from gis_service.database import Database
from gis_service.database.opened import opened
from gis_service.database.upgrade import upgrade
from gis_service.features import find_layer
from gis_service.ingest import Summary, import_file, parse_fields
from gis_service.ingest.sample import load_sample

app = typer.Typer()
sample = typer.Typer(no_args_is_help=True)
app.add_typer(sample, name="sample", help="示例区 · The sample district.")

_SHOWN = 20


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="GeoJSON or GeoPackage, in any CRS.")],
    layer: Annotated[str, typer.Option(help="The layer that takes the records.")],
    source_layer: Annotated[str | None, typer.Option(help="The layer of the file, where it has several.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="TARGET=SOURCE: which column becomes a field.")] = None,
    crs: Annotated[
        str | None, typer.Option(help="CRS of the coordinates, e.g. EPSG:4549, instead of the file's.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; the name of the file by default.")] = "",
    valid_from: Annotated[str, typer.Option(help="The day (YYYY-MM-DD) it holds from; today by default.")] = "",
    *,
    dry_run: Annotated[bool, typer.Option(help="Judge and count, write nothing.")] = False,
    json: Json = False,
) -> None:
    """Import a file into a layer; rows that break a rule are refused one by one, with the reason."""
    target, since = find_layer(layer), day("--valid-from", valid_from)
    fields = parse_fields(field or [])
    with ready() as database, progressing() as progress:
        task = progress.add_task(file.name, total=None)
        summary = import_file(
            database,
            file,
            target,
            source_layer=source_layer,
            fields=fields,
            crs=crs,
            dry_run=dry_run,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
            user=getpass.getuser(),
            reason=reason,
            valid_from=since,
        )
    if json:
        print_json(_document(summary))
    else:
        _print(summary, target.title.in_(language()))
    if summary.refused:
        raise typer.Exit(4)


@sample.command()
def load(
    *,
    scale: Annotated[int, typer.Option(min=1, help="How many times as dense as the district itself.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="A layer that becomes as dense; all by default.")] = None,
    replace: Annotated[bool, typer.Option(help="Delete what the district holds first.")] = False,
) -> None:
    """Load the sample district into an empty database."""
    dense = [find_layer(name).__tablename__ for name in only or ()]
    with opened(settings()) as database:
        upgrade(database)
        load_with_progress(database, scale=scale, only=dense, replace=replace)


def load_with_progress(
    database: Database, *, scale: int = 1, only: Collection[str] = (), replace: bool = False
) -> None:
    """Load the sample district and show how it goes, layer by layer."""
    tasks: dict[str, TaskID] = {}
    with progressing() as progress:

        def more(name: str, rows: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(find_layer(name).title.in_(language()), total=None)
            progress.advance(tasks[name], rows)

        load_sample(database, scale=scale, only=only, replace=replace, progress=more)


def _print(summary: Summary, title: str) -> None:
    words = {
        "read": say("读取", "read"),
        "inserted": say("新增", "inserted"),
        "updated": say("更新", "updated"),
        "unchanged": say("未变", "unchanged"),
    }
    rows: list[list[Any]] = [[word, getattr(summary, key)] for key, word in words.items()]
    print_table(["", title], [*rows, [say("拒绝", "refused"), len(summary.refused)]])
    separator = say("、", ", ")
    for heading, names in (
        (say("字段来源", "Fields"), [f"{target} ← {source}" for target, source in summary.fields.items()]),
        (say("没有对应字段，保存在 extra", "No field, kept in extra"), summary.extra),
        (say("由数据库维护，未采用", "Kept by the database, not taken"), summary.ignored),
    ):
        if names:
            err.print(f"{heading}{say('：', ': ')}{separator.join(names)}", markup=False)
    if summary.change:
        back = f"gis undo {summary.change}"
        err.print(say(f"更改编号 {summary.change}；撤销：{back}", f"Change {summary.change}; {back} takes it back"))
    if summary.refused:
        columns = [say("行", "row"), say("字段", "field"), say("值", "value"), say("原因", "reason")]
        shown = [[r.row, r.field, r.value, r.reason.in_(language())] for r in summary.refused[:_SHOWN]]
        print_table(columns, shown)
        if len(summary.refused) > _SHOWN:
            err.print(say("其余见 --json。", "The others: see --json."))


def _document(summary: Summary) -> dict[str, Any]:
    refused = [{**asdict(r), "reason": r.reason.in_(language())} for r in summary.refused]
    return {**asdict(summary), "refused": refused}
