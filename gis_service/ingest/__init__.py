"""Take files in: read, place, judge, load. A file is taken as a whole in one transaction, or nothing of it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import DataError, IntegrityError, InternalError

from gis_service.database import Database
from gis_service.errors import GeometryTypeError, SourceError
from gis_service.ingest.columns import match, parse_fields
from gis_service.ingest.judge import Judge, Refusal
from gis_service.ingest.load import Staging, load_frame
from gis_service.ingest.place import Place, crs_of
from gis_service.ingest.read import Source, geometry_column, open_source
from gis_service.ingest.shapes import named
from layers import Layer

__all__ = ["Refusal", "Summary", "import_file", "load_frame", "parse_fields"]

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Summary:
    """What became of a file's rows: `read` = `inserted` + `updated` + `unchanged` + the number of `refused`.

    `fields` says which column became which field (target to source), `extra` which columns are kept beside the
    fields, `ignored` which were left out because the database keeps those fields itself.
    """

    layer: str
    read: int
    inserted: int
    updated: int
    unchanged: int
    refused: list[Refusal] = field(default_factory=list)
    fields: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    dry_run: bool = False


def import_file(
    database: Database,
    path: Path | str,
    layer: type[Layer],
    *,
    source_layer: str | None = None,
    fields: Mapping[str, str] | None = None,
    crs: str | None = None,
    progress: Progress | None = None,
    dry_run: bool = False,
    user: str = "",
) -> Summary:
    """Import a file into a layer and say what became of its rows.

    Parameters
    ----------
    path
        A file that GDAL reads; GeoJSON and GeoPackage are what the service answers for.
    source_layer
        Which layer of the file, where it has several.
    fields
        Target field to source column, for columns that do not bear a field's name, label or alias.
    crs
        The CRS of the file's coordinates (`EPSG:4549`, `4549`, WKT ...) instead of the one that it states.
    progress
        Called with the rows done and the rows in all (None where the file does not say).
    dry_run
        Judge and count, but write nothing.
    user
        Who imports.

    Raises
    ------
    SourceError
        Where the file as a whole cannot be taken: unreadable, no CRS, no geometry that fits the layer.
    UsageError
        Where a name is not there, or the source layer has to be chosen.
    """
    source = open_source(Path(path), source_layer)
    columns = match(layer, source.columns, fields)
    judge = Judge(layer, columns, Place(crs_of(source.path.name, source.crs, crs)))
    refused: list[Refusal] = []
    read = fitting = shaped = 0
    try:
        with database.transaction(user) as connection:
            staging = Staging(connection, layer, columns)
            for batch in source.batches():
                judged = judge(batch, geometry_column(batch.schema), read + 1)
                staging.add(judged.table)
                refused += judged.refused
                read, fitting, shaped = read + len(batch), fitting + judged.fitting, shaped + judged.shaped
                if progress:
                    progress(read, source.rows)
            if shaped and not fitting:
                raise _wrong_type(source, layer)
            counts = staging.load(dry_run=dry_run)
    except (DataError, IntegrityError, InternalError) as error:
        raise SourceError(
            f"数据库拒绝了 {source.path.name}：{_first_line(error.orig)}",
            f"The database refused {source.path.name}: {_first_line(error.orig)}",
        ) from error
    return Summary(
        layer.__tablename__,
        read,
        counts.inserted,
        counts.updated,
        counts.unchanged,
        refused,
        columns.fields,
        columns.extra,
        columns.ignored,
        dry_run,
    )


def _wrong_type(source: Source, layer: type[Layer]) -> GeometryTypeError:
    held, title = named(layer.geometry), layer.title
    return GeometryTypeError(
        f"{source.path.name} 中没有一条记录的几何类型适合图层“{title.zh}”（只收{held.zh}）。",
        f"No geometry of {source.path.name} is of a type that {title.en} hold ({held.en}).",
        allowed=layer.geometry,
    )


def _first_line(error: BaseException | None) -> str:
    return str(error).partition("\n")[0]
