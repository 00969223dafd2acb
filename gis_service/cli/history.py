"""gis history, restore, changes, undo: what was, who wrote what, and how it is taken back."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gis_service.changes import Wanted
from gis_service.changes import change as change_
from gis_service.changes import changes as changes_
from gis_service.cli.shared import Json, asked, day, language, out, print_json, print_table, ready, say
from gis_service.features import find_layer
from gis_service.history import difference
from gis_service.history import history as history_
from gis_service.history import restore as restore_
from gis_service.undo import undo as undo_

app = typer.Typer()


@app.command()
def history(
    layer: Annotated[str, typer.Argument(help="The layer.")],
    code: Annotated[str, typer.Argument(help="The feature's code.")],
    since: Annotated[int, typer.Option("--from", help="With --to: only what differs between two versions.")] = 0,
    until: Annotated[int, typer.Option("--to", help="The other of the two versions.")] = 0,
    *,
    json: Json = False,
) -> None:
    """List the versions of a feature: what changed, when, by whom, and why."""
    if since or until:
        _print_difference(layer, code, (since, until), json=json)
        return
    with asked() as (_, connection, _):
        found = history_(connection, find_layer(layer), code, language())
    if json:
        print_json({"layer": layer, "code": code, "versions": found})
        return
    rows = []
    for version in found:
        changes = "; ".join(map(_said, version["changes"]))
        since_, recorded = f"{version['valid_from']:%Y-%m-%d}", f"{version['recorded_at']:%Y-%m-%d %H:%M}"
        rows.append([str(version["version"]), since_, recorded, version["by"], version["reason"], changes])
    print_table(say("版本 起 记录于 人 原因 更改", "version from recorded by reason changes").split(), rows)


def _print_difference(layer: str, code: str, of: tuple[int, int], *, json: bool) -> None:
    with asked() as (_, connection, _):
        found = difference(connection, find_layer(layer), code, of, language())
    if json:
        print_json({"layer": layer, "code": code, "from": of[0], "to": of[1], "changes": found})
        return
    for change in found:
        out.print(_said(change), markup=False)


def _said(change: Mapping[str, Any]) -> str:
    if change["field"] == "geom":
        return f"{change['label']} {change['moved_m']} m"
    return f"{change['label']} {_read(change['from'])} → {_read(change['to'])}"


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
        database.transaction(getpass.getuser(), reason=reason, valid_from=since, transition="restore") as connection,
    ):
        made = restore_(connection, chosen, code, version)
    out.print(
        say(f"{code} 已恢复为第 {version} 版，现为第 {made} 版。", f"{code} is as in version {version}; now {made}.")
    )


@app.command()
def changes(
    number: Annotated[int, typer.Argument(help="One change, with the records it touched; all by default.")] = 0,
    layer: Annotated[str, typer.Option(help="Only changes of this layer.")] = "",
    by: Annotated[str, typer.Option(help="Only changes of this user.")] = "",
    reason: Annotated[str, typer.Option(help="Only changes with this in their reason.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    after: Annotated[int, typer.Option(min=0, help="Only changes before this one: the next page.")] = 0,
    *,
    json: Json = False,
) -> None:
    """List the changes, the newest first: who wrote what, when, and why. Each can be undone."""
    wanted = Wanted(by, reason, find_layer(layer) if layer else None, after, limit)
    with asked() as (_, connection, _):
        one = change_(connection, number) if number else None
        found = [one] if one else changes_(connection, wanted)
    if json:
        print_json(one or {"changes": found})
        return
    rows = [
        [str(c["id"]), f"{c['recorded_at']:%Y-%m-%d %H:%M}", c["by"], c["reason"], _counted(c["layers"]), _undoing(c)]
        for c in found
    ]
    print_table(say("编号 记录于 人 原因 记录 撤销", "change recorded by reason records undone").split(), rows)
    if one:
        records = [[r["layer"], r["code"], r["name"], r["what"]] for r in one["records"]]
        print_table(say("图层 编号 名称 如何", "layer code name what").split(), records)


def _counted(layers: Mapping[str, Mapping[str, int]]) -> str:
    signs = {"inserted": "+", "updated": "~", "deleted": "-"}
    return "; ".join(
        f"{name} {' '.join(f'{signs[what]}{number}' for what, number in counts.items() if number)}"
        for name, counts in layers.items()
    )


def _undoing(found: Mapping[str, Any]) -> str:
    undone = say(f"已由 {found['undone_by']} 撤销", f"by {found['undone_by']}") if found["undone_by"] else ""
    undoes = say(f"撤销 {found['undoes']}", f"undoes {found['undoes']}") if found["undoes"] else ""
    return "; ".join(filter(None, (undoes, undone)))


@app.command()
def undo(
    number: Annotated[int, typer.Argument(help="The change to take back, from `gis changes` or an import.")],
    reason: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Take a change back as a whole: an import, an edit, a deletion, or an undo. It is a change with a history."""
    with ready() as database, database.transaction(getpass.getuser(), reason=reason) as connection:
        made = undo_(connection, number)
    out.print(say(f"更改 {number} 已撤销（更改 {made}）。", f"Change {number} is undone, by change {made}."))
