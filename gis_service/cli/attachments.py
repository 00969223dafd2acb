"""gis attachments: the photos and files on features."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from gis_service.attachments import Store
from gis_service.attachments.check import check as check_
from gis_service.cli.shared import Json, print_json, print_table, ready, say, settings

app = typer.Typer()
attachments = typer.Typer(no_args_is_help=True)
app.add_typer(attachments, name="attachments", help="附件 · Photos and files on features.")


@attachments.callback()
def _group() -> None:
    """Hold the commands."""


@attachments.command()
def check(
    *,
    remove_orphans: Annotated[bool, typer.Option(help="Remove what no record names and is older than a day.")] = False,
    json: Json = False,
) -> None:
    """Compare every attachment's bytes with its hash; list what is missing, damaged, or named by no record."""
    with ready() as database:
        found = check_(database, Store(settings()), remove_orphans=remove_orphans)
    if json:
        print_json(asdict(found))
    else:
        removed = say("无主（已删除）", "orphans (removed)") if remove_orphans else say("无主", "orphans")
        groups = {say("缺失", "missing"): found.missing, say("损坏", "damaged"): found.damaged, removed: found.orphans}
        counts = [[say("完好", "sound"), found.sound], *([word, len(keys)] for word, keys in groups.items())]
        print_table(["", say("附件", "attachments")], counts)
        print_table(["", say("键", "key")], [[word, key] for word, keys in groups.items() for key in keys])
    if found.missing or found.damaged:
        raise typer.Exit(1)
