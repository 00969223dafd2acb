"""Take files in: read, place, judge, load. A file is taken as a whole in one transaction, or nothing of it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy.exc import DataError, IntegrityError, InternalError

from gis_service.database import Database
from gis_service.errors import GeometryTypeError, SourceError
from gis_service.ingest.columns import match, parse_fields
from gis_service.ingest.frames import load_frame
from gis_service.ingest.judge import Judge, Refusal
from gis_service.ingest.load import Staging
from gis_service.ingest.place import Place, crs_of
from gis_service.ingest.read import open_source
from gis_service.ingest.shapes import named
from layers import STORED_SRID, Layer, Subjected

__all__ = ["Refusal", "Summary", "import_file", "load_frame", "parse_fields"]

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Summary:
    """What became of a file's rows: `read` = `inserted` + `updated` + `unchanged` + the number of `refused`.

    `fields` says which column became which field (target to source), `extra` which columns are kept beside the
    fields, `ignored` which were left out because the database keeps those fields itself. `change` is the number by
    which the import can be undone, None where it has written nothing.
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
    change: int | None = None
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
    reason: str = "",
    valid_from: date | None = None,
) -> Summary:
    """Import a file into a layer and say what became of its rows.

    Parameters
    ----------
    path
        A file that GDAL reads; GeoJSON and GeoPackage are what the service answers for.
    source_layer
        Which layer of the file, where it has several.
    fields
        Target field to source column, for columns that do not bear a field's name, label or alias; an empty source
        leaves the field alone, and a column that would have become it goes to `extra`.
    crs
        The CRS of the file's coordinates (`EPSG:4549`, `4549`, WKT ...) instead of the one that it states.
    progress
        Called with the rows done and the rows in all (None where the file does not say).
    dry_run
        Judge and count, but write nothing.
    user
        Who imports.
    reason
        Why; by default the name of the file says it.
    valid_from
        The day that the records hold from, the district's by default.

    Raises
    ------
    OutOfOrder
        Where `valid_from` is before a version that a row would follow.
    SourceError
        Where the file as a whole cannot be taken: unreadable, no CRS, no geometry that fits the layer. What is about
        features may come without any, in tables too.
    UsageError
        Where a name is not there, or the source layer has to be chosen.
    """
    path = Path(path)
    refused: list[Refusal] = []
    read = fitting = shaped = 0
    with open_source(path, source_layer, tables=issubclass(layer, Subjected)) as source, _accepted(path):
        columns = match(layer, source.columns, fields)
        stated = source.crs if source.geometry else f"EPSG:{STORED_SRID}"
        judge = Judge(layer, columns, Place(crs_of(path.name, stated, crs)))
        why = reason or f"导入 {path.name}"
        with database.transaction(user, reason=why, valid_from=valid_from) as connection:
            staging = Staging(connection, layer, columns)
            for batch in source.batches():
                judged = judge(batch, source.geometry, read + 1)
                staging.add(judged)
                refused += judged.refused
                read, fitting, shaped = read + len(batch), fitting + judged.fitting, shaped + judged.shaped
                if progress:
                    progress(read, source.rows)
            if shaped and not fitting:
                raise _wrong_type(path, layer)
            refused += staging.refuse_homeless()
            counts = staging.load(dry_run=dry_run)
            change = connection.exec_driver_sql("SELECT nullif(current_setting('gis.change', true), '')").scalar_one()
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
        int(change) if change else None,
        dry_run,
    )


def _wrong_type(path: Path, layer: type[Layer]) -> GeometryTypeError:
    held, title = named(layer.geometry), layer.title
    return GeometryTypeError(
        f"{path.name} 中没有一条记录的几何类型适合图层“{title.zh}”（只收{held.zh}）。",
        f"No geometry of {path.name} is of a type that the layer {title.en} holds ({held.en}).",
    )


@contextmanager
def _accepted(path: Path) -> Iterator[None]:
    """Say which file it was that the database, the last to judge, refused."""
    try:
        yield
    except (DataError, IntegrityError, InternalError) as error:
        # the database's own words are in its log
        rule = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        raise SourceError(
            f"数据库拒绝了 {path.name}{f'（规则 {rule}）' if rule else ''}，没有写入任何内容；原因见数据库日志。",
            f"The database refused {path.name}{f' ({rule})' if rule else ''}; nothing was written. Its log says why.",
        ) from error
