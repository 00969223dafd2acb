"""gis export, gis map: files out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gis_service.cli.shared import Area, AsOf, Filter, asked, err, language, pairs, progressing, say, settings
from gis_service.errors import UnknownValue
from gis_service.exports import ENCODINGS, FORMATS, Export, export_file, place, replacing
from gis_service.features import find_layer, selection
from gis_service.publish import Reader, find_map, saved

app = typer.Typer()


@app.command()
def export(
    layer: Annotated[str, typer.Argument(help="The layer to give out.")],
    file: Annotated[Path, typer.Argument(help=f"The file to write: {', '.join(f'.{f}' for f in FORMATS)}.")],
    filter: Filter = "",
    area: Area = "",
    as_of: AsOf = "",
    crs: Annotated[str, typer.Option(help="EPSG:CODE, GCJ02 or BD09; EPSG:4490 by default.")] = "",
    lang: Annotated[str, typer.Option(help="Language of headings and words: zh or en.")] = "",
    encoding: Annotated[str, typer.Option(help="Of a Shapefile: UTF-8, or GBK with Chinese names.")] = "UTF-8",
) -> None:
    """Export a layer, or what a filter or an area chooses of it, to a file."""
    source, where = find_layer(layer), place(crs)
    if lang not in ("", "zh", "en"):
        raise UnknownValue("--lang", lang, ["zh", "en"])
    if encoding.upper() not in ENCODINGS:
        raise UnknownValue("--encoding", encoding, ENCODINGS)
    with asked(as_of) as (database, connection, today), progressing() as progress:
        task = progress.add_task(file.name, total=None)
        clause = selection(connection, source, today, filter=filter, area=area)
        wanted = Export(
            database,
            source,
            clause,
            today if as_of else None,
            where,
            "en" if (lang or language()) == "en" else "zh",
            filter=filter,
            area=area,
            encoding=encoding.upper(),
            progress=lambda done: progress.update(task, completed=done),
        )
        number = export_file(wanted, file)
    err.print(say(f"已写出 {number} 条记录：{file}", f"{number} features written: {file}"))


@app.command("map")
def map_(
    name: Annotated[str, typer.Argument(help="The map: status, risk, along, projects, ...")],
    file: Annotated[Path, typer.Argument(help="The .html file to write; it works without the service.")],
    area: Area = "",
    as_of: AsOf = "",
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: a parameter of the map, e.g. code=HD-001.")
    ] = None,
    lang: Annotated[str, typer.Option(help="zh or en.")] = "",
) -> None:
    """Save a map as one HTML file that holds everything it needs."""
    chosen = find_map(name)
    given = pairs(param or [], "--param")
    allowed = [p.name for p in chosen.parameters]
    for key in given:
        if key not in allowed:
            raise UnknownValue("--param", key, allowed)
    if lang not in ("", "zh", "en"):
        raise UnknownValue("--lang", lang, ["zh", "en"])
    with asked(as_of) as (_, connection, today):
        reader = Reader("en" if (lang or language()) == "en" else "zh", area, today)
        html = saved(connection, chosen, reader, given, settings())
    with replacing(file) as unfinished:
        unfinished.write_text(html, "utf-8")
    err.print(say(f"已保存：{file}", f"Saved: {file}"))
