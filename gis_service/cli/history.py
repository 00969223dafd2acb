"""gis history and gis restore: the versions of a feature."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from gis_service.cli.shared import Json, asked, day, language, out, print_json, print_table, ready, say
from gis_service.features import find_layer
from gis_service.history import history as history_
from gis_service.history import restore as restore_

app = typer.Typer()


@app.command()
def history(
    layer: Annotated[str, typer.Argument(help="The layer.")],
    code: Annotated[str, typer.Argument(help="The feature's code.")],
    *,
    json: Json = False,
) -> None:
    """List the versions of a feature: what changed, when, by whom, and why."""
    with asked() as (_, connection, _):
        found = history_(connection, find_layer(layer), code, language())
    if json:
        print_json({"layer": layer, "code": code, "versions": found})
        return
    rows = []
    for version in found:
        changes = "; ".join(
            f"{c['label']} {c['moved_m']} m"
            if c["field"] == "geom"
            else f"{c['label']} {_read(c['from'])} → {_read(c['to'])}"
            for c in version["changes"]
        )
        since, recorded = f"{version['valid_from']:%Y-%m-%d}", f"{version['recorded_at']:%Y-%m-%d %H:%M}"
        rows.append([str(version["version"]), since, recorded, version["by"], version["reason"], changes])
    print_table(say("版本 起 记录于 人 原因 更改", "version from recorded by reason changes").split(), rows)


def _read(value: object) -> str:
    return "—" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@app.command()
def restore(
    layer: Annotated[str, typer.Argument(help="The layer.")],
    code: Annotated[str, typer.Argument(help="The feature's code.")],
    version: Annotated[int, typer.Argument(help="The version to return to.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    valid_from: Annotated[str, typer.Option(help="The day (YYYY-MM-DD) it holds from; today by default.")] = "",
) -> None:
    """Make a feature what it was in one of its versions; that is a change with a history of its own."""
    since, chosen = day("--valid-from", valid_from), find_layer(layer)
    with (
        ready() as database,
        database.transaction(getpass.getuser(), reason=reason, valid_from=since) as connection,
    ):
        made = restore_(connection, chosen, code, version)
    out.print(
        say(f"{code} 已恢复为第 {version} 版，现为第 {made} 版。", f"{code} is as in version {version}; now {made}.")
    )
